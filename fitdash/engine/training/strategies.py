"""Strategies for an epoch's batches: one by one with hooks, one by one, or many recorded steps in one call.

All give the same numbers. The strategy of a fit is chosen from facts at fixed steps, never by the clock, so equal fits
give equal numbers. Only how many batches one call takes depends on the clock, which changes no number.
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
"""False turns recording off in the whole process."""

MOST_STEPS = 256
MOST_SECONDS = 0.05
"""Most seconds of one call: stopping and pausing take effect between calls."""
MOST_BYTES = 8 * 1024 * 1024
"""Most bytes of one call's batches, which all stay in memory until it ends."""
LEAST_STEPS = 100
"""Least steps of a fit to record: recording costs what it saves in 80 to 100 steps, whatever the network."""
OURS = (ArraySource, LoaderSource)
"""Sources whose batches run no code of the user, may be drawn and left unused, and differ in their rows alone."""
_OWN_CALLBACKS = Callback.__module__.rpartition(".")[0] + "."
RARE = 30
"""Batches of a further signature, such as the short last one of each epoch, before that is recorded as well."""
MOST_KINDS = 8
"""Signatures of batches (their shapes and dtypes) that are recorded in a fit."""
MOST_BEGINNINGS = 4
"""Times that a fit begins to record anew because code outside of the step changed something."""


class StepStrategy(Protocol):
    """Trains, or evaluates, the batches of an epoch.

    Attributes:
        said: Its name, with the reason where it is not the fastest; `history.params["stepper"]`.
    """

    said: str

    def train(self, batches: Iterator[Batch]) -> Iterator[int]:
        """Train all batches; yields after each call how many steps it took."""


class StepByStep:
    """Trains batch after batch, with the batch hooks before and after each."""

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
    """Trains batch after batch, without batch hooks."""

    def __init__(self, said: str, step: Step, book: RunningTotals, class_weight: ClassWeights | None) -> None:
        self.said, self.step, self.book, self.class_weight = said, step, book, class_weight

    def train(self, batches: Iterator[Batch]) -> Iterator[int]:
        train, book, class_weight = self.step.train, self.book, self.class_weight
        for batch in batches:
            train(batch, book, class_weight)
            yield 1


class RecordedStrategy:
    """Runs the first step in Python, records and checks the next few, and replays the rest, many in one call.

    Args:
        run: The step in Python.
        ground: Makes the state that a recording starts from, once a step has run; gives None before.
        recording: Begins a recording from such a state.
        said: Name of this strategy while it records and replays.
        most: Gives how many steps may run before a callback has to be called; None: any number.
        draws_ahead: Whether more batches may be drawn than a stop would use, and drawing runs no code of the user.
        is_watched: Whether a user's callback runs between steps.
        is_alone: Whether no callback that may change the training runs between epochs.
        tell: Notes an event in the history, as `Model.tell`.
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
                del batch, chunk  # so that their memory is free for the next batches
                yield done
                continue
            for one in chunk:  # an error of the step itself is raised here, as the step raises it
                self._one(one, None)
                yield 1
            if why:
                self._refuse(why, failed=True)

    def _recording(self, batch: Batch, *, is_sure: bool) -> Recording | GraphCapture | None:
        """The recording for batches of this signature, new or known; None for a step that runs in Python."""
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
        """Whether to record batches of this signature: the first at once, others after `RARE` batches."""
        seen = self._seen[kind] = self._seen.get(kind, 0) + 1
        return not self._recordings or (seen > RARE and len(self._recordings) < MOST_KINDS)

    def _begin(self) -> None:
        """Make the state that recordings start from; the current step runs in Python.

        Raises:
            NotRecordable: code outside of the step changed something too often.
        """
        self._ground = self._look_around()
        self._beginnings += self._ground is not None
        if self._beginnings > MOST_BEGINNINGS:
            raise NotRecordable("is changed from outside again and again")

    def _one(self, batch: Batch, recording: Recording | GraphCapture | None) -> None:
        """Run one step in Python; with a recording, run it there, so that it is recorded or checked."""
        if recording is None:
            self._run(batch)
            return
        try:
            recording.learn(batch)
        except NotRecordable as error:
            self._refuse(str(error))

    def _chunk(self, batch: Batch, ahead: deque[Batch], batches: Iterator[Batch]) -> list[Batch]:
        """This batch and the next ones of its signature, as many as may run in one call."""
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
        """How many batches the next call may take, beginning with this one."""
        due = self._due() if self._draws_ahead else 1
        size = sum(int(part.nbytes) for part in leaves_of((batch.x, batch.y, batch.weight)))
        many = min(int(MOST_SECONDS / self._seconds), MOST_BYTES // max(1, size), MOST_STEPS)
        return max(1, many if due is None else min(many, due))

    def _replay(self, recording: Recording | GraphCapture, chunk: list[Batch]) -> str | None:
        """Train a chunk in one call and give None; else nothing has changed, and the text names the error, if any."""
        began = time.perf_counter()
        try:
            trained = recording.replay(chunk)
        except NotRecordable as error:
            return str(error)
        self._seconds = (time.perf_counter() - began) / len(chunk)
        return None if trained else ""

    def _refuse(self, why: str, *, failed: bool = False) -> None:
        """Train step by step from now on, and note the reason in the history."""
        self._is_off = True
        self._ground, self._recordings = None, {}
        self.said = f"eager: the step {why}"
        self._tell("stepper", speed="eager", reason=f"the step {why}")
        if failed:
            warnings.warn(f"Training goes on step by step: the recorded step {why}.", stacklevel=2)


def choose_strategy(fit: Any) -> StepStrategy:
    """The fastest strategy to train a fit.

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
    """The strategy to validate with recorded steps; None: batch by batch."""
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
    """The reason why steps may not be recorded; empty if they may.

    Args:
        steps: Steps of an epoch, None while unknown.
        casts: Whether steps with automatic casting may be recorded.
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
    """Whether the callback's own class declares `observes_only`; a superclass does not count."""
    return bool(vars(type(callback)).get("observes_only", False))


def _is_known(callback: Callback) -> bool:
    """Whether the callback is known to leave the module unchanged between steps."""
    return _only_observes(callback) or type(callback).__module__.startswith(_OWN_CALLBACKS)
