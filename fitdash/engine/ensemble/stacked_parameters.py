"""The parameters of several networks in one tensor, a row each; the modules' own parameters become views of it."""

from collections.abc import Sequence

import torch
from torch import nn

from fitdash.engine.optimizers.keras_optimizer import KerasOptimizer

Tensor = torch.Tensor
Shapes = Sequence[tuple[int, ...]]


class MemberRows:
    """A row of numbers per member, such as all its parameters, flattened and concatenated.

    Matrices are stored transposed, as the gradients of a linear layer's weight come out of `backward`.

    Args:
        shapes: Shapes of the parts of a row.
        count: Number of members.
        dtype: Dtype of the numbers.

    Attributes:
        whole: The tensor of all rows, (count, numbers).
        each: The rows, (numbers,).
        columns: One view per part, (count, *shape).
    """

    def __init__(self, shapes: Shapes, count: int, dtype: torch.dtype) -> None:
        self._shapes = list(shapes)
        self.whole = torch.zeros(count, sum(torch.Size(shape).numel() for shape in shapes), dtype=dtype)
        self.each = list(self.whole.unbind())
        self.columns = self._parts(self.whole)

    def like(self) -> "MemberRows":
        """Rows of the same shapes, all 0."""
        return MemberRows(self._shapes, len(self.whole), self.whole.dtype)

    def row(self, place: int) -> list[Tensor]:
        """The parts of one row, (*shape)."""
        return self._parts(self.each[place])

    def _parts(self, numbers: Tensor) -> list[Tensor]:
        sizes = [torch.Size(shape).numel() for shape in self._shapes]
        pieces = torch.split(numbers, sizes, dim=-1)
        return [_shaped(piece, shape) for piece, shape in zip(pieces, self._shapes, strict=True)]


def _shaped(piece: Tensor, shape: tuple[int, ...]) -> Tensor:
    before = piece.shape[:-1]
    if len(shape) == 2:
        return piece.view(*before, *shape[::-1]).transpose(-1, -2)
    return piece.view(*before, *shape)


class StackedParameters:
    """The members' parameters and optimizer states, moved into rows.

    Args:
        modules: The members' networks, of equal shape.
        optimizers: One per module, with equal rules; their state must exist.

    Attributes:
        parameters: The rows of parameters.
        columns: The same numbers as one leaf tensor per parameter of a module, (members, *shape), to be trained.
    """

    def __init__(self, modules: Sequence[nn.Module], optimizers: Sequence[KerasOptimizer]) -> None:
        self._members = [(list(module.parameters()), one) for module, one in zip(modules, optimizers, strict=True)]
        first = self._members[0][0]
        shapes, count, dtype = [tuple(p.shape) for p in first], len(modules), first[0].dtype
        self.parameters = MemberRows(shapes, count, dtype)
        self._kept = {name: self.parameters.like() for name in optimizers[0].rule.slots()}
        self.columns = [part.detach().requires_grad_() for part in self.parameters.columns]
        for place in range(count):
            self.settle(place)

    @torch.no_grad()
    def settle(self, place: int) -> None:
        """Make a member's parameters and optimizer state views of its rows; copies tensors that lie elsewhere there."""
        parameters, optimizer = self._members[place]
        views = self.parameters.row(place)
        if [p.data_ptr() for p in parameters] == [view.data_ptr() for view in views]:
            return
        states = {name: rows.row(place) for name, rows in self._kept.items()}
        for at, (p, view) in enumerate(zip(parameters, views, strict=True)):
            slots = {name: views[at] for name, views in states.items()}
            for name, slot in slots.items():
                slot.copy_(optimizer.state[p][name])
            view.copy_(p)
            p.data = view
            optimizer.keep(p, slots)

    def slots(self, place: int) -> dict[str, Tensor]:
        """The optimizer state of a member, as rows by name."""
        return {name: rows.each[place] for name, rows in self._kept.items()}


@torch.no_grad()
def unstack_parameters(module: nn.Module, optimizer: KerasOptimizer) -> None:
    """Give a module and its optimizer memory of their own, which members that still train in rows do not change."""
    for p in module.parameters():
        p.data = p.detach().clone(memory_format=torch.contiguous_format)
        slots = {name: slot.clone(memory_format=torch.contiguous_format) for name, slot in optimizer.state[p].items()}
        optimizer.keep(p, slots)
