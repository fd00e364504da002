"""One training step for several networks of one shape: forward and losses by vmap, updates row by row.

Each member keeps its own module, optimizer and totals; their numbers lie in one tensor, a row per member, so that
forward and backward see one stack of matrices, the update one row per member, and nothing has to be copied.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.func import functional_call, vmap

from fitdash.data.batches.source import Batch
from fitdash.engine.ensemble.stacked_parameters import StackedParameters
from fitdash.engine.objective.totals import RunningTotals
from fitdash.engine.optimizers.keras_optimizer import KerasOptimizer
from fitdash.engine.recording.program.tracer import Tracer, storage_address, tensor_identity
from fitdash.engine.recording.safety.step_guard import ReadDetector
from fitdash.engine.recording.step_state import TrainingStepState

Tensor = torch.Tensor


class EnsembleTotals:
    """The running totals of all members, stacked, and the attributes of a member's totals that they stand for.

    Args:
        model: Running totals that have seen a batch; the step overwrites them.
        books: The members' running totals.
    """

    def __init__(self, model: RunningTotals, books: Sequence[RunningTotals]) -> None:
        self.model, self.books = model, books
        self.rows = self.batches = 0
        own = model.states()
        self.stacked = [torch.zeros((len(books), *state.shape), dtype=state.dtype) for state in own]
        self._slots = [_slot_of(model, state) for state in own]

    @contextmanager
    def holding(self, states: Sequence[Tensor]) -> Iterator[None]:
        """Put these tensors in place of the sums of `model`."""
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
        """The logs of one member."""
        book = self.books[place]
        book.rows, book.batches = self.rows, self.batches
        for mine, all_of_them in zip(book.states(), self.stacked, strict=True):
            mine.copy_(all_of_them[place])
        return book.logs()

    def states(self) -> list[Tensor]:
        return self.stacked

    def parts(self) -> list[Any]:
        return []


class EnsembleStep:
    """One batch of each member through its network.

    Args:
        modules: The members' networks, of equal shape; their parameters and optimizer states move into rows, see
            `stacked_parameters`.
        optimizers: One per module, with equal rules; their state must exist. Learning rates and weight decays may
            differ.

    Attributes:
        rows: The parameters of each member as one tensor, as the optimizer updates them.
        shelf: The stacked parameters and optimizer states behind them.
    """

    example = True  # shapes are known: the members' totals have been prepared

    def __init__(self, modules: Sequence[nn.Module], optimizers: Sequence[KerasOptimizer]) -> None:
        self.template = copy.deepcopy(modules[0]).to("meta")
        self.names = [name for name, _ in modules[0].named_parameters()]
        self.shelf = StackedParameters(modules, optimizers)
        self.rows = [nn.Parameter(row) for row in self.shelf.parameters.each]
        self.cleared: list[Tensor] = list(self.rows)
        self.gradients = self.shelf.parameters.like()
        self._theirs = [one.param_groups[0] for one in optimizers]
        self._optimizer = KerasOptimizer([{"params": [row]} for row in self.rows], optimizers[0].rule)
        for place, row in enumerate(self.rows):
            self._optimizer.keep(row, self.shelf.slots(place))
        self.update = self._optimizer.update

    def optimizer(self) -> KerasOptimizer:
        """One optimizer for all members, with a parameter group per member."""
        return self._optimizer

    def take(self, place: int) -> None:
        """Take over a member's optimizer settings and parameters, which its callbacks may have changed."""
        self.shelf.settle(place)
        given = {name: value for name, value in self._theirs[place].items() if name != "params"}
        self._optimizer.param_groups[place].update(given)

    def give(self, place: int) -> None:
        """Update the step counters of a member's own optimizer."""
        group = self._optimizer.param_groups[place]
        self._theirs[place].update({name: group[name] for name in ("step", *self._optimizer.rule.counters)})

    def train(self, batch: Batch, book: EnsembleTotals, class_weight: None = None) -> None:
        """Train a batch per member: x of (members, n, …), y and weight likewise."""
        self.improve(self.loss(batch, book, class_weight))

    def loss(self, batch: Batch, book: EnsembleTotals, class_weight: None = None) -> Tensor:
        """The sum of the members' losses, whose gradients are those of each member's own loss."""
        total = self.measured(batch, book)
        book.advance(batch.rows)
        return total

    def slopes(self, loss: Tensor) -> list[Tensor]:
        """The gradient of each member's row."""
        found = torch.autograd.grad(loss, self.shelf.columns)
        for part, slope in zip(self.gradients.columns, found, strict=True):
            part.copy_(slope)
        return self.gradients.each

    def improve(self, loss: Tensor) -> None:
        """Backward pass and update."""
        for row, slope in zip(self.rows, self.slopes(loss), strict=True):
            row.grad = slope
        self.update()

    @torch.no_grad()
    def test(self, batch: Batch, book: EnsembleTotals) -> None:
        """Forward pass and losses, without an update."""
        self.measured(batch, book)
        book.advance(batch.rows)

    def measured(self, batch: Batch, book: EnsembleTotals) -> Tensor:
        """Forward pass of all members, added to the totals; the sum of their losses."""

        def one(parameters: list[Tensor], states: list[Tensor], x: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
            named = dict(zip(self.names, parameters, strict=True))
            with book.holding(states):
                said = functional_call(self.template, named, (x,))
                return book.model.measure(y, said, weight, batch.rows)

        places = (0, 0, 0, 0, None if batch.weight is None else 0)
        losses: Tensor = vmap(one, in_dims=places)(self.shelf.columns, book.stacked, batch.x, batch.y, batch.weight)
        return losses.sum()


class EnsembleStepState(TrainingStepState):
    """The state around a recorded ensemble step: the members' rows, which no other code changes while they train."""

    is_ours = True

    def __init__(self, step: EnsembleStep, book: EnsembleTotals) -> None:
        self.joint = step
        self.step, self.book, self.class_weight = step, book, None  # type: ignore[assignment]
        self.optimizer = step.optimizer()
        self.trained = list(step.cleared)
        self.watch = _Unwatched()  # type: ignore[assignment]
        # A replay checks the first one for numbers that are not finite; one member's must not stop the others.
        self.states = [torch.zeros(())]
        slopes = [*step.gradients.columns, *step.gradients.each]
        found = [*self.trained, *step.shelf.columns, *slopes, *self.states, *book.stacked]
        self.tensors = list({tensor_identity(tensor): tensor for tensor in found}.values())

    def note(self, batch: Batch, notes: Tracer) -> dict[int, str]:
        with notes, ReadDetector(notes.refuse):
            slopes = self.joint.slopes(self.joint.loss(batch, self.book))  # type: ignore[arg-type]
        for row, slope in zip(self.joint.rows, slopes, strict=True):
            row.grad = slope
        self.joint.update()
        return {place: notes.called(slope) for place, slope in enumerate(slopes)}

    def holds(self, *, entirely: bool) -> bool:
        return True  # the rows are the step's own

    def copies(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Copies in which rows and columns share memory, as they do in the originals."""
        wholes = [self.joint.shelf.parameters.whole, self.joint.gradients.whole]
        copied = {storage_address(whole): whole.clone() for whole in wholes}
        return [
            copied[place].as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())
            if (place := storage_address(tensor)) in copied
            else torch.empty_like(tensor).copy_(tensor)
            for tensor in tensors
        ]


class _Unwatched:
    """Stands for a `StepGuard`: an ensemble step reads no Python state that could change."""

    def holds_entirely(self) -> bool:
        return True


def _slot_of(model: RunningTotals, state: Tensor) -> tuple[Any, Any]:
    """The object, and the attribute or list index, that holds a sum."""
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
