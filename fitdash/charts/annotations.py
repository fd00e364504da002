"""Annotations on the curves: a sign by kind of event, with its text on hover."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fitdash.charts.axis import Axis

SIGNS = {
    "setting": "◆",
    "learning_rate": "▼",
    "early_stop": "■",
    "restored_weights": "↺",
    "nan": "✖",
    "stop_run": "■",
    "resumed": "▶",
}
"""Sign by kind of event."""


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """An event of a run, at one place of all its curves.

    Attributes:
        at: Epochs finished by then, with the fraction of the current one.
        text: The event in words.
        kind: Kind of event, one of `SIGNS`.
    """

    at: float
    text: str
    kind: str = "setting"


def annotation_layout(marks: Sequence[Annotation], axis: Axis) -> dict[str, Any]:
    """A thin vertical line for each place, and the sign of each event at its foot; signs at one place are stacked."""
    heights: dict[float, int] = {}
    shapes, notes = [], []
    for one in marks:
        x = axis.place(one.at)
        row = heights[x] = heights.get(x, -1) + 1
        if not row:
            shapes.append(_line(x, is_change=one.kind == "setting"))
        notes.append(_sign(x, row, one))
    return {"shapes": shapes, "annotations": notes}


def _line(x: float, *, is_change: bool) -> dict[str, Any]:
    """Dashed where a setting was changed by hand; dotted and thinner for other events."""
    look = {"width": 1.5, "dash": "dash"} if is_change else {"width": 1, "dash": "dot"}
    return {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "layer": "below", "x0": x, "x1": x, "line": look}


def _sign(x: float, row: int, one: Annotation) -> dict[str, Any]:
    return {
        "text": SIGNS.get(one.kind, "◆"),
        "hovertext": one.text,
        "x": x,
        "yref": "paper",
        "y": 0,
        "yanchor": "bottom",
        "yshift": 16 * row,
        "showarrow": False,
    }
