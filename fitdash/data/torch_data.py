"""torch's own sources: map-style data sets, which fit batches itself, and loaders, which come with batches."""

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import default_collate

from fitdash.data.adapter import Batch, Target
from fitdash.data.arrays import Order
from fitdash.data.generator import batch_of


class DatasetSource:
    """Rows of a map-style Dataset, batched and ordered as arrays would be.

    Args:
        dataset: Has `__len__` and `__getitem__`; an item is x, (x,), (x, y) or (x, y, weight) of one sample.
        batch_size: Samples of a batch; the last one may be smaller.
        order: "rows", "batch" or "given", as for arrays.
        target: Device and floating-point type of the batches.
    """

    reiterable = True

    def __init__(self, dataset: Any, *, batch_size: int, order: Order, target: Target) -> None:
        self.dataset, self.batch_size, self.order, self.target = dataset, batch_size, order, target

    @property
    def rows(self) -> int:
        return len(self.dataset)

    @property
    def steps(self) -> int:
        return -(-self.rows // self.batch_size)

    def batches(self) -> Iterator[Batch]:
        for index in self._order():
            samples = [self.dataset[i] for i in index]
            item = default_collate(samples)
            yield batch_of(item if isinstance(samples[0], (tuple, list)) else (item,), self.target)

    def _order(self) -> Iterator[list[int]]:
        size, rows = self.batch_size, self.rows
        if self.order == "rows":
            yield from (part.tolist() for part in torch.split(torch.randperm(rows), size))
            return
        full = rows // size
        order = torch.randperm(full) if self.order == "batch" else torch.arange(full)
        for i in [*order.tolist(), *([full] if full * size < rows else [])]:
            yield list(range(i * size, min((i + 1) * size, rows)))
