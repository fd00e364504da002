"""What every chart has in common: how numbers travel, how values read, the frame around the lines."""

import base64
from typing import Any

import numpy as np

from fitdash.charts.thin import Floats

Chart = dict[str, Any]

LINES: dict[str, dict[str, Any]] = {
    "train": {"color": 0, "dash": "solid", "symbol": "circle"},
    "val": {"color": 1, "dash": "dot", "symbol": "diamond"},
}
"""Training and validation differ in colour, dash and marker; a colour is a place in the theme's list."""

SPOKEN = {"train": "training", "val": "validation"}


def packed(values: Floats) -> dict[str, str]:
    """Numbers as float32, in the form that plotly.js decodes itself: a third of the size of decimal text."""
    with np.errstate(over="ignore"):
        raw = np.ascontiguousarray(values, "<f4").tobytes()
    return {"dtype": "f4", "bdata": base64.b64encode(raw).decode()}


def shown(value: float) -> str:
    """A value in four digits; a small one is never shown as 0."""
    if not np.isfinite(value):
        return "not a number" if np.isnan(value) else "infinite"
    return f"{value:#.4g}".rstrip(".") if 1e-3 <= abs(value) < 1e5 else f"{value:.3g}"


def frame(run: str, x_title: str, x_range: tuple[float, float], y_title: str) -> dict[str, Any]:
    """Layout of a chart over epochs. `run` is whose zoom and legend choices are kept."""
    return {
        "uirevision": run,
        "hovermode": "x unified",
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "xaxis": {
            "title": {"text": x_title},
            "range": list(x_range),
            **_whole(x_range),
        },
        "yaxis": {"title": {"text": y_title}, "exponentformat": "power"},
    }


def _whole(x_range: tuple[float, float]) -> dict[str, Any]:
    """Ticks at whole epochs, where plotly would put halves."""
    return {"dtick": 1} if x_range[1] - x_range[0] < 12 else {}
