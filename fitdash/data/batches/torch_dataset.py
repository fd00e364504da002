"""Batches of torch's map-style data sets, whose samples `fit` batches and shuffles itself."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import default_collate

from fitdash.data.batches.arrays import ShuffleMode
from fitdash.data.batches.items import numbered, read_each
from fitdash.data.batches.source import Batch


class DatasetSource:
    """Rows of a map-style Dataset, batched and ordered as arrays would be.

    Args:
        dataset: Has `__len__` and `__getitem__`; an item is x, (x,), (x, y) or (x, y, weight) of one sample.
        batch_size: Samples of a batch; the last one may be smaller.
        order: "rows", "batch" or "given", as for arrays.
        read: Makes a batch of collated samples.
        inputs_only: Leave y and weight of the samples out.
        prefix: "" or "validation ", the name of the data in errors.
    """

    reiterable = True

    def __init__(
        self,
        dataset: Any,
        *,
        batch_size: int,
        order: ShuffleMode,
        read: Callable[[Any], Batch],
        inputs_only: bool = False,
        prefix: str = "",
    ) -> None:
        self.dataset, self.batch_size, self.order, self.read = dataset, batch_size, order, read
        self.inputs_only, self.prefix = inputs_only, prefix

    @property
    def rows(self) -> int:
        return len(self.dataset)

    @property
    def steps(self) -> int:
        return -(-self.rows // self.batch_size)

    def batches(self) -> Iterator[Batch]:
        return read_each(self._items(), self.read, self.dataset, self.prefix)

    def _items(self) -> Iterator[Any]:
        for number, index in enumerate(self._order(), 1):
            samples = [self.dataset[i] for i in index]
            has_parts = isinstance(samples[0], (tuple, list))
            if has_parts and self.inputs_only:
                samples = [sample[:1] for sample in samples]
            try:
                item = default_collate(samples)
            except (RuntimeError, TypeError) as error:
                raise numbered(
                    f"the samples of a Dataset must be numbers or arrays of one shape, got {_unlike(samples, index)}. "
                    "Give a DataLoader with a collate_fn.",
                    number,
                    self.prefix,
                ) from error
            yield item if has_parts else (item,)

    def _order(self) -> Iterator[list[int]]:
        size, rows = self.batch_size, self.rows
        if self.order == "rows":
            yield from (part.tolist() for part in torch.split(torch.randperm(rows), size))
            return
        full = rows // size
        order = torch.randperm(full) if self.order == "batch" else torch.arange(full)
        for i in [*order.tolist(), *([full] if full * size < rows else [])]:
            yield list(range(i * size, min((i + 1) * size, rows)))


def _unlike(samples: list[Any], index: list[int]) -> str:
    """The first sample that differs from the one at the beginning of its batch, or that holds no numbers."""
    kinds = [_kind(sample) for sample in samples]
    other = next((place for place, kind in enumerate(kinds) if kind != kinds[0]), 0)
    found = f"{kinds[0]} as sample {index[0]}"
    return found if other == 0 else f"{found} and {kinds[other]} as sample {index[other]}"


def _kind(sample: Any) -> str:
    if isinstance(sample, dict):
        return ", ".join(f"{name!r}: {_kind(part)}" for name, part in sample.items())
    if isinstance(sample, (tuple, list)):
        return f"({', '.join(map(_kind, sample))})"
    shape = getattr(sample, "shape", None)
    return f"an array of shape {tuple(shape)}" if shape is not None else type(sample).__name__
