"""Which class is taken for which: counts → a chart specification."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fitdash.charts.prediction_counts import Array, accuracy, most_confused_pair, row_shares
from fitdash.charts.theme import Chart

RIGHT, WRONG = 0, 1
"""Places of their colours in the theme's list."""

MOST_WRITTEN = 14
"""Up to so many classes the counts are written into the cells."""


def confusion_chart(counts: Array, classes: Sequence[str], *, run: str) -> Chart:
    """Specification of the matrix: what is right in one colour, mistakes in another, each by its share of the row.

    Args:
        counts: Samples by true class (rows) and answer (columns).
        classes: Their names.
        run: Whose zoom is kept.
    """
    names = [_short(name) for name in classes]
    share = row_shares(counts)
    diagonal = np.eye(len(counts), dtype=bool)
    written = len(classes) <= MOST_WRITTEN
    return {
        "data": [
            _cells(np.where(diagonal, share, np.nan), counts, RIGHT, written=written),
            # A mistake is seen from a tenth of the row on, where it would be pale on the scale of what is right.
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
    """One colour's cells; none where the share is NaN."""
    seen = ~np.isnan(share)
    text = [[str(n) if s and n else "" for n, s in zip(*row, strict=True)] for row in zip(counts, seen, strict=True)]
    whole = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    told = np.dstack([counts, whole]).tolist()
    return {
        "type": "heatmap",
        "uid": f"cells-{color}",
        "z": [[None if np.isnan(one) else round(float(one), 4) for one in row] for row in share],
        "zmin": 0,
        "zmax": 1,
        "customdata": told,
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
    """The matrix in words."""
    found = most_confused_pair(counts)
    start = f"Confusion matrix of {int(counts.sum())} samples: {accuracy(counts):.1%} are right"
    if found is None:
        return f"{start}; no class is taken for another."
    row, column = found
    return f"{start}; most often {classes[row]} is taken for {classes[column]}, {int(counts[row, column])} times."
