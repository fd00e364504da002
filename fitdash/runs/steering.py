"""Stopping a run and setting its pace, from any thread, while it trains."""

import threading
import time
from collections.abc import Callable

from fitdash.engine.callbacks.base import Callback, Logs, Moment
from fitdash.errors import SettingError

# Epochs per second; "watchable" and "full" beside them.
RATES = (1, 5, 20)
PACES = ("watchable", "full", *RATES)
Pace = str | float

WATCHABLE_EPOCHS_PER_SECOND = 5
WATCHABLE_EXTRA_SECONDS = 15.0
# A wait below this is not worth waking up for; it is made up for at a later epoch.
SHORTEST_WAIT_SECONDS = 1e-4


class Control:
    """What others want of a run; safe to use from any thread.

    Args:
        pace: "full", "watchable" (at most 5 epochs a second and about 15 s more than the run needs), or epochs per
            second. It is a wait at the end of an epoch and never changes a number.
    """

    def __init__(self, pace: Pace = "full") -> None:
        self._changed = threading.Condition()
        self._changes = 0
        self._stop_is_wanted = False
        self._pace = checked_pace(pace)

    def stop(self) -> None:
        """End training after the current batch, also while it waits for its pace."""
        self._note(stop=True)

    @property
    def stop_is_wanted(self) -> bool:
        return self._stop_is_wanted

    @property
    def pace(self) -> Pace:
        return self._pace

    @pace.setter
    def pace(self, pace: Pace) -> None:
        self._note(pace=checked_pace(pace))

    @property
    def changes(self) -> int:
        """Grows with each wish; read before the wishes are, and given to `wait`."""
        return self._changes

    def wait(self, seconds: float, changes: int) -> None:
        """Return after this time, or as soon as there were more than this many changes."""
        with self._changed:
            self._changed.wait_for(lambda: self._changes != changes, seconds)

    def _note(self, *, stop: bool = False, pace: Pace | None = None) -> None:
        with self._changed:
            self._stop_is_wanted = self._stop_is_wanted or stop
            self._pace = self._pace if pace is None else pace
            self._changes += 1
            self._changed.notify_all()


class Steering(Callback):
    """Makes training do what a `Control` says; belongs after the recorder, so that an epoch is told before the wait.

    Args:
        control: The wishes.
        clock: Seconds that only grow.
        wait: Waits like `Control.wait`.
    """

    def __init__(
        self,
        control: Control,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float, int], None] | None = None,
    ) -> None:
        super().__init__()
        self.control = control
        self._clock = clock
        self._wait = wait or control.wait
        self._epoch_began = 0.0
        self._epochs_done = 0
        self._waited = 0.0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._epochs_done, self._waited = 0, 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch_began = self._clock()

    def between_steps(self, moment: Moment) -> bool:
        if self.control.stop_is_wanted:
            self.tell("stop_run", step=moment.last)
        return self.control.stop_is_wanted

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._epochs_done += 1
        planned = int(self.params.get("epochs") or 0)
        if epoch + 1 != planned and not self.model.stop_training:
            self._keep_pace(planned - (epoch + 1 - self._epochs_done))
        if self.control.stop_is_wanted and not self.model.stop_training:
            self.model.stop_training = True
            self.tell("stop_run")

    def _keep_pace(self, planned: int) -> None:
        """Wait until this epoch has taken as long as the pace asks; a new pace counts at once."""
        began = now = self._clock()
        while not self.control.stop_is_wanted:
            changes = self.control.changes
            longest = self._waited + now - began
            seconds = wait_seconds(self.control.pace, now - self._epoch_began, self._epochs_done, planned, longest)
            if seconds < SHORTEST_WAIT_SECONDS:
                break
            self._wait(seconds, changes)
            now = self._clock()
        self._waited += now - began


def wait_seconds(pace: Pace, took: float, done: int, planned: int, waited: float) -> float:
    """How long to wait at the end of an epoch.

    Args:
        took: Seconds since this epoch began.
        done: Epochs that this run has trained, this one included, of the `planned` ones.
        waited: Seconds that this run has waited so far.
    """
    if pace == "full":
        return 0.0
    if pace == "watchable":
        allowed = WATCHABLE_EXTRA_SECONDS * min(1.0, done / max(planned, 1))
        return min(1 / WATCHABLE_EPOCHS_PER_SECOND - took, allowed - waited)
    return 1 / float(pace) - took


def checked_pace(pace: Pace) -> Pace:
    """The pace, if it is one."""
    if pace in ("watchable", "full"):
        return pace
    if isinstance(pace, (int, float)) and not isinstance(pace, bool) and 0 < pace < float("inf"):
        return pace
    raise SettingError(f'pace must be "watchable", "full" or a number of epochs per second above 0, got {pace!r}.')
