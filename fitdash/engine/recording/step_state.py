"""The state around a recorded step: tensors that outlive it, and Python state that must not change between replays."""

import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import nn

from fitdash.data.batches.class_weights import ClassWeights
from fitdash.data.batches.source import Batch
from fitdash.engine.metrics.third_party import ThirdPartyMetric
from fitdash.engine.objective.totals import RunningTotals
from fitdash.engine.recording.optimizer_trace import refuse_optimizer
from fitdash.engine.recording.program.tracer import NotRecordable, Tracer, tensor_identity
from fitdash.engine.recording.safety.bytecode import UnwatchableState
from fitdash.engine.recording.safety.step_guard import ReadDetector, StepGuard, refuse_modes
from fitdash.engine.step.step import Step

Tensor = torch.Tensor

_ENGINE = ".".join(__name__.split(".")[:2]) + "."


class StepState:
    """The tensors and the Python state around a step, collected after a first step has run.

    Args:
        step: The step.
        book: The running totals of losses and metrics that it adds to.
        given: Other tensors that a step reads.

    Attributes:
        tensors: All tensors that outlive a step, the optimizer's state aside.
        states: The running totals among them.
        trained: The parameters that get gradients.
        optimizer: The optimizer that updates them; None if the step only evaluates.
        watch: The guard that detects changes of Python state and tensors.
        is_ours: True if a step runs only code of torch and this engine.

    Raises:
        NotRecordable: the step cannot be recorded; the text says why.
    """

    optimizer: Any = None
    anywhere = False
    """True if tensors may lie on another device than the CPU."""

    def __init__(self, step: Step, book: RunningTotals, given: Iterable[Tensor] = ()) -> None:
        self.step, self.book = step, book
        try:
            refuse_modes()
            self.watch = StepGuard(step.module, list(_called(book.parts())), anywhere=self.anywhere)
            self.is_ours, leaves_no_trace = self.watch.judged()
        except (UnwatchableState, NotRecordable) as error:
            raise NotRecordable(str(error)) from error
        except Exception as error:  # of a user's object whose attributes were read
            raise NotRecordable(f"holds what cannot be watched: {type(error).__name__}") from error
        if not leaves_no_trace and self.watch.names & OTHERWISE:
            raise NotRecordable("may keep an account of itself, and takes another way while it is noted")
        self.trained: list[Tensor] = []
        self.states = book.states()
        found = [*self.watch.tensors, *self.states, *given]
        known_by: Callable[[Tensor], Any] = id if self.anywhere else tensor_identity
        self.tensors = list({known_by(tensor): tensor for tensor in reversed(found)}.values())[::-1]

    def snapshot(self) -> "StepSnapshot":
        """A copy of all that a step changes, to undo one."""
        return StepSnapshot(self)

    def run(self, batch: Batch) -> None:
        """Run the eager step."""
        raise NotImplementedError

    def note(self, batch: Batch, notes: Tracer) -> dict[int, str]:
        """Run the step while it is traced; names of the gradients, by the index of their parameter."""
        raise NotImplementedError

    def copies(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Copies on which a replay can be tried."""
        return [torch.empty_like(tensor).copy_(tensor) for tensor in tensors]

    def holds(self, *, entirely: bool) -> bool:
        """True if a replay still does what an eager step would do.

        Args:
            entirely: Compare the Python state as well, since code of the user may have run.
        """
        states = self.book.states()
        if len(states) != len(self.states) or any(a is not b for a, b in zip(states, self.states, strict=True)):
            return False
        if not entirely:
            return self.watch.holds()
        try:
            refuse_modes()
        except UnwatchableState:
            return False
        return self.watch.holds_entirely()


class StepSnapshot:
    """Tensors, optimizer settings, totals and random state before a step; `put_back` restores them."""

    def __init__(self, ground: StepState) -> None:
        kept = [] if ground.optimizer is None else [s for s in ground.optimizer.state.values() if isinstance(s, dict)]
        tensors = [*ground.tensors, *(t for slots in kept for t in slots.values() if isinstance(t, Tensor))]
        self._tensors = [(tensor.detach(), tensor.detach().clone()) for tensor in tensors]
        groups = [] if ground.optimizer is None else ground.optimizer.param_groups
        self._groups = [(group, {k: v for k, v in group.items() if k != "params"}) for group in groups]
        self._random = torch.get_rng_state()
        self._book, self._counted = ground.book, (ground.book.rows, ground.book.batches)

    def put_back(self) -> None:
        for tensor, kept in self._tensors:
            tensor.copy_(kept)
        for group, kept_numbers in self._groups:
            group.update(kept_numbers)
        torch.set_rng_state(self._random)
        self._book.rows, self._book.batches = self._counted


class TrainingStepState(StepState):
    """The state around a training step."""

    def __init__(self, step: Step, book: RunningTotals, class_weight: ClassWeights | None) -> None:
        self.class_weight = class_weight
        self.optimizer = step.optimizer()
        refuse_optimizer(self.optimizer)
        tables = [] if class_weight is None else vars(class_weight).values()
        super().__init__(step, book, [table for table in tables if isinstance(table, Tensor)])
        self.trained = [t for t in self.watch.tensors if t.requires_grad]
        updated = {id(p) for group in self.optimizer.param_groups for p in group["params"] if p.requires_grad}
        ours = {id(t) for t in self.trained}
        if not updated <= ours <= {id(t) for t in step.cleared}:
            raise NotRecordable("trains parameters that are not the module's")

    def run(self, batch: Batch) -> None:
        self.step.train(batch, self.book, self.class_weight)

    def note(self, batch: Batch, notes: Tracer) -> dict[int, str]:
        """Train a batch while it is traced; the gradients get the strides that `backward` gives them."""
        with notes, ReadDetector(notes.refuse):
            loss = self.step.loss(batch, self.book, self.class_weight)
        if notes.why is not None or not loss.requires_grad:
            notes.refuse("trains nothing")
            self.step.improve(loss)
            return {}
        for parameter in self.step.cleared:
            parameter.grad = None
        with notes, ReadDetector(notes.refuse):
            laid = self.slopes(loss)
        for trained, slope in zip(self.trained, laid, strict=True):
            trained.grad = slope
        if self.step.update is not None:
            self.step.update()
        return {place: notes.called(slope) for place, slope in enumerate(laid) if slope is not None}

    def slopes(self, loss: Tensor) -> list[Tensor | None]:
        """The gradients of the trained parameters, in the strides that `backward` gives; None for unused parameters."""
        slopes = torch.autograd.grad(loss, self.trained, allow_unused=True)
        return [None if g is None else _laid_out(g, p) for g, p in zip(slopes, self.trained, strict=True)]

    def holds(self, *, entirely: bool) -> bool:
        if self.step.optimizer() is not self.optimizer:
            return False
        try:
            refuse_optimizer(self.optimizer)
        except NotRecordable:
            return False
        return super().holds(entirely=entirely)


class EvaluationStepState(StepState):
    """The state around an evaluation step."""

    def __init__(self, step: Step, book: RunningTotals) -> None:
        super().__init__(step, book)
        if any(isinstance(part, FASTER_UNWATCHED) for part in step.module.modules()):
            raise NotRecordable("takes another way while it is noted")

    def run(self, batch: Batch) -> None:
        self.step.test(batch, self.book)

    def note(self, batch: Batch, notes: Tracer) -> dict[int, str]:
        with notes, ReadDetector(notes.refuse):
            self.step.test(batch, self.book)
        return {}


OTHERWISE = frozenset(
    ["svdvals", "eigvalsh", "eigvals", "matrix_norm", "matrix_rank", "nuclear_norm", "cond", "prod", "cumprod"]
)
"""Functions behind the operations in `OTHERWISE_UNWATCHED`. A step that uses one is undone and run again, so its code
must not count its own calls."""

FASTER_UNWATCHED = (nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerEncoder)
"""Modules that evaluate by one fused kernel, with other last bits, unless a mode observes them."""


def _laid_out(slope: Tensor, parameter: Tensor) -> Tensor:
    """The gradient in its parameter's strides, which fused updates rely on."""
    if slope.layout != torch.strided:
        return slope
    if slope.stride() == parameter.stride() and slope.dtype == parameter.dtype:
        return slope
    return torch.empty_like(parameter, requires_grad=False).copy_(slope)


def _called(parts: list[Any]) -> Iterator[Any]:
    """The users' modules and functions inside losses and metrics.

    Raises:
        NotRecordable: a metric keeps its own state.
    """
    seen: set[int] = set()
    stack: list[Any] = list(parts)
    while stack:
        thing = stack.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, ThirdPartyMetric):
            raise NotRecordable(f"counts the metric {thing.name}, which keeps its own account")
        if isinstance(thing, (list, tuple)):
            stack += thing
        elif isinstance(thing, dict):
            stack += thing.values()
        elif isinstance(thing, types.MethodType):
            stack += [thing.__self__, thing.__func__]
        elif isinstance(thing, types.FunctionType) and _is_ours(thing):
            stack += [cell.cell_contents for cell in thing.__closure__ or ()]
        elif _is_ours(type(thing)) and hasattr(thing, "__dict__"):
            stack += vars(thing).values()
        elif callable(thing):
            yield thing


def _is_ours(thing: Any) -> bool:
    return (getattr(thing, "__module__", None) or "").startswith(_ENGINE)
