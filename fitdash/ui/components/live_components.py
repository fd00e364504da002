"""Plotly charts that are updated in place: zoom, legend choices and hover survive every update; one cursor for all.

`st.plotly_chart` replaces its DOM node whenever its data change (streamlit pull request 16052); once that is over,
this is the one file to drop. Plotly's own script is served from the installed package: nothing is copied or fetched
from outside. Streamlit sends a component's script again with every change of its data, so it only calls the module.
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
        spec: In plotly's schema; a number at a trace's `meta.color` is a place in the theme's list of colours. Its
            `meta.scale` (of a map) and `meta.markers` are scales of [place, colour or "ink", share of it on paper];
            `meta.edge` is "ink" or "paper" around markers.
        alt: The chart in words.
        rev: Count of points drawn; a browser test waits for it.
        of: What it is of, where it grows: of two pictures of the same the later one is shown.
        seq: The later one has the larger number.
    """

    spec: Chart
    alt: str
    rev: int = 0
    of: str = ""
    seq: int = 0


@dataclass(frozen=True, kw_only=True)
class LiveText:
    """A line that goes on with what is shown.

    Attributes:
        bold: What it begins with.
        of, seq: As a picture has them.
    """

    text: str
    bold: str = ""
    of: str = ""
    seq: int = 0


def to_browser(shown: LiveChart | LiveText) -> dict[str, Any]:
    """The same for the browser."""
    of = {"of": shown.of, "seq": shown.seq}
    if isinstance(shown, LiveText):
        return {"bold": shown.bold, "words": shown.text, **of}
    return {"spec": json.dumps(shown.spec), "alt": shown.alt, "rev": str(shown.rev), **of}


def bind_keys() -> None:
    """Lets keys press the buttons that steer a run: F, P, E, S, W."""
    _keys(key="key-presses", data={"module": _module("keys.js")})


def draw_chart(spec: Chart, *, key: str, alt: str, rev: int = 0, **more: Any) -> None:
    """Draw a chart that nothing is told of between two drawings; see `Picture` and `live_picture`."""
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
    """Draw a picture, whole each time: Streamlit may drop what was sent in between.

    Args:
        key: Which chart of the page: the same key is the same DOM node.
        height: As CSS says it.
        metric: Its name in the values at the cursor; without one it has none there.
        shares: Zoom and hover are those of all such charts of the page; with a metric they always are.
        bold: Factor of the signs.
        on_pick: Called when something was clicked; `st.session_state[key]["picked"]` is its place in its trace: an
            index, or row and column of a map.
    """
    data = to_browser(picture) | {"src": _plotly_js(), "name": key, "bold": bold, "height": height, "metric": metric}
    data |= {"shares": shares, "module": _module()}
    if on_pick is None:
        _chart(key=key, data=data)
    else:
        _chart(key=key, data={**data, "picks": True}, on_picked_change=on_pick)


def draw_live_text(words: LiveText, *, key: str) -> None:
    """Draw a line of words."""
    _words(key=key, data=to_browser(words) | {"name": key, "module": _module()})


def draw_live_progress(data: Mapping[str, Any], *, key: str) -> None:
    """How far a run is.

    Args:
        data: "share" (0 to 1), "text" (the same in words), "of" and "seq" as a picture has them.
    """
    _progress(key=key, data={**data, "module": _module()})


def draw_epoch_cursor(
    data: Mapping[str, Any], *, key: str, on_change: Callable[[], None], on_due: Callable[[], None]
) -> None:
    """The slider of the epoch cursor, with play and pause.

    Args:
        data: "run", "seq", "start" and "done" and "planned" (numbers of epochs that are over), "places" (where they are
            on the axis, None where that is the number itself), "exact" (values at the cursor where charts are thinned);
            "feed" is where to ask for news of all charts, every so many "seconds", None where there are none.
        key: Of the component; `st.session_state[key]["epoch"]` is the number of epochs that are over at the cursor.
        on_change: Called when it was moved.
        on_due: Called when news told that more has changed than they can tell.
    """
    data = {**data, "module": _module()}
    _cursor(key=key, data=data, default={"epoch": None}, on_epoch_change=on_change, on_due_change=on_due)


def _plotly_js() -> str:
    """URL of plotly's own script, served from where the package is installed."""
    return f"{_served('plotly', Path(plotly.__file__).parent / 'package_data')}/plotly.min.js?v={plotly.__version__}"


def _module(name: str = "live.js") -> str:
    """URL of a script; another one for other content, so that no browser keeps an old one."""
    return f"{_served('fitdash', BROWSER)}/{name}?v={_mark()}"


@cache
def _mark() -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(BROWSER.glob("*.js")))).hexdigest()[:12]


def _served(name: str, folder: Path) -> str:
    """Where a folder is served."""
    base = (st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{'/' + base if base else ''}/component/{_declared(name, folder)}"


@cache
def _declared(name: str, folder: Path) -> str:
    """Name under which this process serves a folder."""
    return declare_component(name, path=folder).name
