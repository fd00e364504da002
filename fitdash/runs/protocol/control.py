"""What others want of a run: stop, pause, steps, another pace, other settings; from any thread."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fitdash.errors import SettingError
from fitdash.settings.live_settings import live_problems

# Epochs per second; "watchable" and "full" beside them.
PACE_RATES = (1, 5, 20)
PACES = ("watchable", "full", *PACE_RATES)
Pace = str | float
# "watchable" trains at most so many epochs a second, and lasts at most so much longer than the run needs.
WATCHABLE_EPOCHS_PER_SECOND = 5
WATCHABLE_EXTRA_SECONDS = 15.0
Wish = Mapping[str, Any]
"""A wish as plain values: {"do": which one, setting: value, …}."""


class Control:
    """The wishes for one run; safe to use from any thread. Training heeds them after the batch at hand.

    Args:
        pace: "full", "watchable" (at most 5 epochs a second and about 15 s more than the run needs), or epochs per
            second. It is a wait at the end of an epoch and never changes a number.

    Attributes:
        stopped_by: "stop_run" where a person stops it, "interrupted" where its process ends; None while it may go on.
        epoch: Index of the epoch that trains, None before the first.
        is_standing: Training stands still because of a pause.
        stopped_ones: Of several runs that train together, why each was stopped that was, by uid.
        fair: The training rows are to be measured after each epoch as validation rows are; it changes no number.
    """

    def __init__(self, pace: Pace = "full") -> None:
        self.stopped_by: str | None = None
        self.stopped_ones: dict[str, str] = {}
        self.epoch: int | None = None
        self.is_standing = False
        self._changed = threading.Condition()
        self._changes = 0
        self._pace = check_pace(pace)
        self._fair = False
        self._is_paused = False
        self._batches = self._epochs = 0
        self._wanted: list[tuple[str, Any]] = []
        self._listener: Callable[[bool], None] = _nobody
        self._relay: Callable[[Wish], None] = _nowhere

    def stop(self, kind: str = "stop_run") -> None:
        """End training after the current batch, also while it is paused or waits for its pace."""
        with self._noting("stop", kind=kind):
            self.stopped_by = self.stopped_by or kind

    def stop_one(self, uid: str, kind: str = "stop_run") -> None:
        """End one of several runs that train together, after its epoch."""
        with self._noting("stop_one", uid=uid, kind=kind):
            self.stopped_ones.setdefault(uid, kind)

    def pause(self) -> None:
        """Stand still after the current batch."""
        with self._noting("pause"):
            self._is_paused, self._batches, self._epochs = True, 0, 0

    def resume(self) -> None:
        """Go on, without another pause."""
        with self._noting("resume"):
            self._is_paused, self._batches, self._epochs = False, 0, 0

    def step(self, *, batches: int = 0, epochs: int = 0) -> None:
        """Go on for so many batches, or until so many epochs have ended, and pause then.

        Raises:
            SettingError: not exactly one of the two is a number from 1.
        """
        if sorted([batches, epochs])[0] != 0 or max(batches, epochs) < 1:
            raise SettingError(f"step must have batches or epochs from 1, got batches={batches}, epochs={epochs}.")
        with self._noting("step", batches=int(batches), epochs=int(epochs)):
            self._is_paused, self._batches, self._epochs = True, int(batches), int(epochs)

    def change(self, **settings: Any) -> None:
        """Change settings while the run is on: learning_rate, weight_decay, dropout, batch_size, epochs.

        They hold from the next batch on, `batch_size` from the next pass over the data on.

        Raises:
            SettingError: a setting cannot change, or not to this value; all that is wrong, one per line.
        """
        if problems := live_problems(settings, self.epoch):
            raise SettingError("\n".join(problem.text for problem in problems))
        with self._noting("change", **settings):
            self._wanted += settings.items()

    @property
    def stop_is_wanted(self) -> bool:
        return self.stopped_by is not None

    @property
    def is_paused(self) -> bool:
        """A pause was asked for: now, or after the batches or epochs of a step."""
        return self._is_paused

    @property
    def pace(self) -> Pace:
        return self._pace

    @pace.setter
    def pace(self, pace: Pace) -> None:
        checked = check_pace(pace)
        with self._noting("set_pace", pace=checked):
            self._pace = checked

    @property
    def fair(self) -> bool:
        return self._fair

    @fair.setter
    def fair(self, fair: bool) -> None:
        with self._noting("set_fair", fair=fair):
            self._fair = fair

    def relay(self, tell: Callable[[Wish], None] | None) -> None:
        """Hand each wish on, what is in force first: training is in another process, whose control takes them.

        Args:
            tell: Takes a wish as plain values at once; None: training is here, or over.
        """
        with self._changed:
            self._relay = tell or _nowhere
            for wish, settings in self._in_force():
                self._relay({"do": wish, **settings})

    def take(self, wish: Wish) -> None:
        """Wish what the control of another process handed on.

        Raises:
            SettingError: as `change`.
        """
        settings = dict(wish)
        do = settings.pop("do")
        if do == "set_pace":
            self.pace = settings["pace"]
        elif do == "set_fair":
            self.fair = settings["fair"]
        elif do in ("stop", "stop_one", "pause", "resume", "step", "change"):
            getattr(self, do)(**settings)

    # for the training thread ------------------------------------------------------------------------------------------

    @property
    def changes(self) -> int:
        """Grows with each wish; read before the wishes are, and given to `wait`."""
        return self._changes

    @property
    def is_quiet(self) -> bool:
        """There is nothing to heed."""
        return not (self._is_paused or self._wanted or self.stopped_by)

    @property
    def holds(self) -> bool:
        """Training has to stand still here."""
        return self._is_paused and not (self._batches or self._epochs or self.stopped_by)

    @property
    def batches_left(self) -> int | None:
        """Batches that may train before the wishes have to be heeded, None: any number."""
        if self._batches:
            return self._batches
        return 1 if self.holds or self._wanted or self.stopped_by else None

    def wait(self, seconds: float | None, changes: int) -> None:
        """Return after this time, or as soon as there were more than this many changes."""
        with self._changed:
            self._changed.wait_for(lambda: self._changes != changes, seconds)

    def batches_done(self, count: int) -> None:
        """Count batches of a step."""
        if self._batches:
            with self._changed:
                self._batches = max(0, self._batches - count)

    def epoch_done(self) -> None:
        """Count an epoch of a step."""
        if self._epochs:
            with self._changed:
                self._epochs = max(0, self._epochs - 1)

    def take_wanted(self) -> list[tuple[str, Any]]:
        """The settings that were asked for, once."""
        with self._changed:
            wanted, self._wanted = self._wanted, []
        return wanted

    def listen(self, listener: Callable[[bool], None]) -> None:
        """Call this in the training thread when it begins (True) and ceases (False) to stand still."""
        self._listener = listener

    def stand(self, is_standing: bool) -> None:
        """Note that training stands still, or no longer does."""
        # First to the listener: who sees `is_standing` finds the state of the run changed too.
        self._listener(is_standing)
        self.is_standing = is_standing

    def _in_force(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The wishes that would lead to where this control is now."""
        yield "set_pace", {"pace": self._pace}
        if self._fair:
            yield "set_fair", {"fair": True}
        if self._is_paused and (self._batches or self._epochs):
            yield "step", {"batches": self._batches, "epochs": self._epochs}
        elif self._is_paused:
            yield "pause", {}
        for setting, value in self._wanted:
            yield "change", {setting: value}
        for uid, kind in self.stopped_ones.items():
            yield "stop_one", {"uid": uid, "kind": kind}
        if self.stopped_by:
            yield "stop", {"kind": self.stopped_by}

    @contextmanager
    def _noting(self, wish: str, **settings: Any) -> Iterator[None]:
        """Hold the lock while a wish is written down, then hand it on and wake who waits."""
        with self._changed:
            yield
            self._changes += 1
            self._changed.notify_all()
            self._relay({"do": wish, **settings})


def check_pace(pace: Pace) -> Pace:
    """The pace, if it is one."""
    if pace in ("watchable", "full"):
        return pace
    if isinstance(pace, (int, float)) and not isinstance(pace, bool) and 0 < pace < float("inf"):
        return pace
    raise SettingError(f'pace must be "watchable", "full" or a number of epochs per second above 0, got {pace!r}.')


def _nobody(is_standing: bool) -> None:
    """Who listens where nobody does."""


def _nowhere(wish: Wish) -> None:
    """Where wishes go when training is in this process."""
