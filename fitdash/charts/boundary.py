"""Decision boundary: predictions over the plane of two inputs, under the samples: numbers → a chart specification."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fitdash.charts.prediction_counts import Array
from fitdash.charts.theme import Chart, format_metric, pack_float32

SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star")
COLOURS = 6
"""Colours of the theme; further classes repeat them with other marker symbols."""

LEVELS = 240
MOST_STRETCHES = 36
"""Segments of the colour scale; further classes share those of their own colour, as 36 is a multiple of six."""

MOST_POINTS = 800
PALE, FULL = 0.10, 0.72
"""Share of a class's colour where the model is least confident, and where it is most."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SamplePoints:
    """The samples of one split.

    Attributes:
        split: "train" or "val".
        x, y: Positions, (n,).
        truth: True class indices or numbers, (n,).
    """

    split: str
    x: Array
    y: Array
    truth: Array


def boundary_chart(
    axes: tuple[tuple[str, Array], tuple[str, Array]],
    answers: Array,
    sureness: Array,
    classes: Sequence[str],
    points: Sequence[SamplePoints],
    *,
    run: str,
) -> Chart:
    """Specification of the predicted classes over the plane.

    Args:
        axes: Name and values of the x axis, name and values of the y axis.
        answers: Predicted class at each point of the plane, (y, x).
        sureness: Its probability, (y, x).
        classes: Names of the classes.
        points: The samples.
        run: Uid of the run; the zoom and legend choices belong to it.
    """
    count = len(classes)
    least = 1 / max(count, 2)
    depth = np.clip((np.nan_to_num(sureness.astype(float)) - least) / (1 - least), 0, 1)
    stretches = min(count, MOST_STRETCHES)
    step = LEVELS // stretches
    levels = (answers.astype(int) % stretches * step + np.round(depth * (step - 1)).astype(int)).astype(np.uint8)
    scale: list[list[Any]] = []
    for index in range(stretches):
        # Each class has its own segment of the scale, from pale to full.
        low, high = (index * step - 0.5) / LEVELS, (index * step + step - 0.5) / LEVELS
        scale += [[max(low, 0), index % COLOURS, PALE], [min(high, 1), index % COLOURS, FULL]]
    scale[-1][0] = 1
    ground = _ground(axes, levels, scale, (0, LEVELS)) | {"hoverinfo": "skip"}
    dots = [dot for one in points for index in range(count) if (dot := _dots(one, index, classes[index]))]
    named: set[str] = set()
    for dot in dots:  # one legend entry for each class, of the first split that has it
        dot["showlegend"] = dot["legendgroup"] not in named
        named.add(dot["legendgroup"])
    return {"data": [ground, *dots], "layout": _layout(axes, run)}


def surface_chart(
    axes: tuple[tuple[str, Array], tuple[str, Array]],
    values: Array,
    name: str,
    points: Sequence[SamplePoints],
    *,
    run: str,
) -> Chart:
    """Specification of the predicted numbers over the plane; samples have the colour of their true number."""
    known = np.concatenate([one.truth[np.isfinite(one.truth)] for one in points] or [np.zeros(1)])
    low, high = float(known.min()), float(known.max())
    scale: list[list[Any]] = [[0, 0, 0.04], [0.5, 0, 0.55], [1, 0, 1]]
    levels = np.round(np.clip((np.nan_to_num(values) - low) / ((high - low) or 1), 0, 1) * 255).astype(np.uint8)
    ground = _ground(axes, levels, scale, (0, 255)) | {
        "customdata": np.round(values.astype(float), 6).tolist(),
        "hovertemplate": f"{name} %{{customdata:.4g}}<extra>predicted</extra>",
    }
    bar = {"title": {"text": name, "side": "right"}, "thickness": 10, "outlinewidth": 0}
    dots = []
    for one in points:
        places = _some(one)
        look = {"size": 8, "symbol": SYMBOLS[one.split == "val"], "cmin": low, "cmax": high, "line": {"width": 1}}
        dots.append(
            {
                "type": "scatter",
                "uid": f"dots-{one.split}",
                "name": _split_label(one.split),
                "mode": "markers",
                "x": pack_float32(one.x[places]),
                "y": pack_float32(one.y[places]),
                "marker": {
                    **look,
                    "color": pack_float32(one.truth[places]),
                    "showscale": one is points[0],
                    "colorbar": bar,
                },
                "hovertemplate": f"{name} %{{marker.color:.4g}}<extra>{_split_label(one.split)}</extra>",
                "meta": {"markers": scale, "edge": "ink"},
            }
        )
    return {"data": [ground, *dots], "layout": _layout(axes, run)}


