"""Chart of one metric over epochs: numbers → a chart specification.

A specification is a dictionary in plotly's schema: it takes 0.3 ms to build, `go.Figure` 14 ms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fitdash.charts.annotations import Annotation, annotation_layout
from fitdash.charts.axis import TITLES, Axis
from fitdash.charts.curves import SET, Curve, MetricPanel, best_result, higher_is_better, monitored_curve
from fitdash.charts.smooth import running_mean
from fitdash.charts.theme import LINES, QUIET, SPLIT_LABELS, Chart, epoch_layout, format_metric, pack_float32
from fitdash.charts.thin import Floats, thin_curve

FEW_EPOCHS = 60
"""Up to this many planned epochs every point has a marker, from the first epoch on."""

MOST_POINTS = 600
"""Of a line: twice as many as it has pixels on most screens, drawn in half the time of a thousand."""

FAINT = 0.35
RANKS = {name: place for place, name in enumerate(("train", "val", "fair", "best", "answer", "previous"))}
"""Order in the legend; lines are drawn in another order, with the values on top."""
KEYS = {"train": "{}", "val": "val_{}", "fair": "fair_{}"}
"""Key of a curve's value in the values that the browser tab receives of an epoch."""


@dataclass(frozen=True, kw_only=True)
class CurveStyle:
    """How the visitor wants the curves drawn.

    Attributes:
        smoothing: About how many epochs are averaged for a second line; 0 draws the values alone.
        log: Whether y is logarithmic, for metrics where less is better.
        bold: Factor for all line widths and marker sizes.
    """

    smoothing: int = 0
    log: bool = False
    bold: float = 1.0


def curve_chart(
    panel: MetricPanel,
    *,
    run: str,
    planned: tuple[int, int],
    axis: Axis | None = None,
    marks: Sequence[Annotation] = (),
    look: CurveStyle | None = None,
) -> Chart:
    """Specification of one panel.

    Args:
        panel: The curves.
        run: Uid of the run; the zoom and legend choices belong to it.
        planned: First and last shown epoch of the plan: the x axis spans them from the start.
        axis: Positions of epochs; without it an epoch stands at its number.
        marks: Annotations of the run.
        look: How the visitor wants it drawn.
    """
    look = look or CurveStyle()
    first, last = planned
    axis = axis or Axis(over=np.asarray([first - 1.0, last]), x=np.asarray([first - 1.0, last]))
    few = last - first < FEW_EPOCHS
    lines = [line for curve in panel.curves for line in _lines(panel.metric, curve, look, few)]
    drawn = [*_ghost(panel), *_answer(panel, axis, planned), *_within(panel, look), *lines, *_best_mark(panel, look)]
    log = look.log and not higher_is_better(panel.metric)
    layout = epoch_layout(run, TITLES[axis.kind], _span(panel, axis, planned), panel.metric, log=log)
    return {"data": drawn, "layout": layout | annotation_layout(marks, axis)}


def _span(panel: MetricPanel, axis: Axis, planned: tuple[int, int]) -> tuple[float, float]:
    """Range of the x axis: the planned epochs; from the start of the first where values within epochs are drawn."""
    first, last = planned
    begins = first - 1 if panel.within is not None or axis.kind != "epoch" else first
    low, high = axis.place(begins), axis.place(last)
    room = max(0.02 * (high - low), 0.2 * axis.ahead)
    return low - room, high + room


def _lines(metric: str, curve: Curve, look: CurveStyle, pointed: bool) -> list[dict[str, Any]]:
    """The line of the values; with smoothing faint, and the smoothed line above it."""
    raw = _line(curve, curve.values, look, pointed)
    raw["meta"] |= {"told": SPLIT_LABELS[curve.split], "key": KEYS[curve.split].format(metric)}
    if not look.smoothing or metric in SET:
        return [raw]
    mean = _line(curve, running_mean(curve.values, look.smoothing), look, pointed=False)
    named = {
        "uid": f"{curve.split} smoothed",
        "name": _legend(f"{SPLIT_LABELS[curve.split]}, smoothed", mean["meta"]["last"]),
    }
    return [raw | {"opacity": FAINT, "showlegend": False}, mean | named | {"hoverinfo": "skip"}]


def _line(curve: Curve, values: Floats, look: CurveStyle, pointed: bool) -> dict[str, Any]:
    """One line; with markers if `pointed`, or if gaps would leave a point without a line."""
    x, y = thin_curve(curve.x, values, MOST_POINTS)
    style = LINES[curve.split]
    pointed = pointed or len(x) < 3 or not np.isfinite(y).all()
    last = _last(values)
    return {
        "type": "scatter",
        "uid": curve.split,
        "name": _legend(SPLIT_LABELS[curve.split], last),
        "legendrank": RANKS[curve.split],
        "mode": "lines+markers" if pointed else "lines",
        "x": pack_float32(_some(x)),
        "y": pack_float32(_some(y)),
        "line": {"width": 2.5 * look.bold, "dash": style["dash"]},
        "marker": {"size": 6 * look.bold, "symbol": style["symbol"]},
        "hovertemplate": "%{y:.4g}<extra>" + SPLIT_LABELS[curve.split] + "</extra>",
        "meta": {"color": style["color"], "thin": len(x) < len(values), "last": last},
    }


