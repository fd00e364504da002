"""The steps of several networks of one shape as one: forward and losses by vmap, updates row by row.

Each member keeps its own module, optimizer and sums. In a step their parameters are stacked, which costs a copy, and
everything that is written stays where it was: so one recording of the step serves, and nobody else has to know.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.func import functional_call, vmap

from fitdash.data.adapter import Batch
from fitdash.engine.objective_book import Book
from fitdash.engine.optimizers_base import KerasOptimizer
from fitdash.engine.recorded_ground import TrainingGround
from fitdash.engine.recorded_notes import identity

Tensor = torch.Tensor


class JointBook:
    """The sums of all members, stacked, and the place in each member's book where they belong.

    Args:
        model: A book that has seen a batch; it is used up.
        books: Of the members.
    """

    def __init__(self, model: Book, books: Sequence[Book]) -> None:
        self.model, self.books = model, books
        self.rows = self.batches = 0
        own = model.states()
        self.stacked = [torch.zeros((len(books), *state.shape), dtype=state.dtype) for state in own]
        self._slots = [_slot_of(model, state) for state in own]

    @contextmanager
    def holding(self, states: Sequence[Tensor]) -> Iterator[None]:
        """These tensors in place of the model's sums."""
        for (owner, key), state in zip(self._slots, states, strict=True):
            _put(owner, key, state)
        yield

    def reset(self) -> None:
        self.rows = self.batches = 0
        for state in self.stacked:
            state.zero_()

    def advance(self, rows: int, batches: int = 1) -> None:
        self.rows += rows
        self.batches += batches

    def logs(self, place: int) -> dict[str, float]:
        """The values of one member."""
        book = self.books[place]
        book.rows, book.batches = self.rows, self.batches
        for mine, all_of_them in zip(book.states(), self.stacked, strict=True):
            mine.copy_(all_of_them[place])
        return book.logs()

    def states(self) -> list[Tensor]:
        return self.stacked

    def parts(self) -> list[Any]:
        return []


class JointStep:
    """One batch of each member through its network.

    Args:
        modules: Of equal shape; their parameters are trained in place.
        optimizers: Of equal rules, one for each; learning rates and weight decays may differ.

    Attributes:
        rows: The parameters of each member, in one order.
        optimizer: All of them as one, a group for each member: the groups and the state are the members' own.
    """

    example = True  # shapes are known: the members' books have been prepared

    def __init__(self, modules: Sequence[nn.Module], optimizers: Sequence[KerasOptimizer]) -> None:
        self.template = copy.deepcopy(modules[0]).to("meta")
        self.names = [name for name, _ in modules[0].named_parameters()]
        self.rows = [[parameter for _, parameter in module.named_parameters()] for module in modules]
        self.cleared = [parameter for rows in self.rows for parameter in rows]
        self.optimizer_now = _joined(optimizers)
        self.update = self.optimizer_now.update

    def optimizer(self) -> KerasOptimizer:
        return self.optimizer_now

    def train(self, batch: Batch, book: JointBook, class_weight: None = None) -> None:
        """Train a batch of each: x of (members, n, …), y and weight likewise."""
        self.improve(self.loss(batch, book, class_weight))

    def loss(self, batch: Batch, book: JointBook, class_weight: None = None) -> Tensor:
        """The sum of their losses, whose gradients are those of each alone."""
        total = self.measured(batch, book)
        book.advance(batch.rows)
        return total

    def improve(self, loss: Tensor) -> None:
        """Backward and update."""
        for parameter in self.cleared:
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        self.update()

    @torch.no_grad()
    def test(self, batch: Batch, book: JointBook) -> None:
        """Forward and losses alone."""
        self.measured(batch, book)
        book.advance(batch.rows)

    def measured(self, batch: Batch, book: JointBook) -> Tensor:
        """Forward of all members, counted in the book; gives the sum of their losses."""
        stacked = [torch.stack(list(same)) for same in zip(*self.rows, strict=True)]

        def one(parameters: list[Tensor], states: list[Tensor], x: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
            named = dict(zip(self.names, parameters, strict=True))
            with book.holding(states):
                said = functional_call(self.template, named, (x,))
                return book.model.measure(y, said, weight, batch.rows)

        places = (0, 0, 0, 0, None if batch.weight is None else 0)
        losses: Tensor = vmap(one, in_dims=places)(stacked, book.stacked, batch.x, batch.y, batch.weight)
        return losses.sum()


class JointGround(TrainingGround):
    """What a recording of joint steps stands on: the members' rows, which nobody else changes while they train."""

    is_ours = True

    def __init__(self, step: JointStep, book: JointBook) -> None:
        self.step, self.book, self.class_weight = step, book, None  # type: ignore[assignment]
        self.optimizer = step.optimizer_now
        self.trained = list(step.cleared)
        self.watch = _Unwatched()  # type: ignore[assignment]
        # The first one is looked at for numbers that are not finite: one member's are not the others' trouble.
        self.states = [torch.zeros(())]
        found = [*self.trained, *self.states, *book.stacked]
        self.tensors = list({identity(tensor): tensor for tensor in found}.values())
        self._places = [tensor.data_ptr() for tensor in self.trained]

    def holds(self, *, entirely: bool) -> bool:
        return [tensor.data_ptr() for tensor in self.trained] == self._places


class _Unwatched:
    """No Python state of a joint step is anybody else's."""

    def holds_entirely(self) -> bool:
        return True


def _joined(optimizers: Sequence[KerasOptimizer]) -> KerasOptimizer:
    """One optimizer whose groups and state are those of the given ones."""
    joined = KerasOptimizer([group for one in optimizers for group in one.param_groups], optimizers[0].rule)
    joined.param_groups = [group for one in optimizers for group in one.param_groups]
    for one in optimizers:
        for group in one.param_groups:
            for parameter in group["params"]:
                joined.state[parameter] = one.state[parameter]
    return joined


def _slot_of(model: Book, state: Tensor) -> tuple[Any, Any]:
    """The object and the attribute or place that holds a sum."""
    owners: list[Any] = [model, *model.parts(), *(metric for part in model.parts() for metric in part.metrics())]
    for owner in owners:
        for name, value in vars(owner).items():
            if value is state:
                return owner, name
            if isinstance(value, list):
                for place, one in enumerate(value):
                    if one is state:
                        return value, place
    raise LookupError("a sum that nothing holds")


def _put(owner: Any, key: Any, state: Tensor) -> None:
    if isinstance(owner, list):
        owner[key] = state
    else:
        setattr(owner, key, state)
