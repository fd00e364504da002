"""Evaluation in larger batches than were asked for: the same numbers with fewer calls.

Losses and metrics are means over samples, so how rows are cut matters in the last digits alone, where the module takes
each row by itself. Whether it does is tried on the first rows, and only modules are tried whose code leaves no trace of
a call. What is found depends on the module and its data, never on the clock, so equal fits cut alike.
"""

from typing import Any, NamedTuple

import torch
from torch.nn.parameter import is_lazy

from fitdash.data.batches.arrays import ArraySource
from fitdash.data.batches.epochs import EvaluationBatches
from fitdash.data.batches.source import leaves_of
from fitdash.engine.recording.program.dispatch_mode import DispatchMode
from fitdash.engine.recording.program.torchscript import is_recording_supported
from fitdash.engine.recording.safety.bytecode import UnwatchableState
from fitdash.engine.recording.safety.step_guard import StepGuard, refuse_modes
from fitdash.engine.step.step import Step

MOST_ROWS = 1536
"""Of one batch: 2048 small rows take as long on one CPU and 5 to 12 % longer on another; to count what several batches
give at once takes longer too. Batches of 1024 cost `evaluate` 4 % more.
"""
CACHE_BYTES = 8 * 1024 * 1024
"""Of the largest result on the way to the outputs."""
HEAVY = 32_000_000
"""Products of a row and a parameter in one batch, which take half a millisecond; all calls of a batch take 0.05."""
LEAST_GAIN = 4
"""Batches that there must be for a trial to pay."""


def widen_batches(step: Step, window: EvaluationBatches) -> None:
    """Let `window` give several batches in one where that is the same, if nobody asked for their size."""
    source = window.source
    if not (window.is_free and isinstance(source, ArraySource) and source.order == "given"):
        return
    window.is_free = False
    rows = source.rows if window.asked is None else min(source.rows, window.asked * source.batch_size)
    if rows < LEAST_GAIN * source.batch_size or (window.asked or 0) > source.steps:
        return
    known = step.tried
    if known is None or not known.serves(source.batch_size, rows) or not known.watch.looks_untouched():
        if _is_heavy(step, source):
            return
        try:
            known = step.tried = _tried(step, source, rows)
        except UnwatchableState:
            return
    if known is not None and known.at_once > 1:
        window.widen(known.at_once, copies=known.writes)


def _is_heavy(step: Step, source: ArraySource) -> bool:
    """Whether a batch takes so long by itself that calls hardly matter, and a trial takes longer than it ever saves."""
    count = sum(parameter.numel() for parameter in step.module.parameters() if not is_lazy(parameter))
    return source.batch_size * count >= HEAVY


class _Tried(NamedTuple):
    """How batches of `size` rows may be put together, found on the first `rows` rows.

    Attributes:
        at_once: How many may be one; 1 where it matters.
        most: Rows that fit the cache.
        writes: Whether the module writes into its input.
        watch: Remembers how the module was.
    """

    size: int
    rows: int
    at_once: int
    most: int
    writes: bool
    watch: StepGuard

    def serves(self, size: int, rows: int) -> bool:
        """Whether it says how to cut so many rows in batches of this size."""
        more = self.at_once > 1 and min(self.most, rows) // size > self.at_once
        return self.size == size and self.rows <= rows and not more


def _tried(step: Step, source: ArraySource, rows: int) -> _Tried | None:
    """What a trial shows; None where there may be none.

    Raises:
        Unwatchable: the module could tell how often it is called.
    """
    module, size = step.module, source.batch_size
    if not is_recording_supported() or any(is_lazy(part) for part in (*module.parameters(), *module.buffers())):
        return None
    refuse_modes()
    watch = StepGuard(module, [], anywhere=True)
    _, leaves_no_trace = watch.judged()
    if not leaves_no_trace:
        return None
    random, x = torch.get_rng_state(), _inputs(source, 0, size)
    versions = [part._version for part in leaves_of(x)]
    first, largest = _Largest.of(step, x)
    writes = versions != [part._version for part in leaves_of(x)]
    most = min(MOST_ROWS, CACHE_BYTES * size // max(1, largest))
    at_once = -(-rows // size) if rows <= most else most // size
    if not watch.holds_entirely():
        at_once = 1
    together = min(at_once * size, rows)
    if at_once > 1:
        parts = [first, step.outputs(_inputs(source, size, 2 * size))]
        whole = _large(step, _inputs(source, 0, together))
        if not _is_same(parts, whole, size, together):
            at_once = 1
    if not torch.equal(random, torch.get_rng_state()):
        torch.set_rng_state(random)
        at_once = 1
    return _Tried(size, together if at_once > 1 else size, at_once, most, writes, watch)


def _large(step: Step, x: Any) -> Any:
    """The outputs for a large batch; None where it is too large for the module, whatever that raises: in small batches,
    which follow, the module raises what is its own.
    """
    try:
        return step.outputs(x)
    except Exception:
        return None


def _inputs(source: ArraySource, start: int, stop: int) -> Any:
    return next(source.narrow(start, stop, batch_size=stop - start, order="given").batches()).x


def _is_same(parts: list[Any], whole: Any, size: int, rows: int) -> bool:
    """Whether the first rows of a large batch come out as they do in small ones."""
    if len(leaves_of(whole)) != len(leaves_of(parts[0])) or not leaves_of(whole):
        return False
    for place, part in enumerate(parts):
        pairs = zip(leaves_of(part), leaves_of(whole), strict=True)
        for small, large in pairs:
            if not isinstance(small, torch.Tensor) or small.shape[:1] != (size,) or large.shape[:1] != (rows,):
                return False
            near = large[place * size : (place + 1) * size]
            if not torch.allclose(small.double(), near.double(), rtol=1e-4, atol=1e-6, equal_nan=True):
                return False
    return True


class _Largest(DispatchMode):  # type: ignore[no-untyped-call]
    """Notes how large the largest result of an operation is, in bytes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0

    @classmethod
    def of(cls, step: Step, x: Any) -> tuple[Any, int]:
        """The outputs for x, and the largest result on the way to them."""
        largest = cls()
        with largest:
            found = step.outputs(x)
        return found, max([largest.bytes, *(part.nbytes for part in leaves_of(x))])

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # as in `Notes`

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func.is_view:  # of what was counted, or of a parameter, whose size the rows do not change
            return out
        for part in out if isinstance(out, (list, tuple)) else (out,):
            if isinstance(part, torch.Tensor) and part.layout == torch.strided:
                self.bytes = max(self.bytes, part.numel() * part.element_size())
        return out
