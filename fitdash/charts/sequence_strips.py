"""Sequences with a class for each step: true classes above predicted ones, as strips of colour."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fitdash.charts.boundary import COLOURS, SYMBOLS
from fitdash.charts.prediction_counts import Array
from fitdash.charts.theme import Chart

DEPTH = 0.85
"""Share of a class's colour in a strip."""


def strips_chart(truth: Array, answers: Array, names: Sequence[str], classes: Sequence[str], *, run: str) -> Chart:
    """Specification of the strips, a pair for each sequence.

    Args:
        truth, answers: True and predicted class indices, (n, steps).
        names: Names of the sequences, (n,).
        classes: Names of the classes.
        run: Uid of the run; the zoom belongs to it.
    """
    count, steps = truth.shape
    lines: list[list[Any]] = []
    labels: list[str] = []
    for name, true, given in zip(names, truth.tolist(), answers.tolist(), strict=True):
        lines += [true, given, [None] * steps]
        labels += [f"{name} true", "predicted", ""]
    lines, labels = lines[:-1], labels[:-1]
    class_names = [["" if index is None else classes[index] for index in line] for line in lines]
    ground = {
        "type": "heatmap",
        "uid": "strips",
        "x": list(range(1, steps + 1)),
        "z": lines,
        "zmin": -0.5,
        "zmax": len(classes) - 0.5,
        "text": class_names,
        "showscale": False,
        "hoverongaps": False,
        "hovertemplate": "step %{x}: %{text}<extra></extra>",
        "meta": {"scale": flat_scale(len(classes))},
    }
    places = [place for place, label in enumerate(labels) if label]
    return {
        "data": [ground, *(_entry(index, name) for index, name in enumerate(classes))],
        "layout": {
            "uirevision": run,
            "margin": {"l": 8, "r": 12, "t": 30, "b": 8},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            "xaxis": {"title": {"text": "step"}, "range": [0.5, steps + 0.5], "showgrid": False, "zeroline": False},
            "yaxis": {
                "tickvals": places,
                "ticktext": [labels[place] for place in places],
                "range": [len(labels) - 0.5, -0.5],
                "showgrid": False,
                "zeroline": False,
            },
        },
    }


def flat_scale(count: int) -> list[list[Any]]:
    """One colour for each class, without shades."""
    scale: list[list[Any]] = []
    for index in range(count):
        scale += [[index / count, index % COLOURS, DEPTH], [(index + 1) / count, index % COLOURS, DEPTH]]
    return scale


def describe_strips(truth: Array, answers: Array) -> str:
    """Text alternative of `strips_chart`."""
    right = float(np.mean(truth == answers)) if truth.size else 0.0
    return f"True and predicted class at each of {truth.shape[1]} steps of {len(truth)} sequences: {right:.1%} agree."


def _entry(index: int, name: str) -> dict[str, Any]:
    """An empty trace that shows a class in the legend."""
    return {
        "type": "scatter",
        "uid": f"class-{index}",
        "name": name,
        "mode": "markers",
        "x": [None],
        "y": [None],
        "marker": {"size": 10, "symbol": SYMBOLS[2]},
        "hoverinfo": "skip",
        "meta": {"color": index % COLOURS},
    }
