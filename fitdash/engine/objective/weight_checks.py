"""Refuses weights that cannot fit their targets, by the shapes of all rows, before anything trains."""

from typing import Any

from fitdash.data.batches.rows import ArrayRows
from fitdash.engine.losses.resolve import Loss
from fitdash.errors import DataError


def refuse_misfits(y: Any, weight: Any, losses: list[Loss], *, temporal: bool, prefix: str = "") -> None:
    """Refuse weights with other time steps than their targets; shapes of outputs are checked on the first batch.

    Args:
        y, weight: Rows in their containers.
        losses: Of the outputs; nothing is refused if the values of one may lie at other positions than the target's.
        temporal: Whether every weight must weigh a time step.
        prefix: Put before the name, such as "validation ".

    Raises:
        DataError: naming both shapes.
    """
    if not all(loss.by_position for loss in losses):
        return
    for target, by in _pairs(y, weight):
        wanted = f"{prefix}sample_weight must have the shape "
        if temporal and len(by.shape) < 2:
            raise DataError(f"{wanted}(n, t) with sample_weight_mode='temporal', got {by.shape}.")
        if not _fits(_without_last_ones(by.shape)[1:], target.shape):
            steps = f" or {target.shape[:2]}" if len(_without_last_ones(target.shape)) > 1 else ""
            raise DataError(f"{wanted}({target.shape[0]},){steps}, got {by.shape} with targets of {target.shape}.")


def _pairs(y: Any, weight: Any) -> list[tuple[ArrayRows, ArrayRows]]:
    """Each target with its weights; none where their containers do not match."""
    if y is None or weight is None:
        return []
    if isinstance(y, dict) and isinstance(weight, dict):
        return [pair for key in y if key in weight for pair in _pairs(y[key], weight[key])]
    if isinstance(y, list) and isinstance(weight, list) and len(y) == len(weight):
        return [pair for target, by in zip(y, weight, strict=True) for pair in _pairs(target, by)]
    return [] if isinstance(y, (list, dict)) or isinstance(weight, (list, dict)) else [(y, weight)]


def _fits(steps: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """True if these are the target's axes after the first, or after the second, which may hold the classes."""
    return steps in (target[1 : len(steps) + 1], target[2 : len(steps) + 2])


def _without_last_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    return shape
