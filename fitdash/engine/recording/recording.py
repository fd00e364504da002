"""A step noted once and replayed many batches per call, bit for bit what the step itself does.

The steps that are noted count: two of them are noted and must agree, the next ones check a replay on copies against
themselves, and only then are batches replayed. What cannot be repeated is refused with its reason; `guards` asks what
the notes cannot show.

On the way: `step_state` holds what a step stands on, `program.tracer` writes down what it does, `passes.pipeline`
finds shorter ways to write that, `optimizer_trace` adds what the optimizer does, and `program.torchscript` makes it one
call.
"""

import math
from typing import Any, NamedTuple

import torch

from fitdash.data.batches.source import Batch, leaves_of
from fitdash.engine.recording.optimizer_trace import OptimizerTrace
from fitdash.engine.recording.passes.pipeline import candidate_programs
from fitdash.engine.recording.program.torchscript import TorchScriptProgram, compile_program
from fitdash.engine.recording.program.tracer import NotRecordable, Tracer, storage_address, tensor_identity
from fitdash.engine.recording.step_state import StepState

Tensor = torch.Tensor


def batch_signature(batch: Batch) -> Any:
    """What must be equal for one recording to serve two batches."""
    x, y = batch.x, batch.y
    if isinstance(x, Tensor) and isinstance(y, Tensor) and batch.weight is None:
        return x.shape, y.shape, x.stride(), y.stride(), x.dtype, y.dtype, batch.rows
    parts = tuple((part.shape, part.stride(), part.dtype) for part in _parts_of(batch))
    return parts, _shape_of(x), _shape_of(y), _shape_of(batch.weight), batch.rows


CHECKS = 3
"""Steps that check: one may agree by chance, where another kernel differs in some last bits only."""


class Recording:
    """The step for one kind of batch: `learn` from a few batches, then `replay`.

    Args:
        ground: What it stands on.

    Attributes:
        is_ready: Whether batches can be replayed.
    """

    def __init__(self, ground: StepState) -> None:
        self.ground = ground
        self.is_ready = False
        self._checks = 0
        self._noted: _Noted | None = None
        self._program: TorchScriptProgram | None = None
        self._update: OptimizerTrace | None = None
        self._parts = 0
        self._ways: list[list[str]] = []
        self._places: list[int] = []
        self._tensors: list[Tensor] = []
        self._saved: list[Tensor] = []

    def learn(self, batch: Batch) -> None:
        """Run the step on this batch, and learn from it.

        Raises:
            Refused: the step cannot be recorded; the batch is done all the same.
        """
        if self._program is not None:
            self._checks += 1
            why = self._checked(batch)
            if why is not None:
                self._write_as_can_be(why)
            self.is_ready = self._checks == CHECKS
            return
        noted = _note(self.ground, batch)
        if self._noted is None:
            self._noted = noted
        elif (noted.lines, noted.slopes) != (self._noted.lines, self._noted.slopes):
            raise NotRecordable("differs from batch to batch")
        else:
            self._parts = len(_parts_of(batch))
            self._ways = candidate_programs(noted.lines, noted.places, list(noted.slopes.values()))
            self._write_as_can_be("")

    def holds(self) -> bool:
        """Whether the optimizer keeps its account where it did."""
        return self._update is None or self._update.holds()

    def replay(self, batches: list[Batch]) -> bool:
        """Do these batches in one call.

        Returns:
            False if the loss stops being finite: everything is as before, for steps one by one to find out where.

        Raises:
            Refused: it failed; everything is as before.
        """
        total, counters, random = self.ground.states[0], self._counters(), torch.get_rng_state()
        was_finite = math.isfinite(total.item())
        torch._foreach_copy_(self._saved, self._tensors)
        try:
            slopes = self._run(self._tensors, batches)
        except Exception as error:
            self._put_back(counters, random)
            raise NotRecordable(f"could not be replayed: {type(error).__name__}") from error
        if was_finite and not math.isfinite(total.item()):
            self._put_back(counters, random)
            return False
        self.ground.book.advance(sum(batch.rows for batch in batches), len(batches))
        self._leave(slopes)
        return True

    def _run(self, tensors: list[Tensor], batches: list[Batch]) -> list[Tensor]:
        assert self._program is not None
        parts = [part for batch in batches for part in _parts_of(batch)]
        numbers = [] if self._update is None else self._update.numbers(len(batches))
        return self._program.run(tensors, parts, numbers, len(batches))

    def _counters(self) -> list[Any]:
        return [] if self._update is None else self._update.counters()

    def _put_back(self, counters: list[Any], random: Tensor) -> None:
        torch._foreach_copy_(self._tensors, self._saved)
        if self._update is not None:
            self._update.put_back(counters)
        torch.set_rng_state(random)

    def _leave(self, slopes: list[Tensor]) -> None:
        """Leave the gradients of the last step behind, as steps do."""
        if self._update is None:
            return
        for parameter in self.ground.step.cleared:
            parameter.grad = None
        for place, slope in zip(self._places, slopes, strict=True):
            self.ground.trained[place].grad = slope

    def _write_as_can_be(self, why: str) -> None:
        """Make the program in the best way that is left, and begin to check.

        Args:
            why: What speaks against the ways before.

        Raises:
            Refused: there is none.
        """
        self._checks = 0
        while self._ways and self._noted is not None:
            try:
                return self._write(self._noted, self._ways.pop())
            except NotRecordable as error:
                why = str(error)
        raise NotRecordable(why)

    def _write(self, noted: "_Noted", way: list[str]) -> None:
        """Make the program, with the update at its end."""
        ground, kept, lines, per_step = self.ground, list(self.ground.tensors), list(way), 0
        self._places = list(noted.slopes)
        gradients = list(noted.slopes.values())
        if ground.optimizer is not None:
            trained = [ground.trained[place] for place in self._places]
            self._update = update = OptimizerTrace(ground.optimizer, trained)
            kept += update.tensors()
            places = {tensor_identity(tensor): f"t{place}" for place, tensor in enumerate(kept)}
            names = {id(tensor): places[tensor_identity(tensor)] for tensor in (*kept, *trained)}
            lines += update.note(names, {id(p): name for p, name in zip(trained, gradients, strict=True)})
            per_step = update.per_step
        self._tensors = [tensor.detach() for tensor in kept]
        self._program = compile_program(tuple(lines), tuple(gradients), self._parts, per_step)
        self._saved = [torch.empty_like(tensor) for tensor in self._tensors]

    def _checked(self, batch: Batch) -> str | None:
        """Run the step itself on a batch, and compare it with a replay on copies; says how they differ."""
        copies = self.ground.copies(self._tensors)
        copied = Batch(_copied(batch.x), _copied(batch.y), _copied(batch.weight), batch.rows)
        counters, random = self._counters(), torch.get_rng_state()
        slopes, why = None, "differs in a replay"
        try:
            slopes = self._run(copies, [copied])
        except Exception as error:
            why = f"cannot be replayed: {str(error).strip().splitlines()[-1][:120]}"
        after = torch.get_rng_state()
        if self._update is not None:
            self._update.put_back(counters)
        torch.set_rng_state(random)
        self.ground.run(batch)
        if slopes is None or not torch.equal(after, torch.get_rng_state()):
            return why
        left = [self.ground.trained[place].grad for place in self._places]
        pairs = [*zip(copies, self._tensors, strict=True), *zip(slopes, left, strict=True)]
        return None if all(theirs is not None and _same_bits(ours, theirs) for ours, theirs in pairs) else why