def describe_boundary(answers: Array, classes: Sequence[str], across: str, up: str) -> str:
    """Text alternative of `boundary_chart`."""
    shares = np.bincount(answers.astype(int).ravel(), minlength=len(classes)) / answers.size
    most = [f"{classes[index]} {shares[index]:.0%}" for index in np.argsort(-shares)[:6] if shares[index] > 0]
    return f"What is answered over {across} and {up}: {', '.join(most)} of the plane."


def describe_surface(values: Array, name: str, across: str, up: str) -> str:
    """Text alternative of `surface_chart`."""
    known = values[np.isfinite(values)]
    if not len(known):
        return f"{name} over {across} and {up}: nowhere a number."
    low, high = format_metric(float(known.min())), format_metric(float(known.max()))
    return f"{name} as predicted over {across} and {up}: from {low} to {high}."


def _ground(axes: Any, levels: Array, scale: list[list[Any]], bounds: tuple[int, int]) -> dict[str, Any]:
    """The plane as a heatmap of one byte per cell."""
    (_, xs), (_, ys) = axes
    raw = base64.b64encode(np.ascontiguousarray(levels, np.uint8).tobytes()).decode()
    return {
        "type": "heatmap",
        "uid": "ground",
        "x": pack_float32(xs),
        "y": pack_float32(ys),
        "z": {"dtype": "u1", "bdata": raw, "shape": f"{levels.shape[0]}, {levels.shape[1]}"},
        "zmin": bounds[0],
        "zmax": bounds[1],
        "showscale": False,
        "meta": {"scale": scale},
    }


def _dots(points: SamplePoints, index: int, name: str) -> dict[str, Any] | None:
    """The samples of one class and split, None if there are none; held-out ones are outlined in the text colour."""
    places = _some(points)
    places = places[points.truth[places] == index]
    if not len(places):
        return None
    held = points.split == "val"
    turn = index // COLOURS
    return {
        "type": "scatter",
        "uid": f"dots-{points.split}-{index}",
        "name": name,
        "legendgroup": str(index),
        "mode": "markers",
        "x": pack_float32(points.x[places]),
        "y": pack_float32(points.y[places]),
        "marker": {
            "size": 9 if held else 7,
            "symbol": SYMBOLS[(index + turn) % len(SYMBOLS)],
            "line": {"width": 1.6 if held else 0.8},
        },
        "hovertemplate": f"%{{x:.4g}}, %{{y:.4g}}<extra>{name}, {_split_label(points.split)}</extra>",
        "meta": {"color": index % COLOURS, "edge": "ink" if held else "paper"},
    }


def _some(points: SamplePoints) -> Array:
    """Indices of at most `MOST_POINTS` samples, evenly spaced."""
    return np.unique(np.linspace(0, len(points.x) - 1, min(MOST_POINTS, len(points.x))).astype(int))


def _split_label(split: str) -> str:
    return "held out" if split == "val" else "training"


def _layout(axes: Any, run: str) -> dict[str, Any]:
    (across, xs), (up, ys) = axes
    return {
        "uirevision": f"{run} {across} {up}",
        "hovermode": "closest",
        "margin": {"l": 8, "r": 12, "t": 30, "b": 8},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "xaxis": {"title": {"text": across}, "range": [float(xs[0]), float(xs[-1])], "showgrid": False},
        "yaxis": {"title": {"text": up}, "range": [float(ys[0]), float(ys[-1])], "showgrid": False},
    }
