"""Batches of all ensemble members at once: each member's rows in its own order, gathered by one call."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from fitdash.data.batches.arrays import CHUNK_BYTES, ArraySource
from fitdash.data.batches.class_weights import ClassWeights, multiply_weights
from fitdash.data.batches.source import Batch

Tensor = torch.Tensor


@dataclass(eq=False)
class MemberRandomState:
    """The random state of one member, from which no other member draws.

    Attributes:
        state: State of torch's global generator when this member draws next.
    """

    state: Tensor

    @contextmanager
    def rolling(self) -> Iterator[None]:
        """Within this context, torch's global generator has this member's state."""
        outside = torch.get_rng_state()
        torch.set_rng_state(self.state)
        try:
            yield
        finally:
            self.state = torch.get_rng_state()
            torch.set_rng_state(outside)


class EnsembleBatches:
    """Batches of all members: x of (members, n, …), y and weight likewise; an array that all share is kept once.

    Args:
        sources: The data of each member, of equal shapes.
        class_weights: The class weights of each member, None for none.
    """

    def __init__(self, sources: Sequence[ArraySource], class_weights: Sequence[ClassWeights | None]) -> None:
        self.count, self.rows = len(sources), sources[0].rows
        self.size, self.order = sources[0].batch_size, sources[0].order
        columns = [_parts(source) for source in sources]
        weights = [_weight(part, given) for part, given in zip(columns, class_weights, strict=True)]
        self._x = _MemberArrays([part[0] for part in columns])
        self._y = _MemberArrays([part[1] for part in columns])
        has_weights = any(weight is not None for weight in weights)
        ones = torch.ones(self.rows)
        filled = [ones if weight is None else weight for weight in weights]
        self._weight = _MemberArrays(filled) if has_weights else None

    def epoch(self, dice: Sequence[MemberRandomState], places: Sequence[int]) -> Iterator[Batch]:
        """One epoch of the members at these indices, each in an order from its own random state."""
        orders = []
        for place in places:
            with dice[place].rolling():
                orders.append(self._order())
        return self._batches(torch.stack(orders), places, self.size)

    def pass_of(self, places: Sequence[int], size: int, most: int) -> Iterator[Batch]:
        """The first `most` rows of these members, in the order of the data, in batches of `size`."""
        return self._batches(torch.arange(min(most, self.rows)).expand(len(places), -1), places, size)

    def first(self, place: int) -> Batch:
        """The first batch of one member, in the order of its data and without weights."""
        index = torch.arange(min(self.size, self.rows))
        x, y = (shelf.take(index[None], [place])[0] for shelf in (self._x, self._y))
        return Batch(x, y, None, len(index))

    def _order(self) -> Tensor:
        """The row order of one epoch, drawn as `ArraySource` draws it."""
        if self.order == "rows":
            return torch.randperm(self.rows)
        if self.order == "given":
            return torch.arange(self.rows)
        full = self.rows // self.size
        starts = torch.randperm(full) * self.size
        whole = (starts[:, None] + torch.arange(self.size)).reshape(-1)
        return torch.cat([whole, torch.arange(full * self.size, self.rows)])

    def _batches(self, orders: Tensor, places: Sequence[int], size: int) -> Iterator[Batch]:
        total, count = orders.shape[1], len(places)
        at_once = max(1, CHUNK_BYTES // (self._x.row_bytes * size * count))
        full = total // size
        for first in range(0, full, at_once):
            steps = min(at_once, full - first)
            index = orders[:, first * size : (first + steps) * size].reshape(count, steps, size).transpose(0, 1)
            yield from self._taken(index, places)
        if total % size:
            yield from self._taken(orders[:, full * size :][None], places)

    def _taken(self, index: Tensor, places: Sequence[int]) -> Iterator[Batch]:
        """Batches of the rows in an index of (steps, members, rows)."""
        x, y = self._x.take(index, places), self._y.take(index, places)
        weights = [None] * len(index) if self._weight is None else self._weight.take(index, places)
        for parts in zip(x, y, weights, strict=True):
            yield Batch(*parts, rows=index.shape[-1])


class _MemberArrays:
    """One array per member, concatenated; or one array if all members share it."""

    def __init__(self, arrays: list[Tensor]) -> None:
        is_shared = all(array.data_ptr() == arrays[0].data_ptr() for array in arrays)
        self._offsets = [0 if is_shared else place * len(arrays[0]) for place in range(len(arrays))]
        self._all = arrays[0] if is_shared else torch.cat(arrays)
        self.row_bytes = max(1, self._all[0].numel() * self._all.element_size())

    def take(self, index: Tensor, places: Sequence[int]) -> Tensor:
        """The rows at (…, members, n) indices."""
        offsets = torch.tensor([self._offsets[place] for place in places])
        found = self._all.index_select(0, (index + offsets[:, None]).reshape(-1))
        return found.reshape(*index.shape, *self._all.shape[1:])


def _parts(source: ArraySource) -> list[Tensor]:
    """x, y and, if given, the sample weights of all rows."""
    return [part.slice(0, source.rows) for part in source.parts]


def _weight(parts: list[Tensor], class_weight: ClassWeights | None) -> Tensor | None:
    """The weight of each row in training; None without sample and class weights."""
    own: Any = parts[2] if len(parts) > 2 else None
    if class_weight is None:
        return own  # type: ignore[no-any-return]
    ours = class_weight.of(parts[1], 2)
    return ours if own is None else multiply_weights(own, ours)
