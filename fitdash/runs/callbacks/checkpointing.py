"""The callback that copies the training state; the writer thread makes checkpoint files of the copies."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from fitdash.engine.callbacks.base import Callback, Logs
from fitdash.runs.checkpoints.training_state import copy_training_state, restore_callbacks, restore_training_state
from fitdash.runs.protocol.events import CheckpointTaken, Event

EVERY_SECONDS = 1.0


class Checkpointing(Callback):
    """Copies the training state when training begins, after epochs (at most once a second, and after each best epoch),
    and at the end. Its place is after the recorder and before the control callback.

    Args:
        uid: The run.
        put: Takes an event at once and never fails: `Writer.put`.
        start: The content of an earlier copy, to go on exactly from there; None begins anew.
        memory: The content of a copy of another run with the same callbacks, of which only their state is restored.
        clock: Monotonic seconds.

    Attributes:
        end: The latest copy; after training, the state in which it ended.
    """

    def __init__(
        self,
        uid: str,
        put: Callable[[Event], None],
        *,
        start: Mapping[str, Any] | None = None,
        memory: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.uid = uid
        self.end: dict[str, Any] | None = None
        self._put = put
        self._start, self._memory = start, memory
        self._clock = clock
        self._last = -math.inf
        self._best = math.inf
        self._next = self._cut_after = 0
        self._has_failed = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if self._start is not None:
            restore_training_state(self.model, self._others(), self._start)
        elif self._memory is not None:
            restore_callbacks(self._others(), self._memory)
        self._start = self._memory = None
        self._next = self.model.start_epoch
        self._take(None)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._next, self._cut_after = epoch, 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._next, self._cut_after = epoch + 1, 0
        value = _watched(logs or {}, validates=self._validates())
        is_best = value is not None and value < self._best
        if is_best and value is not None:
            self._best = value
        is_last = epoch + 1 >= int(self.params.get("epochs") or 0) or self.model.stop_training
        if is_best or is_last or self._clock() - self._last >= EVERY_SECONDS:
            self._take(value)

    def on_tell(self, event: Mapping[str, Any]) -> None:
        if event.get("kind") in ("stop_run", "interrupted") and "step" in event:
            self._cut_after = event["step"] + 1

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._take(None, is_end=True)

    def _take(self, value: float | None, *, is_end: bool = False) -> None:
        """Copy and put; an error is reported as an event once, and training goes on."""
        try:
            self.end = copy_training_state(self.model, self._others(), self._next)
        except Exception as error:  # the user's state_dict can raise anything
            if not self._has_failed:
                self._has_failed = True
                self.tell("not_saved", reason=f"{type(error).__name__}: {error}")
            return
        self._last = self._clock()
        step = self._cut_after if is_end else 0
        self._put(
            CheckpointTaken(uid=self.uid, epoch=self._next, step=step, value=value, is_end=is_end, content=self.end)
        )

    def _validates(self) -> bool:
        """Whether an epoch of this fit is validated."""
        validation = self.model.training.validation
        return validation is not None and any(map(validation.due, range(int(self.params.get("epochs") or 0))))

    def _others(self) -> list[Callback]:
        """The callbacks whose state belongs to the run: all but the model's watchers."""
        return [callback for callback in self.model.training.callbacks.callbacks if callback not in self.model.watchers]


def _watched(logs: Logs, *, validates: bool) -> float | None:
    """The value whose minimum marks the best epoch: val_loss of a run that validates, also where an epoch did not, else
    loss; None if it is not a finite number.
    """
    value = logs.get("val_loss" if validates else "loss")
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
