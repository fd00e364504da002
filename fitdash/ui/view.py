"""How the reader wants the charts: one quiet row above them, kept in the link."""

from dataclasses import dataclass

import streamlit as st

from fitdash.charts.axis import KINDS

SMOOTHINGS = (0, 3, 10, 30, 100)
START = {"view.x": "epoch", "view.smooth": 0, "view.log": False, "view.previous": True, "view.projector": False}


@dataclass(frozen=True, kw_only=True)
class View:
    """The options of the charts.

    Attributes:
        x: What the x axis counts.
        smoothing: Epochs that a second line averages over, 0: none.
        log: Whether losses and errors are drawn by factors.
        previous: Whether the run before is drawn behind.
        projector: Whether everything is large, to be read from the last row.
    """

    x: str = "epoch"
    smoothing: int = 0
    log: bool = False
    previous: bool = True
    projector: bool = False

    @property
    def bold(self) -> float:
        """Factor of lines and signs."""
        return 1.8 if self.projector else 1.0


def view() -> View:
    """What the widgets say; their defaults before they were drawn."""
    x, smoothing, log, previous, projector = (st.session_state.get(key, start) for key, start in START.items())
    return View(x=x, smoothing=smoothing, log=log, previous=previous, projector=projector)


def options() -> View:
    """Draw the row and give what it says."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="options"):
        x = st.selectbox(
            "x axis",
            KINDS,
            format_func=lambda kind: f"by {kind}",
            key="view.x",
            bind="query-params",
            label_visibility="collapsed",
            width=125,
        )
        smoothing = st.selectbox(
            "smoothing",
            SMOOTHINGS,
            format_func=lambda span: f"smooth {span} epochs" if span else "no smoothing",
            key="view.smooth",
            bind="query-params",
            label_visibility="collapsed",
            width=165,
        )
        log = _toggle("log y", "view.log", "Losses and errors by factors: small values stay apart.")
        previous = _toggle("previous run", "view.previous", "The run shown before this one, grey and dashed.")
        projector = _toggle(
            "projector", "view.projector", "Large type, thick lines, tall charts, and less around them."
        )
    return View(x=x, smoothing=smoothing, log=log, previous=previous, projector=projector)


def _toggle(label: str, key: str, words: str) -> bool:
    return st.toggle(label, value=bool(START[key]), key=key, bind="query-params", help=words)
