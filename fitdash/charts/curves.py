"""Curves of one run: history → plain numbers, and their text alternative."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fitdash.charts.annotations import Annotation
from fitdash.charts.axis import Axis
from fitdash.charts.theme import SPLIT_LABELS, format_metric
from fitdash.charts.thin import Floats

SET = ("learning_rate", "lr")
"""Logs that are set, not measured: none of their values is the best one."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Values of one metric in one split.

    Attributes:
        split: "train", "val", or "fair": training rows measured as validation rows are.
        epochs: Shown epochs, from 1, (n,); with fractions of an epoch for running values.
        x: Their positions on the axis, (n,).
        values: (n,); NaN where the epoch has none.
    """

    split: str
    epochs: Floats
    x: Floats
    values: Floats


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """Result of a trivial model that predicts the same for every input.

    Attributes:
        text: What it predicts.
        value: Its value of the metric.
    """

    text: str
    value: float


@dataclass(frozen=True, kw_only=True)
class MetricPanel:
    """One metric of a run: training and validation together.

    Attributes:
        curves: By epoch, training first.
        within: Running values of training within long epochs.
        ghost: The same metric of the previous run, for comparison.
        answer: The baseline, where there is one for this metric.
    """

    metric: str
    curves: tuple[Curve, ...]
    within: Curve | None = None
    ghost: tuple[Curve, ...] = ()
    answer: Baseline | None = None


def metric_panels(
    epochs: Sequence[int], history: Mapping[str, Sequence[float] | Floats], axis: Axis | None = None
) -> list[MetricPanel]:
    """The metrics of a history, in its order, each with its validation curve beside it.

    Args:
        epochs: Indices from 0, (n,).
        history: Values by log name, each (n,); None or NaN where an epoch has none.
        axis: Positions of epochs; without it an epoch stands at its number.
    """
    names = list(dict.fromkeys(name.removeprefix("val_") for name in history))
    shown_epochs = np.asarray(epochs, dtype=float) + 1
    x = shown_epochs if axis is None else axis.places(shown_epochs)
    return [MetricPanel(metric=name, curves=tuple(_curves(name, shown_epochs, x, history))) for name in names]


def _curves(metric: str, epochs: Floats, x: Floats, history: Mapping[str, Sequence[float] | Floats]) -> list[Curve]:
    """The curves of one metric, training first."""
    keys = {"train": metric, "val": f"val_{metric}"}
    found = {split: history[key] for split, key in keys.items() if key in history}
    return [Curve(split=s, epochs=epochs, x=x, values=np.asarray(v, dtype=float)) for s, v in found.items()]


def best_result(panel: MetricPanel) -> tuple[int, float] | None:
    """Shown epoch and value of the best result so far, on validation data where there is any; None without one."""
    if panel.metric in SET:
        return None
    curve = monitored_curve(panel)
    seen = np.flatnonzero(np.isfinite(curve.values))
    if not len(seen):
        return None
    values = curve.values[seen]
    place = seen[values.argmax() if higher_is_better(panel.metric) else values.argmin()]
    return int(curve.epochs[place]), float(curve.values[place])


def monitored_curve(panel: MetricPanel) -> Curve:
    """The curve by which a run is judged: validation where there is one."""
    return next((curve for curve in panel.curves if curve.split == "val"), panel.curves[0])


def higher_is_better(metric: str) -> bool:
    """Whether a metric grows when the model gets better."""
    return any(word in metric for word in ("acc", "auc", "precision", "recall", "f1", "r2", "cosine_similarity"))


def describe_panel(panel: MetricPanel, marks: Sequence[Annotation] = ()) -> str:
    """Text alternative of `curve_chart`, which screen readers speak."""
    curves = [_describe_curve(curve) for curve in panel.curves]
    found = best_result(panel)
    ending = [] if found is None else [f"best {format_metric(found[1])} at epoch {found[0]}"]
    ending += [] if panel.answer is None else [f"{panel.answer.text} would be {format_metric(panel.answer.value)}"]
    return f"{panel.metric}: " + "; ".join([*curves, *ending, *(one.text for one in marks)]) + "."


def _describe_curve(curve: Curve) -> str:
    """First and last value of a curve, with their epochs."""
    seen = np.flatnonzero(~np.isnan(curve.values))
    if not len(seen):
        return f"{SPLIT_LABELS[curve.split]} has no value" + (
            f" in {len(curve.values)} epochs" if len(curve.values) else " yet"
        )
    a, b = seen[0], seen[-1]
    start, end = format_metric(float(curve.values[a])), format_metric(float(curve.values[b]))
    if a == b:
        return f"{SPLIT_LABELS[curve.split]} {start} at epoch {int(curve.epochs[a])}"
    first, last = int(curve.epochs[a]), int(curve.epochs[b])
    return f"{SPLIT_LABELS[curve.split]} from {start} at epoch {first} to {end} at epoch {last}"
