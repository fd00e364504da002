"""Checks that the module takes the validation data, whose arrays may have other shapes than those it trains on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from fitdash.data.batches.source import leaves_of, replace_leaves
from fitdash.engine.step.devices import device_and_dtype_of
from fitdash.engine.step.step import Step
from fitdash.errors import DataError


def have_same_shapes(one: Any, other: Any) -> bool:
    """True if two inputs have the same arrays in the same containers, whatever their numbers of rows."""
    ours, theirs = leaves_of(one), leaves_of(other)
    keys = list(one) if isinstance(one, dict) else None, list(other) if isinstance(other, dict) else None
    if len(ours) != len(theirs) or (keys[0] != keys[1]):
        return False
    return all(tuple(a.shape[1:]) == tuple(b.shape[1:]) for a, b in zip(ours, theirs, strict=True))


def try_first_row(step: Step, x: Any, name: str) -> Any:
    """The prediction of the first row, in evaluation mode and without a trace; None if the module needs more than that.

    Args:
        step: Calls the module.
        x: All inputs, as rows in their containers.
        name: What errors call them.

    Raises:
        DataError: a layer does not take the row.
    """
    target = device_and_dtype_of(step.module)
    firsts = [part.slice(0, 1).to(target.device) for part in leaves_of(x)]
    row = replace_leaves(x, iter([part.to(target.floating) if part.is_floating_point() else part for part in firsts]))
    devices = [target.device] if target.device.type == "cuda" else []
    with (
        torch.random.fork_rng(devices=devices),
        _evaluating(step.module),
        _named(step, name, int(leaves_of(x)[0].shape[0])),
    ):
        try:
            return step.outputs(row)
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
