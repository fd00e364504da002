"""The callback that applies a run's control in the training thread: stop, pause, steps, pace, changed settings."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fitdash.engine.callbacks.base import Callback, Logs, Moment
from fitdash.engine.training import live_settings
from fitdash.errors import SettingError
from fitdash.runs.protocol.control import WATCHABLE_EPOCHS_PER_SECOND, WATCHABLE_EXTRA_SECONDS, Control, Pace

# A shorter wait is skipped and made up for after a later epoch.
SHORTEST_WAIT_SECONDS = 1e-4

SETTING_CHANGED = "setting"
"""Kind of the event for a changed setting: setting, old, new, and the epoch and step from which it holds."""

SETTING_REFUSED = "refused"
"""Kind of the event for a setting that could not be changed: setting, new, reason, epoch and step."""


class ControlCallback(Callback):
    """Heeds a `Control`. Its place is after the recorder and checkpoints, so that an epoch is recorded before a wait.

    Args:
        control: The wishes.
        again: Earlier events of the kind `SETTING_CHANGED` to apply again, where a run goes on from an earlier epoch.
        show: Called when a pause begins within an epoch, with the running values.
        clock: Monotonic seconds.
        wait: Waits as `Control.wait` does; tests replace it.
    """

    def __init__(
        self,
        control: Control,
        *,
        again: Iterable[Mapping[str, Any]] = (),
        show: Callable[[Moment], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float | None, int], None] | None = None,
    ) -> None:
        super().__init__()
        self.control = control
        self._again = sorted(again, key=_place)
        self._show = show
        self._clock = clock
        self._wait = wait or control.wait
        self._at = (0, 0)
        self._epoch_began = 0.0
        self._epochs_done = 0
        self._waited = 0.0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._epochs_done, self._waited = 0, 0.0
        self._heed(int(getattr(self.model, "start_epoch", 0)), 0)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._at = (epoch, 0)
        self.control.epoch = epoch
        self._epoch_began = self._clock()

    def steps_until_due(self) -> int | None:
        """Training steps that may run before `between_steps` has to be called; None: any number."""
        left = self.control.batches_left
        if not self._again or _place(self._again[0])[0] > self._at[0]:
            return left
        until = max(1, _place(self._again[0])[1] - self._at[1])
        return until if left is None else min(left, until)

    def between_steps(self, moment: Moment) -> bool:
        self._at = (moment.epoch, moment.last + 1)
        self.control.batches_done(moment.last - moment.first + 1)
        if self._again or not self.control.is_quiet:
            self._heed(*self._at, moment)
        if self.control.stopped_by:
            self.tell(self.control.stopped_by, step=moment.last)
        return self.control.stop_is_wanted

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._epochs_done += 1
        self.control.epoch_done()
        if not self.model.stop_training:
            self._change(epoch + 1, 0)
            planned = int(self.params.get("epochs") or 0)
            if epoch + 1 != planned:
                self._keep_pace(planned - (epoch + 1 - self._epochs_done))
                self._heed(epoch + 1, 0)
            live_settings.announce_batch_size(self.model)
        if self.control.stopped_by and not self.model.stop_training:
            self.model.stop_training = True
            self.tell(self.control.stopped_by)

    def _heed(self, epoch: int, step: int, moment: Moment | None = None) -> None:
        """Apply the changes of settings, and wait while the run is paused.

        Args:
            epoch, step: The next batch.
            moment: Where training is within the epoch, None between two epochs.
        """
        stands = False
        while True:
            changes = self.control.changes
            self._change(epoch, step)
            if not self.control.holds:
                break
            if not stands:
                stands = True
                if moment is not None and self._show is not None:
                    self._show(moment)
                self.control.stand(True)
            self._wait(None, changes)
        if stands:
            self.control.stand(False)

    def _change(self, epoch: int, step: int) -> None:
        """Apply the changes that are due; a refused one becomes an event, and training goes on."""
        wanted = self.control.take_wanted()
        while self._again and _place(self._again[0]) <= (epoch, step):
            fact = self._again.pop(0)
            wanted.append((fact["setting"], fact["new"]))
        for setting, value in wanted:
            try:
                old, new = live_settings.change_setting(self.model, setting, value)
            except SettingError as error:
                self.tell(SETTING_REFUSED, epoch=epoch, setting=setting, new=value, step=step, reason=str(error))
                continue
            applies = "next pass over the data" if setting == "batch_size" else "next batch"
            self.tell(SETTING_CHANGED, epoch=epoch, setting=setting, old=old, new=new, step=step, applies=applies)

    def _keep_pace(self, planned: int) -> None:
        """Wait until this epoch has taken as long as the pace demands; a new pace takes effect at once."""
        began = now = self._clock()
        while not (self.control.stop_is_wanted or self.control.holds):
            changes = self.control.changes
            longest = self._waited + now - began
            seconds = wait_seconds(self.control.pace, now - self._epoch_began, self._epochs_done, planned, longest)
            if seconds < SHORTEST_WAIT_SECONDS:
                break
            self._wait(seconds, changes)
            now = self._clock()
        self._waited += now - began


def wait_seconds(pace: Pace, took: float, done: int, planned: int, waited: float) -> float:
    """Seconds to wait at the end of an epoch.

    Args:
        took: Seconds since this epoch began.
        done: Epochs that this run has trained, this epoch included, of the `planned` epochs.
        waited: Seconds that this run has waited so far.
    """
    if pace == "full":
        return 0.0
    if pace == "watchable":
        allowed = WATCHABLE_EXTRA_SECONDS * min(1.0, done / max(planned, 1))
        return min(1 / WATCHABLE_EPOCHS_PER_SECOND - took, allowed - waited)
    return 1 / float(pace) - took


def _place(fact: Mapping[str, Any]) -> tuple[int, int]:
    """The batch from which a changed setting holds, as epoch and step."""
    return int(fact["epoch"]), int(fact["step"])
