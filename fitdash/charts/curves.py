"""Curves of one run: logs → plain numbers → a chart specification.

A specification is a dictionary in plotly's schema: 0.3 ms, where `go.Figure` takes 14.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fitdash.charts.theme import LINES, SPOKEN, Chart, frame, packed, shown
from fitdash.charts.thin import Floats, thinned

FEW_EPOCHS = 60
"""Up to so many planned epochs every point is marked, from the first to the last."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Values of one metric in one split.

    Attributes:
        split: "train" or "val".
        epochs: Shown epochs, from 1, (n,).
        values: (n,); NaN where the epoch has none.
    """

    split: str
    epochs: Floats
    values: Floats


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One metric of a run: training and validation together."""

    metric: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Something that happened at one place of all curves.

    Attributes:
        at: Shown epochs that were over then, with the part of the one at hand.
        text: What happened.
    """

    at: float
    text: str


def panels(epochs: Sequence[int], history: Mapping[str, Sequence[float]]) -> list[Panel]:
    """The metrics of a history, in its order, each with its validation curve beside it.

    Args:
        epochs: Indices from 0, (n,).
        history: Values by log name, each (n,); None or NaN where an epoch has none.
    """
    names = list(dict.fromkeys(name.removeprefix("val_") for name in history))
    x = np.asarray(epochs, dtype=float) + 1
    return [Panel(metric=name, curves=tuple(_curves(name, x, history))) for name in names]


def _curves(metric: str, x: Floats, history: Mapping[str, Sequence[float]]) -> list[Curve]:
    """Training first."""
    keys = {"train": metric, "val": f"val_{metric}"}
    found = {split: history[key] for split, key in keys.items() if key in history}
    return [Curve(split=s, epochs=x, values=np.asarray(v, dtype=float)) for s, v in found.items()]


def best(panel: Panel) -> tuple[int, float] | None:
    """Shown epoch and value of the best result so far, on validation data where there is any; None without one."""
    curve = panel.curves[-1]
    seen = np.flatnonzero(np.isfinite(curve.values))
    if not len(seen):
        return None
    values = curve.values[seen]
    place = seen[values.argmax() if higher_is_better(panel.metric) else values.argmin()]
    return int(curve.epochs[place]), float(curve.values[place])


def higher_is_better(metric: str) -> bool:
    """Whether a metric grows when the model gets better."""
    return any(word in metric for word in ("acc", "auc", "precision", "recall", "f1", "r2", "cosine_similarity"))


def curve_chart(panel: Panel, *, run: str, planned: tuple[int, int], marks: Sequence[Mark] = ()) -> Chart:
    """Specification of one panel.

    Args:
        panel: What to draw.
        run: Uid of the run; the reader's zoom and legend choices belong to it.
        planned: First and last shown epoch of the plan: the x axis spans them from the start.
        marks: What happened on the way.
    """
    first, last = planned
    room = max(0.02 * (last - first), 0.2)
    few = last - first < FEW_EPOCHS
    lines = [_line(curve, few) for curve in panel.curves]
    return {
        "data": [*lines, *_best_mark(panel)],
        "layout": frame(run, "epoch", (first - room, last + room), panel.metric) | _marked(marks),
    }


def _line(curve: Curve, pointed: bool) -> dict[str, Any]:
    """Lines; markers too where few points are planned, or gaps would leave a point without a line."""
    x, y = thinned(curve.epochs, curve.values)
    look = LINES[curve.split]
    pointed = pointed or len(x) < 3 or not np.isfinite(y).all()
    return {
        "type": "scatter",
        "uid": curve.split,
        "name": _legend(curve),
        "mode": "lines+markers" if pointed else "lines",
        "x": packed(x),
        "y": packed(y),
        "line": {"width": 2.5, "dash": look["dash"]},
        "marker": {"size": 6, "symbol": look["symbol"]},
        "hovertemplate": "%{y:.4g}<extra>" + SPOKEN[curve.split] + "</extra>",
        "meta": {"color": look["color"]},
    }


def _legend(curve: Curve) -> str:
    """Name and latest value: the reader need not look for the end of the line."""
    value = _last(curve)
    return SPOKEN[curve.split] if value is None else f"{SPOKEN[curve.split]}  <b>{shown(value)}</b>"


def _last(curve: Curve) -> float | None:
    """Latest value that an epoch has."""
    seen = curve.values[~np.isnan(curve.values)]
    return float(seen[-1]) if len(seen) else None


def _best_mark(panel: Panel) -> list[dict[str, Any]]:
    """A ring around the best point of the last curve."""
    found = best(panel)
    if found is None:
        return []
    epoch, value = found
    mark = {"size": 13, "symbol": "circle-open", "line": {"width": 2}}
    return [
        {
            "type": "scatter",
            "uid": "best",
            "name": f"best {shown(value)} · epoch {epoch}",
            "mode": "markers",
            "x": packed(np.array([epoch])),
            "y": packed(np.array([value])),
            "marker": mark,
            "hoverinfo": "skip",
            "meta": {"color": LINES[panel.curves[-1].split]["color"]},
        }
    ]


def _marked(marks: Sequence[Mark]) -> dict[str, Any]:
    """A dashed line from top to bottom for each, and a sign at its foot that tells it when it is pointed at."""
    line: dict[str, Any] = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    sign: dict[str, Any] = {"text": "◆", "yref": "paper", "y": 0, "yanchor": "bottom", "showarrow": False}
    return {
        "shapes": [{**line, "x0": one.at, "x1": one.at, "line": {"width": 1.5, "dash": "dash"}} for one in marks],
        "annotations": [{**sign, "x": one.at, "hovertext": one.text} for one in marks],
    }


def told(panel: Panel, marks: Sequence[Mark] = ()) -> str:
    """The curve in words, for those who do not see it."""
    told_curves = [_told_curve(curve) for curve in panel.curves]
    found = best(panel)
    ending = [] if found is None else [f"best {shown(found[1])} at epoch {found[0]}"]
    return f"{panel.metric}: " + "; ".join([*told_curves, *ending, *(one.text for one in marks)]) + "."


def _told_curve(curve: Curve) -> str:
    """From where to where."""
    seen = np.flatnonzero(~np.isnan(curve.values))
    if not len(seen):
        return f"{SPOKEN[curve.split]} has no value" + (
            f" in {len(curve.values)} epochs" if len(curve.values) else " yet"
        )
    a, b = seen[0], seen[-1]
    start, end = shown(float(curve.values[a])), shown(float(curve.values[b]))
    if a == b:
        return f"{SPOKEN[curve.split]} {start} at epoch {int(curve.epochs[a])}"
    return (
        f"{SPOKEN[curve.split]} from {start} at epoch {int(curve.epochs[a])} to {end} at epoch {int(curve.epochs[b])}"
    )
