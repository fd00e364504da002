"""The callback that measures the training rows as validation rows are: after the epoch, with fixed weights."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from fitdash.engine.callbacks.base import Callback, Logs
from fitdash.engine.step.devices import device_and_dtype_of
from fitdash.engine.training.loop import evaluation_mode
from fitdash.engine.training.prepare import prepare_evaluation
from fitdash.random_state import random_states, set_random_states
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.events import Event, TrainEvaluated

ROWS_AT_ONCE = 512


class TrainEvaluation(Callback):
    """Measures after each epoch while `Control.fair` is on, and reports the values and the seconds they took.

    The training loss of an epoch is a mean over the epoch, with dropout, while the weights were still moving; these
    values can be compared with those of the validation rows. Nothing of the run is changed: evaluation mode, no
    gradients; random states and modes are restored. Its place is after the recorder and before the control callback.

    Args:
        uid: The run.
        put: Takes an event at once and never fails: `Writer.put`.
        control: Its `fair` switches the measurement on, its stop ends it early.
        rows: Returns (x, y) of the training rows, as `fit` takes them.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        uid: str,
        put: Callable[[Event], None],
        control: Control,
        rows: Callable[[], tuple[Any, Any]],
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__()
        self.uid = uid
        self._put, self._control, self._rows, self._clock = put, control, rows, clock
        self._window: Any = None
        self._has_failed = False

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if not self._control.fair or self._has_failed:
            return
        began = self._clock()
        try:
            values = self._measure()
        except Exception as error:  # the user's metric can raise anything
            self._has_failed = True
            self.tell("not_measured", reason=f"{type(error).__name__}: {error}")
            return
        if values is not None:
            self._put(TrainEvaluated(uid=self.uid, epoch=epoch, logs=values, seconds=self._clock() - began))

    def _measure(self) -> Mapping[str, float] | None:
        """Loss and metrics of all training rows; None if the run is stopped meanwhile."""
        step = self.model.training.step
        if self._window is None:
            size = self.params.get("batch_size") if step.objective.depends_on_batches else None
            x, y = self._rows()
            self._window = prepare_evaluation(x, y, None, size or ROWS_AT_ONCE, None, device_and_dtype_of(step.module))
        book = step.objective.new_book()
        states = random_states()
        try:
            with evaluation_mode(step.module), step.forward.reading(arrays=True):
                for batch in self._window.epoch():
                    step.test(batch, book)
                    if self._control.stop_is_wanted:
                        return None
        finally:
            set_random_states(states)
        return dict(book.logs())
