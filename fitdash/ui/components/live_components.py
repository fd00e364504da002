"""Components that are updated in place: Plotly charts that keep zoom, legend and hover; text, progress, epoch cursor.

`st.plotly_chart` replaces its DOM node whenever its data change (Streamlit pull request 16052); once that is fixed,
this file can go. Plotly's own script is served from the installed package: nothing is copied or fetched from outside.
Streamlit sends a component's script again with every change of its data, so the script here only imports a module.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import plotly
import streamlit as st
from streamlit.components.v1 import declare_component

from fitdash.charts.theme import Chart

CHART_HEIGHT = "clamp(300px, 40vh, 560px)"
PROJECTOR_HEIGHT = "clamp(420px, 54vh, 900px)"
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
_progress = st.components.v2.component("fitdash_progress", js=CALL.replace("NAME", "progress"), isolate_styles=False)
_words = st.components.v2.component("fitdash_words", js=CALL.replace("NAME", "words"), isolate_styles=False)
_keys = st.components.v2.component("fitdash_keys", js=CALL.replace("NAME", "keys"), isolate_styles=False)


@dataclass(frozen=True, kw_only=True)
class LiveChart:
    """What a chart shows at one moment.

    Attributes:
        spec: In Plotly's schema. A number at a trace's `meta.color` is an index into the theme's list of colours.
            `meta.scale` (of a map) and `meta.markers` are scales of [position, colour or "ink", share of it on paper];
            `meta.edge` is "ink" or "paper" around markers.
        alt: Text alternative of the chart.
        rev: Number of points drawn; a browser test waits for it.
        of: Identifies what grows, such as a run's uid; of two charts with the same one, the later is shown.
        seq: Larger for the later chart.
    """

    spec: Chart
    alt: str
    rev: int = 0
    of: str = ""
    seq: int = 0


@dataclass(frozen=True, kw_only=True)
class LiveText:
    """A line of text that live updates change.

    Attributes:
        bold: Start of the line, in bold.
        of, seq: As in `LiveChart`.
    """

    text: str
    bold: str = ""
    of: str = ""
    seq: int = 0


def to_browser(shown: LiveChart | LiveText) -> dict[str, Any]:
    """The component's data, as plain values that JSON can hold."""
    of = {"of": shown.of, "seq": shown.seq}
    if isinstance(shown, LiveText):
        return {"bold": shown.bold, "words": shown.text, **of}
    return {"spec": json.dumps(shown.spec), "alt": shown.alt, "rev": str(shown.rev), **of}


def bind_keys() -> None:
    """Binds the keys F, P, E, S and W to the buttons that control a run; draws nothing."""
    _keys(key="key-presses", data={"module": _module("keys.js")})


def draw_chart(spec: Chart, *, key: str, alt: str, rev: int = 0, **more: Any) -> None:
    """Draws a chart that gets no live updates; arguments as in `LiveChart` and `draw_live_chart`."""
    draw_live_chart(LiveChart(spec=spec, alt=alt, rev=rev), key=key, **more)


def draw_live_chart(
    picture: LiveChart,
    *,
    key: str,
    height: str = CHART_HEIGHT,
    metric: str = "",
    shares: bool = False,
    bold: float = 1.0,
    on_pick: Callable[[], None] | None = None,
) -> None:
    """Draws a chart, sent whole each time: Streamlit may drop what was sent in between.

    Args:
        key: Of the chart on the page: the same key is the same DOM node.
        height: In CSS.
        metric: Name beside the chart's values at the cursor; without one, it shows no values there.
        shares: True if the chart shares zoom and hover with all such charts of the page; with a metric it always does.
        bold: Factor of the size of annotations.
        on_pick: Called when the user clicks a point; `st.session_state[key]["picked"]` is its position in its trace:
            an index, or row and column of a map.
    """
    data = to_browser(picture) | {"src": _plotly_js(), "name": key, "bold": bold, "height": height, "metric": metric}
    data |= {"shares": shares, "module": _module()}
    if on_pick is None:
        _chart(key=key, data=data)
    else:
        _chart(key=key, data={**data, "picks": True}, on_picked_change=on_pick)


def draw_live_text(words: LiveText, *, key: str) -> None:
    """Draws a line of text."""
    _words(key=key, data=to_browser(words) | {"name": key, "module": _module()})


def draw_live_progress(data: Mapping[str, Any], *, key: str) -> None:
    """Draws the progress bar of a run.

    Args:
        data: "share" (0 to 1), "text" (the same in words), "of" and "seq" as in `LiveChart`.
    """
    _progress(key=key, data={**data, "module": _module()})


def draw_epoch_cursor(
    data: Mapping[str, Any], *, key: str, on_change: Callable[[], None], on_due: Callable[[], None]
) -> None:
    """Draws the slider of the epoch cursor, with play and pause.

    Args:
        data: "run", "seq", "start", "done" and "planned" (numbers of finished epochs), "places" (their positions on the
            axis, None if that is the number itself), "exact" (values at the cursor, as charts may be thinned); "feed"
            is the URL to poll for updates of all charts every so many "seconds", None if there is none.
        key: Of the component; `st.session_state[key]["epoch"]` is the number of epochs finished at the cursor.
        on_change: Called when the user moved the cursor.
        on_due: Called when an update says that the page must rerun.
    """
    data = {**data, "module": _module()}
    _cursor(key=key, data=data, default={"epoch": None}, on_epoch_change=on_change, on_due_change=on_due)


def _plotly_js() -> str:
    """URL of Plotly's own script, served from the installed package."""
    return f"{_served('plotly', Path(plotly.__file__).parent / 'package_data')}/plotly.min.js?v={plotly.__version__}"


def _module(name: str = "live.js") -> str:
    """URL of a script; it changes with the content, so that no browser uses an old copy."""
    return f"{_served('fitdash', BROWSER)}/{name}?v={_mark()}"


@cache
def _mark() -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(BROWSER.glob("*.js")))).hexdigest()[:12]


def _served(name: str, folder: Path) -> str:
    """URL path under which a folder is served."""
    base = (st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{'/' + base if base else ''}/component/{_declared(name, folder)}"


@cache
def _declared(name: str, folder: Path) -> str:
    """Name under which Streamlit serves a folder; declared once in this process."""
    return declare_component(name, path=folder).name
