"""Batches of torch's map-style data sets, whose samples `fit` batches and shuffles itself."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import default_collate

from fitdash.data.batches.arrays import ShuffleMode
from fitdash.data.batches.source import Batch


class DatasetSource:
    """Rows of a map-style Dataset, batched and ordered as arrays would be.

    Args:
        dataset: Has `__len__` and `__getitem__`; an item is x, (x,), (x, y) or (x, y, weight) of one sample.
        batch_size: Samples of a batch; the last one may be smaller.
        order: "rows", "batch" or "given", as for arrays.
        read: Makes a batch of collated samples.
        inputs_only: Leave y and weight of the samples out.
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
    ) -> None:
        self.dataset, self.batch_size, self.order, self.read = dataset, batch_size, order, read
        self.inputs_only = inputs_only

    @property
    def rows(self) -> int:
        return len(self.dataset)

    @property
    def steps(self) -> int:
        return -(-self.rows // self.batch_size)

    def batches(self) -> Iterator[Batch]:
        for index in self._order():
            samples = [self.dataset[i] for i in index]
            has_parts = isinstance(samples[0], (tuple, list))
            if has_parts and self.inputs_only:
                samples = [sample[:1] for sample in samples]
            item = default_collate(samples)
            yield self.read(item if has_parts else (item,))

    def _order(self) -> Iterator[list[int]]:
        size, rows = self.batch_size, self.rows
        if self.order == "rows":
            yield from (part.tolist() for part in torch.split(torch.randperm(rows), size))
            return
        full = rows // size
        order = torch.randperm(full) if self.order == "batch" else torch.arange(full)
        for i in [*order.tolist(), *([full] if full * size < rows else [])]:
            yield list(range(i * size, min((i + 1) * size, rows)))
