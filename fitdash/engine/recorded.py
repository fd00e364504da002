"""A training step noted once and replayed many batches per call, bit for bit what the step itself does.

The steps that are noted train: two of them are noted and must agree, the next one checks a replay on copies against
itself, and only then are batches replayed. What cannot be repeated is refused with its reason; `guards` asks what the
notes cannot show.
"""

import math
from typing import Any

import torch

from fitdash.data.adapter import Batch, leaves_of
from fitdash.engine.guards import NoReads
from fitdash.engine.recorded_ground import Ground
from fitdash.engine.recorded_notes import Notes, Refused, identity, place_in_memory
from fitdash.engine.recorded_program import Program
from fitdash.engine.recorded_update import Update

Tensor = torch.Tensor


def kind_of(batch: Batch) -> Any:
    """What must be equal for one recording to serve two batches."""
    x, y = batch.x, batch.y
    if isinstance(x, Tensor) and isinstance(y, Tensor) and batch.weight is None:
        return x.shape, y.shape, x.stride(), y.stride(), x.dtype, y.dtype, batch.rows
    parts = tuple((part.shape, part.stride(), part.dtype) for part in leaves_of((x, y, batch.weight)))
    return parts, _shape_of(x), _shape_of(y), _shape_of(batch.weight), batch.rows


class Recording:
    """The step for one kind of batch: `learn` from a few batches, then `replay`.

    Args:
        ground: What it stands on.

    Attributes:
        is_ready: Whether batches can be replayed.
    """

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.is_ready = False
        self._noted: _Noted | None = None
        self._program: Program | None = None
        self._update: Update
        self._tensors: list[Tensor] = []
        self._saved: list[Tensor] = []

    def learn(self, batch: Batch) -> None:
        """Train this batch, and learn from it.

        Raises:
            Refused: the step cannot be recorded; the batch has been trained all the same.
        """
        if self._program is not None:
            self._check(batch)
            self.is_ready = True
            return
        noted = _note(self.ground, batch)
        if self._noted is None:
            self._noted = noted
        elif noted != self._noted:
            raise Refused("differs from batch to batch")
        else:
            self._write(noted, len(leaves_of((batch.x, batch.y, batch.weight))))

    def holds(self) -> bool:
        """Whether the optimizer keeps its account where it did."""
        return self._program is None or self._update.holds()

    def replay(self, batches: list[Batch]) -> bool:
        """Train these batches in one call.

        Returns:
            False if the loss stops being finite: everything is as before, for steps one by one to find out where.

        Raises:
            Refused: it failed; everything is as before.
        """
        total, counters, random = self.ground.states[0], self._update.counters(), torch.get_rng_state()
        was_finite = math.isfinite(total.item())
        torch._foreach_copy_(self._saved, self._tensors)
        try:
            numbers = self._update.numbers(len(batches))
            slopes = self._run(self._tensors, batches, numbers)
        except Exception as error:
            self._put_back(counters, random)
            raise Refused(f"could not be replayed: {type(error).__name__}") from error
        if was_finite and not math.isfinite(total.item()):
            self._put_back(counters, random)
            return False
        self.ground.book.advance(sum(batch.rows for batch in batches), len(batches))
        self._leave(slopes)
        return True

    def _run(self, tensors: list[Tensor], batches: list[Batch], numbers: list[float]) -> list[Tensor]:
        assert self._program is not None
        parts = [part for batch in batches for part in leaves_of((batch.x, batch.y, batch.weight))]
        return self._program.run(tensors, parts, numbers, len(batches))

    def _put_back(self, counters: Any, random: Tensor) -> None:
        torch._foreach_copy_(self._tensors, self._saved)
        self._update.put_back(counters)
        torch.set_rng_state(random)

    def _leave(self, slopes: list[Tensor]) -> None:
        """Leave the gradients of the last step behind, as steps do."""
        assert self._noted is not None
        for parameter in self.ground.step.cleared:
            parameter.grad = None
        for place, slope in zip(self._noted.places, slopes, strict=True):
            self.ground.trained[place].grad = slope

    def _write(self, noted: "_Noted", parts: int) -> None:
        """Make the program, with the update at its end."""
        ground = self.ground
        used = [ground.trained[place] for place in noted.places]
        self._update = Update(ground.optimizer, used)
        self._tensors = [tensor.detach() for tensor in (*ground.tensors, *self._update.tensors())]
        kept = [*ground.tensors, *self._update.tensors()]
        names = {id(tensor): f"t{place}" for place, tensor in enumerate(kept)}
        for tensor in used:  # a parameter that lies where another does goes by the other's name
            names.setdefault(id(tensor), noted.names[id(tensor)])
        slopes = {id(p): name for p, name in zip(used, noted.gradients, strict=True)}
        lines = [*noted.lines, *self._update.note(names, slopes)]
        self._program = Program(lines, noted.gradients, parts, self._update.per_step)
        self._saved = [torch.empty_like(tensor) for tensor in self._tensors]

    def _check(self, batch: Batch) -> None:
        """Train a batch by the step itself, and compare it with a replay of it on copies.

        Raises:
            Refused: they differ.
        """
        ground, update = self.ground, self._update
        copies = [torch.empty_like(tensor).copy_(tensor) for tensor in self._tensors]
        copied = Batch(_copied(batch.x), _copied(batch.y), _copied(batch.weight), batch.rows)
        counters, random = update.counters(), torch.get_rng_state()
        slopes, why = None, "differs in a replay"
        try:
            slopes = self._run(copies, [copied], update.numbers(1))
        except Exception as error:
            why = f"cannot be replayed: {str(error).strip().splitlines()[-1][:120]}"
        after = torch.get_rng_state()
        update.put_back(counters)
        torch.set_rng_state(random)
        ground.step.train(batch, ground.book, ground.class_weight)
        if slopes is None or not torch.equal(after, torch.get_rng_state()):
            raise Refused(why)
        assert self._noted is not None
        left = [ground.trained[place].grad for place in self._noted.places]
        pairs = [*zip(copies, self._tensors, strict=True), *zip(slopes, left, strict=True)]
        if not all(theirs is not None and _same_bits(ours, theirs) for ours, theirs in pairs):
            raise Refused(why)


