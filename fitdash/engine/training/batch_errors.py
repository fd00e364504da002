"""Errors of a step with the number of their batch, where the user's own source gave it; a batch without one is free."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from fitdash.data.batches.items import numbered
from fitdash.data.batches.source import Batch, leaves_of
from fitdash.engine.step.step import Step
from fitdash.errors import DataError


class _Remembering:
    """An iterator over batches that knows the last one."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self.batches = batches
        self.last: Batch | None = None

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        self.last = batch = next(self.batches)
        return batch


def with_numbers(
    train: Callable[[Iterator[Batch]], Iterator[int]], batches: Iterator[Batch], step: Step, prefix: str = ""
) -> Iterator[int]:
    """The steps of a strategy; an error of one of them has the number of its batch.

    Args:
        train: Takes the batches, and yields how many of them each call took.
        batches: As the user's source gives them.
        step: Knows the inputs of the first batch.
        prefix: "" or "validation ", the name of the data.

    Raises:
        DataError, Exception: as `numbered_error` makes them.
    """
    done, remembered = 0, _Remembering(batches)
    try:
        for count in train(remembered):
            yield count
            done += count
    except Exception as error:
        found = numbered_error(error, done + 1, remembered.last, step, prefix)
        if found is error:
            raise
        raise found from error


def numbered_error(error: Exception, number: int, batch: Batch | None, step: Step, prefix: str = "") -> Exception:
    """The error of the batch of this number, from 1.

    A `DataError` gets the number into its text, and so does an error of torch where x differs from that of the first
    batch; any other error stays the same object, with a note.
    """
    if isinstance(error, DataError) and error.is_located:
        return error
    of_torch = error.__cause__ if isinstance(error, DataError) else error
    if batch is not None and step.example is not None and isinstance(of_torch, (RuntimeError, TypeError, ValueError)):
        found = _difference(step.example, step.forward.as_passed(batch.x), str(of_torch))
        if found:
            return numbered(f"{found}. Give each batch the same inputs.", number, prefix)
    if isinstance(error, DataError):
        return numbered(str(error), number, prefix)
    error.add_note(f"This was {prefix}batch {number}.")
    return error


def _difference(first: Any, x: Any, error: str) -> str | None:
    """How the inputs of a batch differ from those of the first one, so that this error of torch may come of it."""
    if _container(first) != _container(x):
        return f"x must be {_container(first)} as in the first batch, got {_container(x)}"
    for one, other in zip(leaves_of(first), leaves_of(x), strict=True):
        if one.is_floating_point() != other.is_floating_point():
            return f"x must be {_dtype(one)} as in the first batch, got {_dtype(other)}"
        is_about_shapes = "size" in error or "shape" in error or one.ndim != other.ndim
        if one.shape[1:] != other.shape[1:] and is_about_shapes:
            return f"x must have the shape {_shape(one)} as in the first batch, got {_shape(other)}"
    return None


def _container(x: Any) -> str:
    if isinstance(x, dict):
        return f"a dict of {', '.join(map(str, x))}"
    return f"{len(x)} inputs" if isinstance(x, (list, tuple)) else "one input"


def _dtype(part: torch.Tensor) -> str:
    return str(part.dtype).removeprefix("torch.")


def _shape(part: torch.Tensor) -> str:
    return f"({', '.join(['n', *map(str, part.shape[1:])])})"
