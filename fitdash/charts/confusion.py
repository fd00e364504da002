"""Confusion matrix: counts → a chart specification."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fitdash.charts.prediction_counts import Array, accuracy, most_confused_pair, row_shares
from fitdash.charts.theme import Chart

RIGHT, WRONG = 0, 1
"""Indices of their colours in the theme's list."""

MOST_WRITTEN = 14
"""Up to this many classes the counts are written into the cells."""


def confusion_chart(counts: Array, classes: Sequence[str], *, run: str) -> Chart:
    """Specification of the matrix: the diagonal in one colour, mistakes in another, each shaded by share of its row.

    Args:
        counts: Samples by true class (rows) and predicted class (columns).
        classes: Names of the classes.
        run: Uid of the run; the zoom belongs to it.
    """
    names = [_short(name) for name in classes]
    share = row_shares(counts)
    diagonal = np.eye(len(counts), dtype=bool)
    written = len(classes) <= MOST_WRITTEN
    return {
        "data": [
            _cells(np.where(diagonal, share, np.nan), counts, RIGHT, written=written),
            # The square root makes mistakes of a tenth of the row visible, which would be pale on the diagonal's scale.
            _cells(np.where(diagonal | (counts == 0), np.nan, np.sqrt(share)), counts, WRONG, written=written),
        ],
        "layout": {
            "uirevision": run,
            "margin": {"l": 8, "r": 12, "t": 30, "b": 8},
            "showlegend": False,
            "xaxis": _axis("predicted", names),
            "yaxis": {**_axis("true", names), "autorange": "reversed"},
        },
    }


def _cells(share: Array, counts: Array, color: int, *, written: bool) -> dict[str, Any]:
    """The cells of one colour; empty where the share is NaN."""
    seen = ~np.isnan(share)
    text = [[str(n) if s and n else "" for n, s in zip(*row, strict=True)] for row in zip(counts, seen, strict=True)]
    whole = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    on_hover = np.dstack([counts, whole]).tolist()
    return {
        "type": "heatmap",
        "uid": f"cells-{color}",
        "z": [[None if np.isnan(one) else round(float(one), 4) for one in row] for row in share],
        "zmin": 0,
        "zmax": 1,
        "customdata": on_hover,
        "xgap": 2,
        "ygap": 2,
        "showscale": False,
        "hoverongaps": False,
        "hovertemplate": "true %{y}, predicted %{x}<br>%{customdata[0]} samples, %{customdata[1]:.1%} of the row"
        "<extra></extra>",
        "meta": {"scale": [[0, color, 0.06], [1, color, 0.95]]},
        **({"text": text, "texttemplate": "%{text}"} if written else {}),
    }


def _axis(title: str, names: Sequence[str]) -> dict[str, Any]:
    return {
        "title": {"text": title},
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(names),
        "tickvals": list(range(len(names))),
        "ticktext": list(names),
        "showgrid": False,
        "zeroline": False,
    }


def _short(name: str) -> str:
    return name if len(name) <= 16 else f"{name[:15]}…"


def describe_confusion(counts: Array, classes: Sequence[str]) -> str:
    """Text alternative of `confusion_chart`."""
    found = most_confused_pair(counts)
    start = f"Confusion matrix of {int(counts.sum())} samples: {accuracy(counts):.1%} are right"
    if found is None:
        return f"{start}; no class is taken for another."
    row, column = found
    return f"{start}; most often {classes[row]} is taken for {classes[column]}, {int(counts[row, column])} times."
