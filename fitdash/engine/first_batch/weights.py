"""Warns of weights that leave nothing to learn, and of class weights that concern no class of y."""

from typing import Any

import torch

from fitdash.data.batches.class_weights import ClassWeights
from fitdash.data.batches.rows import ArrayRows
from fitdash.data.batches.source import leaves_of
from fitdash.engine.first_batch.arrays import extremes, pieces
from fitdash.engine.first_batch.caller import warn_caller
from fitdash.engine.objective.totals import OutputObjective


def warn_of_zero_weights(outputs: list[OutputObjective], weight: Any, prefix: str = "") -> None:
    """Warn where every sample of every trained output weighs 0."""
    found = leaves_of(weight)
    trained = sum(output.loss is not None for output in outputs)
    shared = not isinstance(weight, (list, tuple, dict))
    if found and (shared or len(found) >= trained) and all(extremes(rows) == (0.0, 0.0) for rows in found):
        effect = "the loss is 0" if prefix else "nothing is learned"
        warn_caller(
            f"{prefix}sample_weight must be above 0 in some rows, got 0 in all of them: {effect}. "
            "Leave it out, and all rows count alike."
        )


def warn_of_classes(weights: ClassWeights, y: Any, prediction: Any) -> None:
    """Warn of class weights that have no effect, or that leave nothing to learn.

    Args:
        y: Targets of all rows, as rows in their containers.
        prediction: Of some rows.
    """
    targets = leaves_of(y)
    if len(targets) != 1 or not isinstance(prediction, torch.Tensor) or not prediction.ndim:
        return
    named = {int(key): float(value) for key, value in weights.table.T.tolist() if key >= 0}
    present = _present(weights, targets[0], prediction.ndim)
    if present and all(named.get(key, 1.0) == 0 for key in present):
        warn_caller(
            "class_weight must be above 0 for a class of y, got 0 for all of them: nothing is learned. Raise one."
        )
    elif present and named and not present & set(named):
        warn_caller(
            f"class_weight must name classes of y, which has {_listed(present)}, got {_listed(set(named))}: it changes "
            "nothing. Name the classes as they stand in y."
        )


def _present(weights: ClassWeights, rows: ArrayRows, prediction_axes: int) -> set[int]:
    """The classes of the targets; none where there are too many to be classes."""
    found: set[int] = set()
    for _, part in pieces(rows):
        classes = weights.classes(part, prediction_axes)
        found |= {int(value) for value in torch.unique(classes).tolist()[:1000] if value == value}
    return found if len(found) < 1000 else set()


def _listed(classes: set[int]) -> str:
    shown = ", ".join(map(str, sorted(classes)[:5]))
    return shown if len(classes) <= 5 else f"{shown}, …"
