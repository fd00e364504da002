"""Shared by all charts: packed arrays, number formats, styles of the splits, layout over epochs."""

import base64
from typing import Any

import numpy as np

from fitdash.charts.thin import Floats

Chart = dict[str, Any]

LINES: dict[str, dict[str, Any]] = {
    "train": {"color": 0, "dash": "solid", "symbol": "circle"},
    "val": {"color": 1, "dash": "dot", "symbol": "diamond"},
    "fair": {"color": 2, "dash": "dashdot", "symbol": "square"},
}
"""Training and validation differ in colour, dash and marker; a colour is an index in the theme's list."""

SPLIT_LABELS = {"train": "training", "val": "validation", "fair": "training, fair"}
QUIET = 5
"""Index of the colour of lines that are there only for comparison."""


def pack_float32(values: Floats) -> dict[str, str]:
    """Numbers as float32, in the form that plotly.js decodes itself: a third of the size of decimal text."""
    with np.errstate(over="ignore"):
        raw = np.ascontiguousarray(values, "<f4").tobytes()
    return {"dtype": "f4", "bdata": base64.b64encode(raw).decode()}


def format_metric(value: float) -> str:
    """A value in four digits; a small one is never shown as 0."""
    if not np.isfinite(value):
        return "not a number" if np.isnan(value) else "infinite"
    return f"{value:#.4g}".rstrip(".") if 1e-3 <= abs(value) < 1e5 else f"{value:.3g}"


def epoch_layout(
    run: str, x_title: str, x_range: tuple[float, float], y_title: str, *, log: bool = False
) -> dict[str, Any]:
    """Layout of a chart over epochs.

    Args:
        run: The zoom and legend choices belong to it.
        x_range: Range in sight until the visitor zooms.
        log: Whether y is logarithmic.
    """
    return {
        "uirevision": run,
        # In place of a title of the y axis, which plotly would rotate.
        "title": {"text": f"<b>{y_title}</b>", "x": 0.01, "xanchor": "left", "y": 1, "yanchor": "top", "pad": {"t": 4}},
        "hovermode": "x unified",
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "xaxis": {
            "title": {"text": x_title},
            "range": list(x_range),
            "uirevision": x_title,
            **_whole(x_range, x_title),
        },
        "yaxis": {
            "exponentformat": "power",
            "type": "log" if log else "linear",
            "uirevision": f"{run} {log}",
        },
    }


def _whole(x_range: tuple[float, float], x_title: str) -> dict[str, Any]:
    """Ticks at whole epochs, where plotly would put halves."""
    return {"dtick": 1} if x_range[1] - x_range[0] < 12 and "second" not in x_title else {}