class _Noted(NamedTuple):
    """What one step did.

    Attributes:
        lines: Its operations.
        slopes: The names of gradients, by the place of their parameter among the trained ones.
        places: Where every tensor that has a name lay, which is another place in every step.
    """

    lines: list[str]
    slopes: dict[int, str]
    places: dict[str, Any]


def _note(ground: StepState, batch: Batch) -> _Noted:
    """Run the step on a batch and note what is done.

    Raises:
        Refused: it cannot be repeated; the batch is done all the same.
    """
    parts = _parts_of(batch)
    known = [(f"t{place}", tensor.detach()) for place, tensor in enumerate(ground.tensors)]
    notes = Tracer([*known, *((f"x{place}", part) for place, part in enumerate(parts))], parts)
    held = {storage_address(tensor) for tensor in ground.tensors}
    if len({tensor_identity(part) for part in parts}) < len(parts) or held & {storage_address(part) for part in parts}:
        notes.refuse("is given the same tensor twice")
    before, slopes, is_undone = ground.snapshot(), {}, False
    try:
        slopes = ground.note(batch, notes)
    except Exception as error:  # of the step itself, which then comes again, or of the noting
        notes.refuse(f"cannot be noted: {type(error).__name__}")
        is_undone = True
    notes.finish()
    holds = ground.watch.holds_entirely()
    if is_undone or (notes.is_otherwise and holds):
        before.put_back()
        ground.run(batch)
    if not holds:
        notes.refuse("changes its own Python state")
    if notes.why is not None:
        raise NotRecordable(notes.why)
    return _Noted(notes.lines, slopes, notes.places)


def _parts_of(batch: Batch) -> list[Tensor]:
    """The tensors of a batch in order; of most batches there are two, and this is asked for each of them."""
    if batch.weight is None and isinstance(batch.x, Tensor) and isinstance(batch.y, Tensor):
        return [batch.x, batch.y]
    return leaves_of((batch.x, batch.y, batch.weight))


def _same_bits(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return torch.equal(*(t.contiguous().reshape(-1).view(torch.uint8) for t in (a, b))) if a.numel() else True


def _copied(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _copied(member) for name, member in part.items()}
    if isinstance(part, (list, tuple)):
        return type(part)(_copied(member) for member in part)
    return None if part is None else part.clone()


def _shape_of(part: Any) -> Any:
    """The containers around tensors."""
    if isinstance(part, dict):
        return tuple((name, _shape_of(member)) for name, member in part.items())
    if isinstance(part, (list, tuple)):
        return tuple(_shape_of(member) for member in part)
    return part is None
