"""How an epoch's batches are trained: one by one with hooks, one by one, or many in one call. All mean the same.

Which one a fit gets is decided from facts at fixed steps, never by the clock, so equal fits give equal numbers. Only
how many batches one call takes follows the clock, which changes no number.
"""

import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol

from fitdash.data.batches.arrays import ArraySource
from fitdash.data.batches.class_weights import ClassWeights
from fitdash.data.batches.data_loader import LoaderSource
from fitdash.data.batches.source import Batch, leaves_of
from fitdash.engine.callbacks.base import Callback
from fitdash.engine.callbacks.callback_list import CallbackList
from fitdash.engine.objective.totals import RunningTotals
from fitdash.engine.recording.cuda_graph import CapturedStepState, GraphCapture, capture_device_for
from fitdash.engine.recording.optimizer_trace import zero_settings
from fitdash.engine.recording.program.torchscript import is_recording_supported
from fitdash.engine.recording.program.tracer import NotRecordable
from fitdash.engine.recording.recording import Recording, batch_signature
from fitdash.engine.recording.step_state import EvaluationStepState, StepState, TrainingStepState
from fitdash.engine.step.devices import device_and_dtype_of
from fitdash.engine.step.step import Step

RECORDING = True
"""Whether steps are recorded at all."""

MOST_STEPS = 256
MOST_SECONDS = 0.05
"""Of one call: stop and pause are seen between calls."""
MOST_BYTES = 8 * 1024 * 1024
"""Of one call's batches, which all lie in memory until it is over."""
LEAST_STEPS = 100
"""Of a fit: recording costs what it saves in 80 to 100 steps, whatever the network."""
OURS = (ArraySource, LoaderSource)
"""Sources whose batches run nobody's code, may be drawn and left, and differ in nothing but their rows."""
_OWN_CALLBACKS = Callback.__module__.rpartition(".")[0] + "."
RARE = 30
"""Batches of a second kind, such as the short last one of each epoch, before it is recorded as well."""
MOST_KINDS = 8
"""Kinds of batches (their shapes) that are recorded in a fit."""
MOST_BEGINNINGS = 4
"""Times that a fit begins to record, since something was changed from outside."""


class StepStrategy(Protocol):
    """What trains, or measures, the batches of an epoch.

    Attributes:
        said: What it is, with a reason where that is not the fastest; `history.params["stepper"]`.
    """

    said: str

    def train(self, batches: Iterator[Batch]) -> Iterator[int]:
        """Do all batches; gives now and then how many were done since it last did."""


class StepByStep:
    """Every batch by itself, with hooks before and after it."""

    def __init__(
        self, said: str, step: Step, book: RunningTotals, class_weight: ClassWeights | None, callbacks: Any
    ) -> None:
        self.said, self.step, self.book, self.class_weight = said, step, book, class_weight
        self.callbacks: CallbackList = callbacks

    def train(self, batches: Iterator[Batch]) -> Iterator[int]:
        for index, batch in enumerate(batches):
            self.callbacks.on_train_batch_begin(index)
            self.step.train(batch, self.book, self.class_weight)
            self.callbacks.on_train_batch_end(index, self.book.logs())
            yield 1


class EagerStrategy:
    """Every batch by itself."""

    def __init__(self, said: str, step: Step, book: RunningTotals, class_weight: ClassWeights | None) -> None:
        self.said, self.step, self.book, self.class_weight = said, step, book, class_weight

    def train(self, batches: Iterator[Batch]) -> Iterator[int]:
        train, book, class_weight = self.step.train, self.book, self.class_weight
        for batch in batches:
            train(batch, book, class_weight)
            yield 1


