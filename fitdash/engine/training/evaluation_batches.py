"""Evaluates several batches in one call of the module where the numbers stay the same.

Losses and metrics are means over samples, so the size of batches changes only their last digits, if the module
computes each row independently of the others. That is tried on the first rows, and only with modules whose code leaves
no trace of a call. The result depends on the module and its data, never on the clock: equal fits use equal batches.
"""

from typing import Any, NamedTuple

import torch
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from fitdash.data.batches.arrays import ArraySource
from fitdash.data.batches.epochs import EvaluationBatches
from fitdash.data.batches.source import leaves_of
from fitdash.engine.recording.program.dispatch_mode import DispatchMode
from fitdash.engine.recording.program.torchscript import is_recording_supported
from fitdash.engine.recording.safety.bytecode import UnwatchableState
from fitdash.engine.recording.safety.step_guard import StepGuard, refuse_modes
from fitdash.engine.step.step import Step

MOST_ROWS = 1536
"""Rows of one widened batch: 2048 small rows take as long on one CPU and 5 to 12 % longer on another, and the totals of
more rows take longer too. With 1024 rows `evaluate` takes 4 % more.
"""
CACHE_BYTES = 8 * 1024 * 1024
"""Most bytes of the largest intermediate result of a widened batch."""
LAZY = (UninitializedParameter, UninitializedBuffer)
"""Parameters and buffers that get their shape from the first batch."""
HEAVY = 32_000_000
"""Rows times parameters of a batch that takes half a millisecond to compute; its calls from Python take 0.05 ms."""
LEAST_GAIN = 4
"""Least number of batches for which a trial pays."""


def widen_batches(step: Step, window: EvaluationBatches) -> None:
    """Make `window` give several batches in one if the outputs stay the same and the user chose no batch size."""
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
    """True if a batch computes so long that calls hardly matter, and a trial would take longer than it saves."""
    count = sum(parameter.numel() for parameter in step.module.parameters() if not isinstance(parameter, LAZY))
    return source.batch_size * count >= HEAVY


class _Tried(NamedTuple):
    """The result of a trial: how many batches of `size` rows may be one, found on the first `rows` rows.

    Attributes:
        at_once: How many may be one; 1 where the outputs differ.
        most: Rows whose intermediate results fit the cache.
        writes: Whether the module writes into its input.
        watch: The state of the module at the trial, to find out whether it has changed.
    """

    size: int
    rows: int
    at_once: int
    most: int
    writes: bool
    watch: StepGuard

    def serves(self, size: int, rows: int) -> bool:
        """True if the result holds for so many rows in batches of this size."""
        more = self.at_once > 1 and min(self.most, rows) // size > self.at_once
        return self.size == size and self.rows <= rows and not more


def _tried(step: Step, source: ArraySource, rows: int) -> _Tried | None:
    """The result of a trial; None for a module that must not be called on trial.

    Raises:
        UnwatchableState: the module may depend on how often it is called.
    """
    module, size = step.module, source.batch_size
    tensors = (*module.parameters(), *module.buffers())
    if not is_recording_supported() or any(isinstance(part, LAZY) for part in tensors):
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
    """The outputs for a large batch; None if the module raises anything, as it may for want of memory.

    An error of the module itself is raised again by the small batches that follow.
    """
    try:
        return step.outputs(x)
    except Exception:
        return None


def _inputs(source: ArraySource, start: int, stop: int) -> Any:
    return next(source.narrow(start, stop, batch_size=stop - start, order="given").batches()).x


def _is_same(parts: list[Any], whole: Any, size: int, rows: int) -> bool:
    """True if the first rows of a large batch give the outputs of the small batches."""
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
    """Measures the largest result of an operation, in bytes."""

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
        return False  # as in `Tracer`

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func.is_view:  # of a result that was measured, or of a parameter, whose size does not depend on the rows
            return out
        for part in out if isinstance(out, (list, tuple)) else (out,):
            if isinstance(part, torch.Tensor) and part.layout == torch.strided:
                self.bytes = max(self.bytes, part.numel() * part.element_size())
        return out
