"""Options of the curve charts (x axis, smoothing, log scale): a row of widgets above them, bound to the URL."""

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
        log: True if losses and errors have a logarithmic y axis.
        fair: True if the training rows are measured as validation rows are, and that curve is drawn.
        previous: True if the previous run is drawn behind the curves.
        projector: True if type, lines and charts are large enough to be read from the last row of a class.
    """

    x: str = "epoch"
    smoothing: int = 0
    log: bool = False
    previous: bool = True
    fair: bool = False
    projector: bool = False

    @property
    def bold(self) -> float:
        """Factor of line widths and of the type of annotations."""
        return 1.8 if self.projector else 1.0


def read_chart_options() -> ChartOptions:
    """The values of the widgets; their defaults before they are drawn."""
    return ChartOptions(**{name: st.session_state.get(f"view.{name}", start) for name, start in START.items()})


def draw_chart_options(set_fair: Callable[[], None]) -> ChartOptions:
    """Draws the row of widgets and gives their values.

    Args:
        set_fair: Called when the user switches the fair training loss.
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