class RecordedStrategy:
    """The first step as it is, the next few noted and checked, the rest replayed many in one call.

    Args:
        run: The step itself.
        ground: What is recorded, once a step has run; None before.
        recording: Begins to record on such a ground.
        said: What it is.
        most: How many steps may run before somebody looks; None: any number.
        draws_ahead: Whether batches may be drawn that a stop would leave unused, and drawing runs nobody's code.
        is_watched: Whether somebody's code runs between steps.
        is_alone: Whether nobody's code runs between epochs.
        tell: Notes an event in the record.
    """

    def __init__(
        self,
        run: Callable[[Batch], None],
        ground: Callable[[], StepState | None],
        recording: Callable[[Any], Recording | GraphCapture] = Recording,
        *,
        said: str = "recorded",
        most: Callable[[], int | None],
        draws_ahead: bool,
        is_watched: bool,
        is_alone: bool,
        tell: Callable[..., None],
    ) -> None:
        self.said = said
        self._run, self._look_around, self._due, self._tell = run, ground, most, tell
        self._made = recording
        self._draws_ahead, self._is_watched, self._is_alone = draws_ahead, is_watched, is_alone
        self._ground: StepState | None = None
        self._recordings: dict[Any, Recording | GraphCapture] = {}
        self._seen: dict[Any, int] = {}
        self._beginnings = 0
        self._seconds = MOST_SECONDS / 16
        self._is_off = False

    def train(self, batches: Iterator[Batch]) -> Iterator[int]:
        ahead: deque[Batch] = deque()
        is_sure = self._is_alone and self._draws_ahead and self._ground is not None and self._ground.is_ours
        while batch := ahead.popleft() if ahead else next(batches, None):
            recording = None if self._is_off else self._recording(batch, is_sure=is_sure)
            is_sure = self._draws_ahead and not self._is_watched
            if recording is None or not recording.is_ready:
                self._one(batch, recording)
                yield 1
                continue
            chunk = self._chunk(batch, ahead, batches)
            why = self._replay(recording, chunk)
            if why is None:
                done = len(chunk)
                del batch, chunk  # what they lie in takes the next ones
                yield done
                continue
            for one in chunk:  # an error of the step itself is raised here, as the step raises it
                self._one(one, None)
                yield 1
            if why:
                self._refuse(why, failed=True)

    def _recording(self, batch: Batch, *, is_sure: bool) -> Recording | GraphCapture | None:
        """What was recorded for such batches, or begins to be; None for a step that is trained as it is."""
        if self._ground is not None and not self._ground.holds(entirely=not is_sure):
            self._ground = None
            self._recordings = {}
        try:
            if self._ground is None:
                self._begin()
                return None
            kind = batch_signature(batch), zero_settings(self._ground.optimizer)
        except NotRecordable as error:
            self._refuse(str(error))
            return None
        recording = self._recordings.get(kind)
        if recording is None or not recording.holds():
            if recording is None and not self._pays(kind):
                return None
            recording = self._recordings[kind] = self._made(self._ground)
        return recording

    def _pays(self, kind: Any) -> bool:
        """Whether to record batches of this kind: the first at once, others when they were seen often enough."""
        seen = self._seen[kind] = self._seen.get(kind, 0) + 1
        return not self._recordings or (seen > RARE and len(self._recordings) < MOST_KINDS)

    def _begin(self) -> None:
        """Look around; the step at hand runs as it is.

        Raises:
            Refused: too much is changed from outside.
        """
        self._ground = self._look_around()
        self._beginnings += self._ground is not None
        if self._beginnings > MOST_BEGINNINGS:
            raise NotRecordable("is changed from outside again and again")

    def _one(self, batch: Batch, recording: Recording | GraphCapture | None) -> None:
        """Run one step in Python; learn from it if there is a recording."""
        if recording is None:
            self._run(batch)
            return
        try:
            recording.learn(batch)
        except NotRecordable as error:
            self._refuse(str(error))

    def _chunk(self, batch: Batch, ahead: deque[Batch], batches: Iterator[Batch]) -> list[Batch]:
        """This batch and the next ones of its kind, as many as may run in one call."""
        chunk, kind, rows = [batch], batch_signature(batch), batch.rows
        for _ in range(self._most(batch) - 1):
            following = ahead.popleft() if ahead else next(batches, None)
            if following is None:
                break
            if following.rows != rows or not (self._draws_ahead or batch_signature(following) == kind):
                ahead.appendleft(following)
                break
            chunk.append(following)
        return chunk

    def _most(self, batch: Batch) -> int:
        """How many batches the next call may take, which begins with this one."""
        due = self._due() if self._draws_ahead else 1
        size = sum(int(part.nbytes) for part in leaves_of((batch.x, batch.y, batch.weight)))
        many = min(int(MOST_SECONDS / self._seconds), MOST_BYTES // max(1, size), MOST_STEPS)
        return max(1, many if due is None else min(many, due))

    def _replay(self, recording: Recording | GraphCapture, chunk: list[Batch]) -> str | None:
        """Train a chunk in one call; otherwise nothing has happened, and the text says what failed, if anything did."""
        began = time.perf_counter()
        try:
            trained = recording.replay(chunk)
        except NotRecordable as error:
            return str(error)
        self._seconds = (time.perf_counter() - began) / len(chunk)
        return None if trained else ""

    def _refuse(self, why: str, *, failed: bool = False) -> None:
        """Train one by one from here on, and say why."""
        self._is_off = True
        self._ground, self._recordings = None, {}
        self.said = f"eager: the step {why}"
        self._tell("stepper", speed="eager", reason=f"the step {why}")
        if failed:
            warnings.warn(f"Training goes on step by step: the recorded step {why}.", stacklevel=2)


def choose_strategy(fit: Any) -> StepStrategy:
    """The fastest way to train.

    Args:
        fit: A `loop.Fit`.
    """
    step, book, class_weight, callbacks = fit.step, fit.book, fit.class_weight, fit.callbacks
    if callbacks.watches_train_batches:
        why = "step by step: a callback listens to batches"
        return StepByStep(why, step, book, class_weight, callbacks)
    device = capture_device_for(device_and_dtype_of(step.module).device)
    if why := _must_be_eager(fit, fit.passes.steps, casts=device is not None):
        return EagerStrategy(f"eager: {why}", step, book, class_weight)
    kind = TrainingStepState if device is None else CapturedStepState

    def ground() -> StepState | None:
        return kind(step, book, class_weight) if book.rows and step.example is not None else None

    return RecordedStrategy(
        lambda batch: step.train(batch, book, class_weight),
        ground,
        Recording if device is None else partial(GraphCapture, device=device),
        said="recorded" if device is None else "captured",
        most=lambda: 1 if fit.flags.stop_training else callbacks.steps_until_due(),
        draws_ahead=isinstance(fit.passes.source, OURS),
        is_watched=any(not _is_known(one) for one in callbacks.between),
        is_alone=all(_only_observes(one) for one in callbacks.callbacks),
        tell=fit.flags.tell,
    )


def choose_evaluation_strategy(fit: Any) -> StepStrategy | None:
    """The fastest way to validate; None: batch by batch."""
    step, book = fit.step, fit.test_book
    if fit.validation is None or fit.callbacks.watches_test_batches:
        return None
    if _must_be_eager(fit, fit.validation.window.calls):
        return None
    return RecordedStrategy(
        lambda batch: step.test(batch, book),
        lambda: EvaluationStepState(step, book) if book.rows else None,
        most=lambda: None,
        draws_ahead=isinstance(fit.validation.window.source, OURS),
        is_watched=False,
        is_alone=False,
        tell=lambda kind, **facts: None,
    )


def _must_be_eager(fit: Any, steps: int | None, *, casts: bool = False) -> str:
    """Why nothing may be recorded; empty if it may.

    Args:
        steps: Those of an epoch, None while unknown.
        casts: Whether steps that cast automatically may be.
    """
    if fit.run_eagerly:
        return "run_eagerly is on"
    if not RECORDING or not is_recording_supported():
        return "this torch cannot record"
    if fit.step.precision != "float32" and not casts:
        return "the step casts automatically"
    epochs = fit.epochs - fit.flags.start_epoch
    return "" if steps is None or steps * epochs >= LEAST_STEPS else "too few steps to gain from recording"


def _only_observes(callback: Callback) -> bool:
    """Whether this very class declares that its hooks change nothing and run no user code; subclasses declare anew."""
    return bool(vars(type(callback)).get("observes_only", False))


def _is_known(callback: Callback) -> bool:
    """Whether what a callback does between steps leaves the module alone."""
    return _only_observes(callback) or type(callback).__module__.startswith(_OWN_CALLBACKS)
