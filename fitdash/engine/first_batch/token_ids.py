"""Checks the ids of inputs that reach an Embedding unchanged, in all rows of the arrays, during the first forward call.

Which input that is shows only while the module runs, so its embeddings are watched for that one call.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from fitdash.data.batches.source import leaves_of
from fitdash.engine.first_batch.arrays import extremes, first_where
from fitdash.engine.step.layer_inputs import describe_layer, named_leaves, wrong_ids
from fitdash.errors import DataError

EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)


class EmbeddingWatch:
    """Hooks on a module and its embeddings, from the start of a fit until its first batch has passed.

    Args:
        module: Without embeddings nothing is watched, nor where no input holds whole numbers.
        arrays: The inputs of each part as rows in their containers, with the prefix of its names.
    """

    def __init__(self, module: nn.Module, arrays: Sequence[tuple[Any, str]]) -> None:
        self.module, self.arrays = module, arrays
        self._inputs: list[tuple[int | str, torch.Tensor]] = []
        self._handles: list[Any] = []
        layers = [layer for layer in module.modules() if isinstance(layer, EMBEDDINGS)]
        if layers and any(_holds_ids(rows) for inputs, _ in arrays for rows in leaves_of(inputs)):
            self._handles = [module.register_forward_pre_hook(self._note_inputs, with_kwargs=True)]
            self._handles += [layer.register_forward_pre_hook(self._check_layer) for layer in layers]

    def close(self) -> None:
        """Remove the hooks."""
        for handle in self._handles:
            handle.remove()
        self._handles, self._inputs = [], []

    def _note_inputs(self, module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Keep the inputs of the call that begins, by position and by name."""
        parts: list[tuple[int | str, Any]] = [*enumerate(leaves_of(given)), *named.items()] if module.training else []
        self._inputs = [(key, part) for key, part in parts if isinstance(part, torch.Tensor)]

    def _check_layer(self, layer: nn.Module, given: Any) -> None:
        for key, part in self._inputs:
            column = _column(part, given[0]) if given else None
            if column is not None:
                for arrays, prefix in self.arrays:
                    self._check(layer, arrays, key, column, prefix)

    def _check(self, layer: Any, arrays: Any, key: int | str, column: int, prefix: str) -> None:
        """Refuse ids outside the vocabulary in one array."""
        x = f"{prefix}x"
        is_named = isinstance(key, str) and isinstance(arrays, dict)
        labels = list(named_leaves(arrays.get(key), f"{x}[{key!r}]") if is_named else named_leaves(arrays, x))
        place = 0 if isinstance(key, str) else key
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
            f"{name}{at} must {misfit.must}, since it goes into {what}, got {misfit.found}. {misfit.remedy}",
            is_located=True,
        )


def _holds_ids(rows: Any) -> bool:
    return not rows.slice(0, 1).is_floating_point()


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
