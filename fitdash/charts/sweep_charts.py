"""Charts of a sweep: the best trial so far, and the importance of each setting."""

from collections.abc import Iterable, Sequence
from typing import Any

from fitdash.charts.theme import Chart, format_metric

DECADES = 100


def best_chart(
    values: Sequence[float | None], best: Sequence[float | None], *, pruned: Sequence[bool], title: str, key: str
) -> Chart:
    """A point per trial, and the best so far as steps.

    Args:
        values: Objective of each trial; None without one.
        best: The best up to each trial, of those that finished.
        pruned: Whether each trial was pruned.
        title: Name of the objective.
        key: The zoom belongs to it.
    """
    numbers = list(range(1, len(values) + 1))
    points: list[dict[str, Any]] = []
    for name, is_pruned, symbol in (("trial", False, "circle"), ("pruned", True, "x-thin-open")):
        kept = [(n, v) for n, v, p in zip(numbers, values, pruned, strict=True) if v is not None and p == is_pruned]
        if kept:
            points.append(
                {
                    "type": "scatter",
                    "uid": name,
                    "name": name,
                    "mode": "markers",
                    "x": [n for n, _ in kept],
                    "y": [v for _, v in kept],
                    "marker": {"size": 7, "symbol": symbol, "opacity": 0.45 if is_pruned else 0.8},
                    "hovertemplate": "trial %{x}: %{y:.4g}<extra></extra>",
                    "meta": {"color": 5 if is_pruned else 0},
                }
            )
    steps = {
        "type": "scatter",
        "uid": "best",
        "name": f"best so far  <b>{format_metric(best[-1])}</b>" if best and best[-1] is not None else "best so far",
        "mode": "lines",
        "x": numbers,
        "y": list(best),
        "line": {"width": 2.5, "shape": "hv"},
        "hoverinfo": "skip",
        "meta": {"color": 1},
    }
    layout = {
        "uirevision": key,
        "hovermode": "closest",
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "xaxis": {"title": {"text": "trial"}, "range": [0.5, max(10, len(values)) + 0.5]},
        "yaxis": {
            "title": {"text": title},
            "exponentformat": "power",
            "type": "log" if spans_decades(values) else "linear",
        },
    }
    return {"data": [*points, steps], "layout": layout}


def spans_decades(values: Iterable[float | None]) -> bool:
    """Whether the largest is 100 times the smallest or more, all above 0, so that y should be logarithmic."""
    numbers = [value for value in values if value is not None and value == value]
    return bool(numbers) and min(numbers) > 0 and max(numbers) >= DECADES * min(numbers)


def importance_chart(
    names: Sequence[str], shares: Sequence[float], low: Sequence[float], high: Sequence[float]
) -> Chart:
    """A bar per setting with its uncertainty, the most important on top.

    Args:
        names: Names of the settings.
        shares: Importance of each, 0 to 1.
        low, high: 5 % and 95 % quantiles of the importance over bootstrap samples of the trials.
    """
    bars = {
        "type": "bar",
        "orientation": "h",
        "uid": "importance",
        "x": [float(share) for share in shares][::-1],
        "y": list(names)[::-1],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [max(0.0, float(h) - float(s)) for s, h in zip(shares, high, strict=True)][::-1],
            "arrayminus": [max(0.0, float(s) - float(lo)) for s, lo in zip(shares, low, strict=True)][::-1],
        },
        "hovertemplate": "%{y}: %{x:.0%}<extra></extra>",
        "meta": {"color": 0},
    }
    layout = {
        "uirevision": "importance",
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
        "showlegend": False,
        "xaxis": {"title": {"text": "share of the difference that it decides"}, "range": [0, 1], "tickformat": ".0%"},
        "yaxis": {"automargin": True},
    }
    return {"data": [bars], "layout": layout}
