"""The figure of `History.plot`: one panel per metric, training and validation together."""

import math
from typing import Any

import numpy as np

from fitdash.charts.theme import SPLIT_LABELS, Chart
from fitdash.charts.thin import Floats

_COLOURS = {"training": "#0072b2", "validation": "#d55e00"}  # distinct for colour-blind readers too
_SYMBOLS = {"training": "circle", "validation": "diamond"}
_ENOUGH_TO_SMOOTH = 10
_GAP = 0.06
_PANEL_PIXELS = 220


def plot_history(frame: Any, *, smooth: bool = True, theme_bw: bool = False) -> Any:
    """The plotly figure of a history.

    Args:
        frame: `History.as_data_frame()`: epoch, value, metric, data.
        smooth: Add smoothed lines where there are 10 epochs or more.
        theme_bw: Black on white.
    """
    import plotly.graph_objects as go

    return go.Figure(history_chart(frame, smooth=smooth, theme_bw=theme_bw))


def history_chart(frame: Any, *, smooth: bool, theme_bw: bool) -> Chart:
    """Its specification: panels from top to bottom, loss first."""
    metrics = sorted(frame["metric"].unique(), key=lambda name: name != "loss")
    epochs = frame["epoch"].to_numpy(float)
    count = len(set(epochs))
    traces = [
        trace
        for place, metric in enumerate(metrics, 1)
        for data in SPLIT_LABELS.values()
        for trace in _traces(
            frame[(frame["metric"] == metric) & (frame["data"] == data)],
            data,
            axis=f"y{place}",
            in_legend=place == _first_place(frame, metrics, data),
            smooth=smooth and count >= _ENOUGH_TO_SMOOTH,
        )
    ]
    return {"data": traces, "layout": _layout(metrics, epochs, theme_bw)}


def smooth_history(x: Floats, y: Floats, at: Floats, span: float = 0.75) -> Floats:
    """Local quadratic regression on the nearest share of points, near ones weighted more.

    Args:
        x, y: (n,) points, all finite.
        at: Where the smoothed curve is wanted, (m,).
        span: Share of the points that each parabola is fitted to.

    Source: R's `loess`, with its defaults.
    """
    near = min(max(3, math.ceil(span * len(x))), len(x))
    height = np.array([_local(x, y - y[0], place, near) for place in at])  # a constant stays exactly one
    return np.asarray(height + y[0], dtype=float)


def _local(x: Floats, y: Floats, place: float, near: int) -> float:
    distance = np.abs(x - place)
    reach = np.sort(distance)[near - 1] * 1.000001
    root = np.sqrt(np.clip(1 - (distance / reach) ** 3, 0, None) ** 3)
    parabola = np.vander((x - place) / reach, 3) * root[:, None]
    return float(np.linalg.lstsq(parabola, y * root, rcond=None)[0][-1])


def _traces(rows: Any, data: str, *, axis: str, in_legend: bool, smooth: bool) -> list[dict[str, Any]]:
    """Points of one metric and split, joined by a line; with smoothing, faint behind the smoothed line."""
    if rows.empty:
        return []
    x, y = rows["epoch"].to_numpy(float), rows["value"].to_numpy(float)
    seen = np.isfinite(y)
    smooth = bool(smooth and seen.sum() > 2)
    trace = {
        "type": "scatter",
        "name": data,
        "legendgroup": data,
        "showlegend": in_legend,
        "mode": "markers" if smooth else "lines+markers",
        "x": x,
        "y": y,
        "xaxis": "x",
        "yaxis": axis,
        "connectgaps": True,
        "marker": {"color": _COLOURS[data], "symbol": _SYMBOLS[data], "opacity": 0.6 if smooth else 1},
        "line": {"color": _COLOURS[data]},
        "hovertemplate": "%{y:.4g}",
    }
    if not smooth:
        return [trace]
    at = np.linspace(x[seen].min(), x[seen].max(), min(200, 4 * len(x)))
    line = {"name": f"{data}, smoothed", "mode": "lines", "x": at, "y": smooth_history(x[seen], y[seen], at)}
    return [trace, {**trace, **line, "showlegend": False, "hoverinfo": "skip", "hovertemplate": None}]


def _layout(metrics: list[str], epochs: Floats, theme_bw: bool) -> dict[str, Any]:
    room = (1 - _GAP * (len(metrics) - 1)) / max(len(metrics), 1)
    axes = {
        f"yaxis{place}": {
            "title": {"text": metric},
            "domain": [max(0.0, 1 - place * room - (place - 1) * _GAP), 1 - (place - 1) * (room + _GAP)],
        }
        for place, metric in enumerate(metrics, 1)
    }
    span = epochs.max() - epochs.min() if len(epochs) else 0
    ticks = {"dtick": 1} if span < 12 else {"tickformat": "d"}
    return {
        **axes,
        "xaxis": {"title": {"text": "epoch"}, "anchor": f"y{max(len(metrics), 1)}", **ticks},
        "template": "simple_white" if theme_bw else "plotly",
        "height": 120 + _PANEL_PIXELS * max(len(metrics), 1),
        "hovermode": "x unified",
    }


def _first_place(frame: Any, metrics: list[str], data: str) -> int:
    """The panel, from 1, where a split comes first."""
    with_data = set(frame.loc[frame["data"] == data, "metric"])
    return next((place for place, metric in enumerate(metrics, 1) if metric in with_data), 0)