def _some(values: Floats) -> Floats:
    """The values, or one NaN if there are none: so the legend has an entry for the line from the start."""
    return values if len(values) else np.asarray([np.nan])


def _legend(name: str, value: float | None) -> str:
    """Name and latest value, which saves looking for the end of the line."""
    return name if value is None else f"{name}  <b>{format_metric(value)}</b>"


def _last(values: Floats) -> float | None:
    """The latest value that is not NaN."""
    seen = values[~np.isnan(values)]
    return float(seen[-1]) if len(seen) else None


def _within(panel: MetricPanel, look: CurveStyle) -> list[dict[str, Any]]:
    """Thin line of the running means within epochs, interrupted between epochs, because the mean starts anew."""
    if panel.within is None:
        return []
    return [
        {
            "type": "scatter",
            "uid": "within",
            "name": "training, per batch",
            "showlegend": False,  # it may come late: the legend must not grow while a run is on
            "mode": "lines",
            "x": pack_float32(panel.within.x),
            "y": pack_float32(panel.within.values),
            "line": {"width": 1.2 * look.bold},
            "opacity": 0.6,
            "hovertemplate": "%{y:.4g}<extra>within the epoch</extra>",
            "meta": {"color": LINES["train"]["color"]},
        }
    ]


def _ghost(panel: MetricPanel) -> list[dict[str, Any]]:
    """Lines of the previous run: thin, grey and dashed, with one legend entry for all."""
    if not panel.ghost:
        return []
    found = []
    low, high = _in_sight(panel)
    for place, curve in enumerate(panel.ghost):
        near = np.where((curve.values >= low) & (curve.values <= high), curve.values, np.nan)
        x, y = thin_curve(curve.x, near, MOST_POINTS)
        dash = "dash" if curve.split == "train" else "dot"
        found.append(
            {
                "type": "scatter",
                "uid": f"previous {curve.split}",
                "name": "previous run" if np.isfinite(near).any() else "previous run, far off",
                "showlegend": place == 0,
                "legendrank": RANKS["previous"],
                "mode": "lines",
                "x": pack_float32(_some(x)),
                "y": pack_float32(_some(y)),
                "line": {"width": 1.5, "dash": dash},
                "hovertemplate": "%{y:.4g}<extra>previous " + SPLIT_LABELS[curve.split] + "</extra>",
                "meta": {"color": QUIET, "hides": "previous"},
            }
        )
    return found


def _in_sight(panel: MetricPanel) -> tuple[float, float]:
    """Lowest and highest value to draw of the previous run: one that diverged must not flatten this run's curves."""
    values = np.concatenate([curve.values for curve in panel.curves])
    values = values[np.isfinite(values)]
    if len(values) < 2 * len(panel.curves):
        return -np.inf, np.inf
    known = values if panel.answer is None else np.append(values, panel.answer.value)
    low, high = float(known.min()), float(known.max())
    return low - (high - low), high + (high - low)


def _answer(panel: MetricPanel, axis: Axis, planned: tuple[int, int]) -> list[dict[str, Any]]:
    """Dashed line of the baseline, which every network should beat."""
    if panel.answer is None:
        return []
    ends = [axis.place(planned[0] - 1), axis.place(planned[1])]
    return [
        {
            "type": "scatter",
            "uid": "answer",
            "name": _legend(panel.answer.text, panel.answer.value),
            "legendrank": RANKS["answer"],
            "mode": "lines",
            "x": pack_float32(np.asarray(ends)),
            "y": pack_float32(np.asarray([panel.answer.value] * 2)),
            "line": {"width": 1.5, "dash": "longdash"},
            "hoverinfo": "skip",
            "meta": {"color": 3},
        }
    ]


def _best_mark(panel: MetricPanel, look: CurveStyle) -> list[dict[str, Any]]:
    """Ring around the best point of the monitored curve."""
    if panel.metric in SET:
        return []
    found = best_result(panel)
    curve = monitored_curve(panel)
    mark = {"size": 13 * look.bold, "symbol": "circle-open", "line": {"width": 2 * look.bold}}
    x, y, name = np.nan, np.nan, "best"
    if found is not None:
        epoch, y = found
        x, name = (
            float(curve.x[np.searchsorted(curve.epochs, epoch)]),
            f"best  <b>{format_metric(y)}</b> · epoch {epoch}",
        )
    return [
        {
            "type": "scatter",
            "uid": "best",
            "name": name,
            "legendrank": RANKS["best"],
            "mode": "markers",
            "x": pack_float32(np.asarray([x])),
            "y": pack_float32(np.asarray([y])),
            "marker": mark,
            "hoverinfo": "skip",
            "meta": {"color": LINES[curve.split]["color"]},
        }
    ]
