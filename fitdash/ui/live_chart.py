"""Plotly charts that are updated in place: zoom, legend choices and hover survive every update; one cursor for all.

`st.plotly_chart` replaces its DOM node whenever its data change (streamlit pull request 16052); once that is over,
this is the one file to drop. Plotly's own script is served from the installed package: nothing is copied or fetched
from outside. Streamlit sends a component's script again with every change of its data, so it only calls the module.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import plotly
import streamlit as st
from streamlit.components.v1 import declare_component

from fitdash.charts.theme import Chart

HEIGHT = "clamp(300px, 40vh, 560px)"
TALL = "clamp(340px, 46vh, 900px)"
BROWSER = Path(__file__).parent / "browser"
CALL = """
const load = data => import(new URL(data.module, document.baseURI).href);
export default function (sent) {
  load(sent.data).then(module => module.NAME(sent));
  return () => load(sent.data).then(module => module.leave(sent.parentElement));
}
"""

_chart = st.components.v2.component("fitdash_chart", js=CALL.replace("NAME", "chart"), isolate_styles=False)
_cursor = st.components.v2.component("fitdash_cursor", js=CALL.replace("NAME", "cursor"), isolate_styles=False)

_keys = st.components.v2.component("fitdash_keys", js=CALL.replace("NAME", "keys"), isolate_styles=False)


def live_keys() -> None:
    """Lets keys press the buttons that steer a run: F, P, E, S, W."""
    _keys(key="key-presses", data={"module": _module()})


def live_chart(
    spec: Chart,
    *,
    key: str,
    alt: str,
    height: str = HEIGHT,
    rev: int = 0,
    metric: str = "",
    bold: float = 1.0,
    on_pick: Callable[[], None] | None = None,
) -> None:
    """Draw `spec`, whole each time: Streamlit may drop what was sent in between.

    Args:
        spec: In plotly's schema; a number at a trace's `meta.color` is a place in the theme's list of colours. Its
            `meta.scale` (of a map) and `meta.markers` are scales of [place, colour or "ink", share of it on paper];
            `meta.edge` is "ink" or "paper" around markers.
        key: Which chart of the page: the same key is the same DOM node.
        alt: The chart in words.
        height: As CSS says it.
        rev: Count of points drawn; a browser test waits for it.
        metric: Its name in the values at the cursor; without one it has none there.
        bold: Factor of the signs.
        on_pick: Called when something was clicked; `st.session_state[key]["picked"]` is its place in its trace: an
            index, or row and column of a map.
    """
    data: dict[str, Any] = {"spec": json.dumps(spec), "src": _plotly_js(), "alt": alt, "name": key, "bold": bold}
    data |= {"height": height, "rev": str(rev), "metric": metric, "module": _module()}
    if on_pick is None:
        _chart(key=key, data=data)
    else:
        _chart(key=key, data={**data, "picks": True}, on_picked_change=on_pick)


def live_cursor(data: Mapping[str, Any], *, key: str, on_change: Callable[[], None]) -> None:
    """The slider of the epoch cursor, with play and pause.

    Args:
        data: "run", "start" and "done" and "planned" (numbers of epochs that are over), "places" (where they are on
            the axis, None where that is the number itself), "exact" (values at the cursor where charts are thinned).
        key: Of the component; `st.session_state[key]["epoch"]` is the number of epochs that are over at the cursor.
        on_change: Called when it was moved.
    """
    _cursor(key=key, data={**data, "module": _module()}, default={"epoch": None}, on_epoch_change=on_change)


def _plotly_js() -> str:
    """URL of plotly's own script, served from where the package is installed."""
    return f"{_served('plotly', Path(plotly.__file__).parent / 'package_data')}/plotly.min.js?v={plotly.__version__}"


def _module() -> str:
    """URL of the script that draws; another one for other content, so that no browser keeps an old one."""
    return f"{_served('fitdash', BROWSER)}/live.js?v={_mark()}"


@cache
def _mark() -> str:
    return hashlib.sha256((BROWSER / "live.js").read_bytes()).hexdigest()[:12]


def _served(name: str, folder: Path) -> str:
    """Where a folder is served."""
    base = (st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{'/' + base if base else ''}/component/{_declared(name, folder)}"


@cache
def _declared(name: str, folder: Path) -> str:
    """Name under which this process serves a folder."""
    return declare_component(name, path=folder).name
