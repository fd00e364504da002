"""Checks that the module takes the validation data, and that no input is NaN where the prediction then is as well."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from fitdash.data.batches.rows import TensorRows
from fitdash.data.batches.source import leaves_of, replace_leaves
from fitdash.engine.first_batch.arrays import first_where, pieces
from fitdash.engine.first_batch.caller import warn_caller
from fitdash.engine.step.devices import device_and_dtype_of
from fitdash.engine.step.layer_inputs import named_leaves
from fitdash.engine.step.step import Step
from fitdash.errors import DataError

MOST_BYTES = 1024**3
"""Most bytes of one input in which NaN is looked for: a tenth of a second."""


def have_same_shapes(one: Any, other: Any) -> bool:
    """True if two inputs have the same arrays in the same containers, whatever their numbers of rows."""
    ours, theirs = leaves_of(one), leaves_of(other)
    keys = list(one) if isinstance(one, dict) else None, list(other) if isinstance(other, dict) else None
    if len(ours) != len(theirs) or (keys[0] != keys[1]):
        return False
    return all(tuple(a.shape[1:]) == tuple(b.shape[1:]) for a, b in zip(ours, theirs, strict=True))


def warn_of_nan(step: Step, x: Any, name: str) -> None:
    """Warn of the first NaN or infinity in x that the module passes on to its prediction.

    Arrays of more than a gigabyte are looked at in their first rows.
    """
    for label, rows in named_leaves(x, name):
        if not isinstance(rows, TensorRows) or not rows.dtype.is_floating_point or _is_finite(rows):
            continue
        first = first_where(rows, lambda part: ~torch.isfinite(part))
        if first is None:
            continue
        row, value = first
        said = try_row(step, x, name, row - rows.start)
        if any(not bool(torch.isfinite(part).all()) for part in leaves_of(said) if isinstance(part, torch.Tensor)):
            column = _column(rows, row - rows.start)
            array = label.removeprefix("validation ")
            warn_caller(
                f"{label} must have a number in each place, got {value:g} in row {row}{column}: there the prediction "
                f"is no number either. Fill such places before the fit, such as with np.nan_to_num({array})."
            )


def _is_finite(rows: TensorRows) -> bool:
    """True if the sum is finite, and so every value; a sum that overflows gives False."""
    seen = 0
    for _, part in pieces(rows):
        if not bool(torch.isfinite(part.sum())):
            return False
        seen += part.nbytes
        if seen > MOST_BYTES:
            break
    return True


def _column(rows: TensorRows, row: int) -> str:
    values = rows.slice(row, row + 1)[0]
    return f", column {int((~torch.isfinite(values)).nonzero()[0, 0])}" if values.ndim == 1 and len(values) > 1 else ""


def try_row(step: Step, x: Any, name: str, row: int = 0) -> Any:
    """The prediction of one row, in evaluation mode and without a trace; None if the module needs more than that.

    Args:
        step: Calls the module.
        x: All inputs, as rows in their containers.
        name: What errors call them.
        row: Its index.

    Raises:
        DataError: a layer does not take the row.
    """
    target = device_and_dtype_of(step.module)
    chosen = [part.slice(row, row + 1).to(target.device) for part in leaves_of(x)]
    alone = replace_leaves(x, iter([part.to(target.floating) if part.is_floating_point() else part for part in chosen]))
    devices = [target.device] if target.device.type == "cuda" else []
    with (
        torch.random.fork_rng(devices=devices),
        _evaluating(step.module),
        _named(step, name, int(leaves_of(x)[0].shape[0])),
    ):
        try:
            return step.outputs(alone)
        except DataError:
            raise
        except Exception:  # the user's own error belongs to the validation, where it comes as it is
            return None


@contextmanager
def _named(step: Step, name: str, rows: int) -> Iterator[None]:
    """Errors inside the block speak of arrays of that name and that many rows."""
    forward = step.forward
    before, (forward.name, forward.rows) = (forward.name, forward.rows), (name, rows)
    try:
        yield
    finally:
        forward.name, forward.rows = before


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode inside the block; every layer gets its own mode back."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, was_training in modes:
            part.training = was_training
