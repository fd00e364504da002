"""A Plotly chart that is updated in place: zoom, legend choices and hover survive every update.

`st.plotly_chart` replaces its DOM node whenever its data change (streamlit pull request 16052); once that is over,
this is the one file to drop. Plotly's own script is served from the installed package: nothing is copied or fetched
from outside.
"""

import json
from pathlib import Path
from typing import Any

import plotly
import streamlit as st
from streamlit.components.v1 import declare_component

from fitdash.charts.theme import Chart

HEIGHT = "clamp(300px, 40vh, 560px)"
SCRIPT = r"""
const library = src => window.__fitdashPlotly ??= new Promise((resolve, reject) => {
  const script = document.createElement('script');
  script.onload = () => resolve(window.Plotly);
  script.onerror = () => { window.__fitdashPlotly = undefined; reject(new Error('plotly.min.js did not load')); };
  script.src = src;
  document.head.append(script);
});

export default function ({data, parentElement: root}) {          // called anew for new data and for a new theme
  let box = root.querySelector('.fitdash-chart');
  if (!box) {
    box = Object.assign(document.createElement('div'), {className: 'fitdash-chart'});
    root.append(box);
    let frame;
    box.watcher = new ResizeObserver(() => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => box.dataset.ready && box.offsetWidth && window.Plotly.Plots.resize(box));
    });
    box.watcher.observe(box);
  }
  box.style.height = data.height;
  box.setAttribute('role', 'img');
  box.setAttribute('aria-label', data.alt);
  const style = getComputedStyle(root), css = name => style.getPropertyValue('--st-' + name).trim();
  const draw = async () => {
    const Plotly = await library(data.src), figure = JSON.parse(data.spec);
    const ink = css('text-color'), line = css('border-color'), paper = css('secondary-background-color');
    const colours = css('chart-categorical-colors').split(',');
    for (const trace of figure.data) {
      const color = colours[trace.meta?.color];
      if (color) { trace.line = {...trace.line, color}; trace.marker = {...trace.marker, color}; }
    }
    const axis = {gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true};
    const none = 'rgba(0,0,0,0)';
    const layout = {...figure.layout, autosize: true, paper_bgcolor: none, plot_bgcolor: none,
      font: {color: ink, family: css('font'), size: parseFloat(getComputedStyle(document.documentElement).fontSize)},
      dragmode: matchMedia('(pointer: coarse)').matches ? false : 'zoom', colorway: colours,
      modebar: {bgcolor: 'rgba(0,0,0,0)', color: ink, activecolor: ink, orientation: 'h'},
      hoverlabel: {bgcolor: paper, bordercolor: line, font: {color: ink, family: css('font')}}};
    for (const name of Object.keys(layout).filter(k => /^[xy]axis/.test(k))) {
      layout[name] = {...axis, ...layout[name], title: {...layout[name].title, font: layout.font, standoff: 8}};
    }
    for (const shape of layout.shapes ?? []) shape.line = {...shape.line, color: ink};
    for (const note of layout.annotations ?? []) note.hoverlabel = layout.hoverlabel;
    await Plotly.react(box, figure.data, layout, {displaylogo: false, showSendToCloud: false, doubleClick: 'reset',
      modeBarButtonsToRemove: ['lasso2d', 'select2d', 'zoomIn2d', 'zoomOut2d', 'autoScale2d'],
      toImageButtonOptions: {format: 'svg', filename: data.name}});
    box.dataset.ready = '1';
    box.dataset.rev = data.rev;                                   // what a browser test waits for
  };
  box.queue = (box.queue ?? Promise.resolve()).then(draw).catch(error => {
    box.dataset.failed = error.message;
    if (!box.dataset.ready) box.textContent = 'The chart cannot be drawn: ' + error.message;
  });
  return () => { box.watcher.disconnect(); window.Plotly?.purge(box); };   // on unmount only
}
"""

_mount = st.components.v2.component("fitdash_chart", js=SCRIPT, isolate_styles=False)


def live_chart(spec: Chart, *, key: str, alt: str, height: str = HEIGHT, rev: int = 0) -> None:
    """Draw `spec`, whole each time: Streamlit may drop what was sent in between.

    Args:
        spec: In plotly's schema; a number at a trace's `meta.color` is a place in the theme's list of colours.
        key: Which chart of the page: the same key is the same DOM node.
        alt: The chart in words.
        height: As CSS says it.
        rev: Count of points drawn; a browser test waits for it.
    """
    data: dict[str, Any] = {"spec": json.dumps(spec), "src": _plotly_js(), "alt": alt, "name": key}
    _mount(key=key, data={**data, "height": height, "rev": str(rev)})


def _plotly_js() -> str:
    """URL of plotly's own script, served from where the package is installed."""
    served = declare_component("plotly", path=Path(plotly.__file__).parent / "package_data")
    base = (st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{'/' + base if base else ''}/component/{served.name}/plotly.min.js?v={plotly.__version__}"
