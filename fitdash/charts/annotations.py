"""Signs on the curves where something happened: told apart by their shape, told in words when pointed at."""

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
"""Sign of each kind of happening."""


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """Something that happened at one place of all curves.

    Attributes:
        at: Shown epochs that were over then, with the part of the one at hand.
        text: What happened.
        kind: What kind of thing, one of `SIGNS`.
    """

    at: float
    text: str
    kind: str = "setting"


def annotation_layout(marks: Sequence[Annotation], axis: Axis) -> dict[str, Any]:
    """A thin line from top to bottom for each, and its sign at the foot; signs at one place stand over each other."""
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
    """What people changed is dashed; what callbacks did is dotted and thinner."""
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
