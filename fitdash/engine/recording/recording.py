"""A step recorded once and replayed for many batches per call, bit for bit equal to the eager step.

Every step trains its batch, also while recording: two steps are traced and must agree, the next ones are compared with
a replay on copies, and only then are batches replayed. A step that cannot be repeated is refused with its reason;
`safety.step_guard` checks what a trace cannot show.

On the way: `step_state` holds the tensors and Python state of a step, `program.tracer` writes its operations down,
`passes.pipeline` finds faster programs of them, `optimizer_trace` adds the update, and `program.torchscript` compiles
the result to one call.
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
    """Shapes, strides and dtypes of a batch; one recording serves all batches that are equal in them."""
    x, y = batch.x, batch.y
    if isinstance(x, Tensor) and isinstance(y, Tensor) and batch.weight is None:
        return x.shape, y.shape, x.stride(), y.stride(), x.dtype, y.dtype, batch.rows
    parts = tuple((part.shape, part.stride(), part.dtype) for part in _parts_of(batch))
    return parts, _shape_of(x), _shape_of(y), _shape_of(batch.weight), batch.rows


CHECKS = 3
"""Steps that are compared with a replay: one may agree by chance, where kernels differ in some last bits only."""


class Recording:
    """The recorded step for one signature of batches: `learn` from a few batches, then `replay`.

    Args:
        ground: The tensors and Python state of the step.

    Attributes:
        is_ready: True once batches can be replayed.
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
        """Run the step on this batch, and trace it or compare it with a replay.

        Raises:
            NotRecordable: the step cannot be recorded; the batch has been trained all the same.
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
        """True if the optimizer's state lies where it did."""
        return self._update is None or self._update.holds()

    def replay(self, batches: list[Batch]) -> bool:
        """Run the step on these batches in one call.

        Returns:
            False if the loss stops being finite: the state before is restored, so that eager steps can find the batch.

        Raises:
            NotRecordable: the call failed; the state before is restored.
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
        """Set the parameters' gradients to those of the last step, as an eager step does."""
        if self._update is None:
            return
        for parameter in self.ground.step.cleared:
            parameter.grad = None
        for place, slope in zip(self._places, slopes, strict=True):
            self.ground.trained[place].grad = slope

    def _write_as_can_be(self, why: str) -> None:
        """Compile the fastest candidate that is left, and begin to compare it with the step.

        Args:
            why: Why the candidate before it was dropped.

        Raises:
            NotRecordable: no candidate is left.
        """
        self._checks = 0
        while self._ways and self._noted is not None:
            try:
                return self._write(self._noted, self._ways.pop())
            except NotRecordable as error:
                why = str(error)
        raise NotRecordable(why)

    def _write(self, noted: "_Noted", way: list[str]) -> None:
        """Compile a candidate, with the optimizer's update at its end."""
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
        """Run the step itself on a batch and compare it with a replay on copies; how they differ, or None."""
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
    """The trace of one step.

    Attributes:
        lines: Its operations.
        slopes: Names of the gradients, by the index of their parameter among the trained ones.
        places: Identity of every named tensor, whose address is another one in every step.
    """

    lines: list[str]
    slopes: dict[int, str]
    places: dict[str, Any]


def _note(ground: StepState, batch: Batch) -> _Noted:
    """Run the step on a batch and trace it.

    Raises:
        NotRecordable: it cannot be repeated; the batch has been trained all the same.
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
    except Exception as error:  # of the step itself, which the eager run raises again, or of the tracer
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
    """The tensors of a batch in order; most batches have two, and this runs for every batch."""
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
    """The nesting of containers around tensors."""
    if isinstance(part, dict):
        return tuple((name, _shape_of(member)) for name, member in part.items())
    if isinstance(part, (list, tuple)):
        return tuple(_shape_of(member) for member in part)
    return part is None