class _Noted:
    """What one step did.

    Attributes:
        lines: Its operations.
        places: Which of the trained parameters got a gradient.
        gradients: The names of those.
        names: Of the trained parameters, by id.
    """

    def __init__(self, lines: list[str], places: list[int], gradients: list[str], names: dict[int, str]) -> None:
        self.lines, self.places, self.gradients, self.names = lines, places, gradients, names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Noted) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


def _note(ground: Ground, batch: Batch) -> _Noted:
    """Train a batch and note what is done.

    Raises:
        Refused: it cannot be repeated; the batch has been trained.
    """
    parts = leaves_of((batch.x, batch.y, batch.weight))
    known = [(f"t{place}", tensor.detach()) for place, tensor in enumerate(ground.tensors)]
    notes = Notes([*known, *((f"x{place}", part) for place, part in enumerate(parts))], parts)
    held = {place_in_memory(tensor) for tensor in ground.tensors}
    if len({identity(part) for part in parts}) < len(parts) or held & {place_in_memory(part) for part in parts}:
        notes.refuse("is given the same tensor twice")
    step = ground.step
    with notes, NoReads(notes.refuse):
        loss = step.loss(batch, ground.book, ground.class_weight)
    if notes.why is not None or not loss.requires_grad:
        step.improve(loss)
        raise Refused(notes.why or "trains nothing")
    noted = _note_backward(ground, loss, notes)
    if step.update is not None:
        step.update()
    if notes.why is None and not ground.watch.holds_entirely():
        notes.refuse("changes its own Python state")
    if notes.why is not None:
        raise Refused(notes.why)
    return noted


def _note_backward(ground: Ground, loss: Tensor, notes: Notes) -> _Noted:
    """Give the parameters their gradients, laid out as `backward` does."""
    for parameter in ground.step.cleared:
        parameter.grad = None
    with notes, NoReads(notes.refuse):
        slopes = torch.autograd.grad(loss, ground.trained, allow_unused=True)
        slopes = tuple(None if g is None else _laid_out(g, p) for g, p in zip(slopes, ground.trained, strict=True))
    for trained, slope in zip(ground.trained, slopes, strict=True):
        trained.grad = slope
    notes.finish()
    places = [place for place, slope in enumerate(slopes) if slope is not None]
    try:
        gradients = [notes.name_of(slope) for slope in slopes if slope is not None]
        names = {id(p): notes.name_of(p.detach()) for p in ground.trained}
    except Refused as error:
        notes.refuse(str(error))
        gradients, names = [], {}
    return _Noted(notes.lines, places, gradients, names)


def _laid_out(slope: Tensor, parameter: Tensor) -> Tensor:
    """The gradient in its parameter's strides, which fused updates rely on."""
    if slope.layout != torch.strided:
        return slope
    if slope.stride() == parameter.stride() and slope.dtype == parameter.dtype:
        return slope
    return torch.empty_like(parameter, requires_grad=False).copy_(slope)


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
