"""Checks the ids of inputs that reach an Embedding unchanged, in all rows of the arrays, during the first forward call.

Which input that is shows only while the module runs, so its embeddings are watched for that one call.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from fitdash.data.batches.source import leaves_of
from fitdash.engine.first_batch.arrays import extremes, first_where
from fitdash.engine.step.layer_inputs import describe_layer, named_leaves, wrong_ids
from fitdash.engine.step.step import Forward, Step
from fitdash.errors import DataError

EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)


class WatchedForward(Forward):
    """Takes the place of a step's `forward` until the first batch has passed.

    Args:
        step: Its module has embeddings.
        checks: The step's checks; once the step has none or others, this does what `forward` did.
        arrays: The inputs of each part as rows in their containers, with the prefix of its names.
    """

    def __init__(self, step: Step, checks: Any, arrays: Sequence[tuple[Any, str]]) -> None:
        super().__init__(step.module)
        self.step, self.checks, self.arrays = step, checks, arrays
        self.kept: Forward = step.forward.kept if isinstance(step.forward, WatchedForward) else step.forward

    def __call__(self, x: Any) -> Any:
        if self.step.checks is not self.checks or not self.module.training:
            return self.kept(x)
        layers = [layer for layer in self.module.modules() if isinstance(layer, EMBEDDINGS)]
        handles = [layer.register_forward_pre_hook(self._hook(x)) for layer in layers]
        try:
            return self.kept(x)
        finally:
            for handle in handles:
                handle.remove()

    def _hook(self, x: Any) -> Callable[[nn.Module, Any], None]:
        def check(layer: nn.Module, given: Any) -> None:
            for place, part in enumerate(leaves_of(x)):
                column = _column(part, given[0]) if given else None
                if column is not None:
                    for arrays, prefix in self.arrays:
                        self._check(layer, arrays, place, column, prefix)

        return check

    def _check(self, layer: Any, arrays: Any, place: int, column: int, prefix: str) -> None:
        """Refuse ids outside the vocabulary in one array."""
        labels = list(named_leaves(arrays, f"{prefix}x"))
        if place >= len(labels):
            return
        name, rows = labels[place]
        size = layer.num_embeddings
        low, high = extremes(rows) if column < 0 else (-1.0, size)
        if low >= 0 and high < size:
            return
        first = first_where(rows, lambda part: _outside(part, size, column))
        if first is None:
            return
        misfit = wrong_ids(layer, int(first[1]), first[0])
        at = "" if column < 0 else f"[:, {column}]"
        what = describe_layer(self.module, layer)
        raise DataError(
            f"{name}{at} must {misfit.must}, since it goes into {what}, got {misfit.found}. {misfit.remedy}"
        )


def watch_embeddings(step: Step, checks: Any, arrays: Sequence[tuple[Any, str]]) -> None:
    """Check the ids of arrays of whole numbers in the next call of a module with embeddings."""
    if any(isinstance(layer, EMBEDDINGS) for layer in step.module.modules()) and any(
        not rows.slice(0, 1).is_floating_point() for inputs, _ in arrays for rows in leaves_of(inputs)
    ):
        step.forward = WatchedForward(step, checks, arrays)


def leave_embeddings(step: Step) -> None:
    """Give the step back what called its module before."""
    if isinstance(step.forward, WatchedForward):
        step.forward = step.forward.kept


def _column(part: torch.Tensor, given: Any) -> int | None:
    """-1 where an embedding gets this very input, the index of the column that it gets; None for anything else."""
    if not isinstance(given, torch.Tensor) or given.is_floating_point() or given.dtype != part.dtype:
        return None
    if given is part or (given.numel() == part.numel() and given.data_ptr() == part.data_ptr()):
        return -1
    width = part.shape[1] if part.ndim == 2 else 0
    shares = width and given.untyped_storage().data_ptr() == part.untyped_storage().data_ptr()
    place = int(given.storage_offset() - part.storage_offset())
    is_column = given.shape[0] == given.numel() == len(part) and given.stride(0) == part.stride(0)
    return place if shares and part.stride(1) == 1 and is_column and 0 <= place < width else None


def _outside(part: torch.Tensor, size: int, column: int) -> torch.Tensor:
    outside = (part < 0) | (part >= size)
    if column < 0:
        return outside
    only = torch.zeros_like(outside)
    only[:, column] = outside[:, column]
    return only
