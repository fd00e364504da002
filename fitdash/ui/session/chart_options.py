"""How the reader wants the charts: one quiet row above them, kept in the link."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from fitdash.charts.axis import KINDS

SMOOTHINGS = (0, 3, 10, 30, 100)
START = {"x": "epoch", "smoothing": 0, "log": False, "previous": True, "fair": False, "projector": False}
FAIR = (
    "Measures the training rows after each epoch as validation rows are: with the weights at rest and without dropout. "
    "The training loss itself is a mean over the epoch, while the weights were moving. It costs a pass over the "
    "training rows, forward only, and changes no number of the run."
)


@dataclass(frozen=True, kw_only=True)
class ChartOptions:
    """The options of the charts.

    Attributes:
        x: What the x axis counts.
        smoothing: Epochs that a second line averages over, 0: none.
        log: Whether losses and errors are drawn by factors.
        fair: Whether the training rows are measured, and drawn, as validation rows are.
        previous: Whether the run before is drawn behind.
        projector: Whether everything is large, to be read from the last row.
    """

    x: str = "epoch"
    smoothing: int = 0
    log: bool = False
    previous: bool = True
    fair: bool = False
    projector: bool = False

    @property
    def bold(self) -> float:
        """Factor of lines and signs."""
        return 1.8 if self.projector else 1.0


def read_chart_options() -> ChartOptions:
    """What the widgets say; their defaults before they were drawn."""
    return ChartOptions(**{name: st.session_state.get(f"view.{name}", start) for name, start in START.items()})


def draw_chart_options(set_fair: Callable[[], None]) -> ChartOptions:
    """Draw the row and give what it says.

    Args:
        set_fair: Called when the fair training loss was switched.
    """
    wide = 1.4 if read_chart_options().projector else 1.0
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="options"):
        st.selectbox(
            "x axis",
            KINDS,
            format_func=lambda kind: f"by {kind}",
            key="view.x",
            bind="query-params",
            label_visibility="collapsed",
            width=round(135 * wide),
        )
        st.selectbox(
            "smoothing",
            SMOOTHINGS,
            format_func=lambda span: f"smooth {span} epochs" if span else "no smoothing",
            key="view.smoothing",
            bind="query-params",
            label_visibility="collapsed",
            width=round(180 * wide),
        )
        _toggle("log y", "log", "Losses and errors by factors: small values stay apart.")
        _toggle("previous run", "previous", "The run shown before this one, grey and dashed.")
        _toggle("projector", "projector", "Large type, thick lines, tall charts, and less around them.")
        _toggle("fair training loss", "fair", FAIR, on_change=set_fair)
    return read_chart_options()


def _toggle(label: str, name: str, words: str, **more: Any) -> None:
    st.toggle(label, value=bool(START[name]), key=f"view.{name}", bind="query-params", help=words, **more)
