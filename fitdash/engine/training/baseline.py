"""The baseline that a network has to beat: loss and metrics of the best constant prediction."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from fitdash.data.tables.encoded_arrays import take_rows
from fitdash.data.tables.prepared import PreparedData
from fitdash.engine.objective.objective import Objective
from fitdash.settings.losses_and_metrics import CLASS_METRICS, OutputSpec, full_name

MEANINGLESS = (
    *("precision", "recall", "f1_score", "cosine_similarity"),
    *(name for name in CLASS_METRICS if name.endswith(("positives", "negatives"))),
)
"""Metrics that say nothing about a constant prediction: for a single class they are 0 or its frequency."""


def measure_baseline(
    data: PreparedData, loss: str, metrics: Sequence[str], loss_weights: Mapping[str, float] | None = None
) -> dict[str, dict[str, Any]]:
    """The value of each log for a constant prediction, with a label: {"loss": {"text", "value"}, …}.

    The prediction is the share of each class, and with it the most common class, or the mean: of the validation rows
    where there are any, else of the training rows, and measured on the same rows, by the same arithmetic as a run.
    The loss is left out where weights change it; so is a metric that says nothing about a constant prediction.

    Args:
        data: Rows and targets.
        loss, metrics: Names as `compile` takes them.
        loss_weights: Of several outputs.
    """
    y, weighs = _measured_rows(data)
    outputs = data.facts.outputs
    losses = ("loss", *(f"{output}_loss" for output in outputs))
    shares = {output: (loss_weights or {}).get(output, 1.0) for output in outputs}
    values = _constant_values(y, data.output, loss, metrics, shares or None)
    named = dict(zip(values, [*[loss] * len(losses), *list(metrics) * max(1, len(outputs))], strict=True))
    return {
        name: {"text": _words(full_name(named[name]), data.facts.task), "value": value}
        for name, value in values.items()
        if full_name(named[name]) not in MEANINGLESS and not (name in losses and weighs) and np.isfinite(value)
    }


def _measured_rows(data: PreparedData) -> tuple[Any, bool]:
    """The targets of the validation rows, else of the training rows, and whether their loss is weighted."""
    if data.validation_data is not None:
        return data.validation_data[1], len(data.validation_data) > 2
    if len(data.validation):
        return take_rows(data.y, data.validation), data.sample_weight is not None
    return data.y, data.sample_weight is not None or data.fit.class_weight is not None


def _constant_values(
    y: Any, output: OutputSpec, loss: str, metrics: Sequence[str], loss_weights: Any
) -> dict[str, float]:
    """The logs of a run whose predictions are all the same."""
    target = {name: torch.as_tensor(np.array(part)) for name, part in (y if isinstance(y, dict) else {"": y}).items()}
    answer = {name: _constant(part, output) for name, part in target.items()}
    rows = len(next(iter(target.values())))
    several = isinstance(y, dict)
    given = dict.fromkeys(y, list(metrics)) if several else list(metrics)
    book = Objective(loss=loss, metrics=given, loss_weights=loss_weights).new_book()
    with torch.no_grad():
        book.add(target if several else target[""], answer if several else answer[""], None, rows)
    return book.logs()


def _constant(target: torch.Tensor, output: OutputSpec) -> torch.Tensor:
    """The constant prediction for all rows and time steps: the share of each class, or the mean."""
    if output.target == "index" and output.units > 1:
        answer = torch.bincount(target.long().flatten(), minlength=output.units) / target.numel()
        return answer.float().expand(*target.shape, output.units)
    answer = target.float().reshape(-1, output.units).mean(dim=0)
    return answer.expand(len(target), *target.shape[1:-1], output.units)


def _words(metric: str, task: str) -> str:
    """The constant prediction in words short enough for a legend."""
    if task == "regression":
        return "always the mean"
    return "commonest class" if "accuracy" in metric else "class shares"
