"""What the best answer comes to that is always the same, whatever the inputs are: what a network has to beat."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from fitdash.data.encoded import Encoded
from fitdash.engine.objective import Objective
from fitdash.spec.compile import CLASS_METRICS, Output, full_name

MEANINGLESS = (
    *("precision", "recall", "f1_score", "cosine_similarity"),
    *(name for name in CLASS_METRICS if name.endswith(("positives", "negatives"))),
)
"""Of an answer that names one class only these are 0 or what is common; they say nothing about it."""


def trivial_answers(data: Encoded, loss: str, metrics: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The value of each log for an answer that is always the same, with its words: {"loss": {"text", "value"}, …}.

    The answer is the share of each class, and with it the most common class, or the mean: of the validation rows
    where there are any, else of the training rows, and measured on the same rows, by the same arithmetic as a run.
    The loss is left out where weights move it; so is a metric that says nothing about such an answer.

    Args:
        data: Rows and targets.
        loss, metrics: Names as `compile` takes them.
    """
    y, weighs = _measured_rows(data)
    values = _constant_values(y, data.output, loss, metrics)
    named = dict(zip(values, [loss, *metrics], strict=True))
    return {
        name: {"text": _words(full_name(named[name]), data.facts.task), "value": value}
        for name, value in values.items()
        if full_name(named[name]) not in MEANINGLESS and not (name == "loss" and weighs) and np.isfinite(value)
    }


def _measured_rows(data: Encoded) -> tuple[Any, bool]:
    """The targets of the rows by which a run is judged, and whether their loss is weighted."""
    if data.validation_data is not None:
        return data.validation_data[1], len(data.validation_data) > 2
    if len(data.validation):
        return data.y[data.validation], data.sample_weight is not None
    return data.y, data.sample_weight is not None or data.fit.class_weight is not None


def _constant_values(y: Any, output: Output, loss: str, metrics: Sequence[str]) -> dict[str, float]:
    """What a run would log if every prediction were the same."""
    target = torch.as_tensor(np.array(y))
    if output.target == "index" and output.units > 1:
        answer = torch.bincount(target.long().flatten(), minlength=output.units) / len(target)
    else:
        answer = target.float().reshape(len(target), -1).mean(dim=0)
    book = Objective(loss=loss, metrics=list(metrics)).new_book()
    with torch.no_grad():
        book.add(target, answer.float().expand(len(target), output.units), None, len(target))
    return book.logs()


def _words(metric: str, task: str) -> str:
    """What is answered, as a legend has room for it."""
    if task == "regression":
        return "always the mean"
    return "most common class" if "accuracy" in metric else "class shares alone"
