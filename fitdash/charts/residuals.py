"""Predicted against true numbers, and residuals: numbers → chart specifications."""

from typing import Any

import numpy as np

from fitdash.charts.prediction_counts import Array
from fitdash.charts.theme import Chart, format_metric, pack_float32

MOST_POINTS = 1000


def predicted_chart(truth: Array, predicted: Array, name: str, *, run: str, split: str) -> Chart:
    """Specification of predicted over true numbers, a point per sample; on the diagonal they are equal.

    Args:
        truth, predicted: (n,), in the unit of the column.
        name: Name of the column.
        run: Uid of the run; the zoom belongs to it.
        split: "train" or "val".
    """
    low, high = _range(np.concatenate([truth, predicted]))
    diagonal = {"type": "line", "x0": low, "y0": low, "x1": high, "y1": high, "layer": "below"}
    return {
        "data": [_points(truth, predicted, split, "true %{x:.4g}<br>predicted %{y:.4g}<extra></extra>")],
        "layout": {
            **_layout(run, f"true {name}", f"predicted {name}"),
            "shapes": [{**diagonal, "line": {"width": 1.5, "dash": "dash"}}],
        },
    }


def residual_chart(truth: Array, predicted: Array, name: str, *, run: str, split: str) -> Chart:
    """Specification of true − predicted over the prediction; arguments as for `predicted_chart`."""
    low, high = _range(predicted)
    zero = {"type": "line", "x0": low, "y0": 0, "x1": high, "y1": 0, "layer": "below"}
    off = truth - predicted
    return {
        "data": [_points(predicted, off, split, "predicted %{x:.4g}<br>true − predicted %{y:.4g}<extra></extra>")],
        "layout": {
            **_layout(run, f"predicted {name}", "true − predicted"),
            "shapes": [{**zero, "line": {"width": 1.5, "dash": "dash"}}],
        },
    }


def describe_errors(truth: Array, predicted: Array) -> str:
    """Text alternative: median and largest absolute error, and R²."""
    known = np.isfinite(truth) & np.isfinite(predicted)
    if not known.any():
        return "no prediction is a number"
    off = np.abs(truth - predicted)[known]
    middle, most = format_metric(float(np.median(off))), format_metric(float(off.max()))
    explained = format_metric(r2(truth[known], predicted[known]))
    return f"predictions differ from the truth by {middle} in the middle, by {most} at most; R² {explained}"


def r2(truth: Array, predicted: Array) -> float:
    """Share of the variance that is explained; below 0 the mean would do better."""
    whole = float(((truth - truth.mean()) ** 2).sum())
    return 1 - float(((truth - predicted) ** 2).sum()) / whole if whole > 0 else float("nan")


def _points(x: Array, y: Array, split: str, hover: str) -> dict[str, Any]:
    places = np.unique(np.linspace(0, len(x) - 1, min(MOST_POINTS, len(x))).astype(int))
    return {
        "type": "scatter",
        "uid": "points",
        "mode": "markers",
        "x": pack_float32(x[places]),
        "y": pack_float32(y[places]),
        "customdata": places.tolist(),
        "marker": {"size": 7, "symbol": "circle" if split == "train" else "diamond", "opacity": 0.7},
        "hovertemplate": hover,
        "showlegend": False,
        "meta": {"color": 0 if split == "train" else 1},
    }


def _layout(run: str, x_title: str, y_title: str) -> dict[str, Any]:
    return {
        "uirevision": f"{run} {y_title}",
        "hovermode": "closest",
        "margin": {"l": 8, "r": 12, "t": 30, "b": 8},
        "xaxis": {"title": {"text": x_title}, "zeroline": False},
        "yaxis": {"title": {"text": y_title}, "zeroline": False},
    }


def _range(values: Array) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
