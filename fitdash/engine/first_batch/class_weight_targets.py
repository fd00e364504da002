"""Checks that targets beside `class_weight` name one class for each row."""

from typing import Any

import torch

from fitdash.data.batches.arrays import ArraySource
from fitdash.data.batches.source import Source, leaves_of
from fitdash.errors import DataError

_ROWS_AT_ONCE = 65_536


def refuse_several_classes(source: Source, y: Any, prediction: Any) -> None:
    """Refuse rows of 0 and 1 with several ones, or with none: `class_weight` would take the first column for the class.

    Args:
        source: The training data; arrays are looked at as a whole.
        y: The targets of the first batch.
        prediction: The module's output for it.

    Raises:
        DataError: naming the first such row.
    """
    target, output = _single(y), _single(prediction)
    if target is None or output is None or target.ndim != output.ndim or target.ndim < 2 or target.shape[-1] == 1:
        return
    if not isinstance(source, ArraySource):
        _refuse(target, 0, "a batch's y")
        return
    parts = list(leaves_of(source.y))
    if len(parts) == 1:
        for first in range(0, source.rows, _ROWS_AT_ONCE):
            _refuse(parts[0].slice(first, min(first + _ROWS_AT_ONCE, source.rows)), first, "y")


def _refuse(target: torch.Tensor, first: int, name: str) -> None:
    ones = (target == 1).sum(-1)
    binary = ((target == 0) | (target == 1)).all(-1)
    wrong = (binary & (ones != 1 if target.ndim == 2 else ones > 1)).reshape(len(target), -1)  # steps may be padding
    if not bool(wrong.any()):
        return
    row = int(wrong.any(-1).nonzero()[0])
    count = int(ones.reshape(len(target), -1)[row][wrong[row].nonzero()[0, 0]])
    found = "no class" if count == 0 else f"{count} classes"
    raise DataError(
        f"class_weight needs one class in each row of y, got {found} in row {first + row} of {name}. "
        "Weigh the rows with sample_weight instead."
    )


def _single(structure: Any) -> torch.Tensor | None:
    """The only tensor of a container; None where there are several."""
    parts = list(leaves_of(structure))
    return parts[0] if len(parts) == 1 and isinstance(parts[0], torch.Tensor) else None
