"""Control of a run from any thread: stop, pause, single steps, pace, changed settings."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fitdash.errors import SettingError
from fitdash.settings.live_settings import live_problems

# Epochs per second that a page offers, beside "watchable" and "full".
PACE_RATES = (1, 5, 20)
PACES = ("watchable", "full", *PACE_RATES)
Pace = str | float
# "watchable" trains at most so many epochs a second, and lasts at most so much longer than the run needs.
WATCHABLE_EPOCHS_PER_SECOND = 5
WATCHABLE_EXTRA_SECONDS = 15.0
Wish = Mapping[str, Any]
"""A wish, a call of a method of `Control`, as plain values: {"do": name of the wish, argument: value, …}."""


class Control:
    """The wishes for one run; safe to use from any thread. The training thread heeds them after the current batch.

    Args:
        pace: "full", "watchable" (at most 5 epochs a second and about 15 s more than the run needs), or epochs per
            second. It is a wait at the end of an epoch and never changes a number.

    Attributes:
        stopped_by: "stop_run" where a user stops it, "interrupted" where its process ends; None while it may go on.
        epoch: Index of the current epoch, None before the first.
        is_standing: True while the training thread waits because of a pause.
        stopped_ones: Of an ensemble, the runs that were stopped alone: uid to the kind of stop.
        fair: True if the training rows are to be measured after each epoch as validation rows are, see
            `TrainEvaluation`; it changes no number of the run.
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
        self._listener: Callable[[bool], None] = _ignore_pause
        self._relay: Callable[[Wish], None] = _ignore_wish

    def stop(self, kind: str = "stop_run") -> None:
        """End training after the current batch, also during a pause or a wait for its pace."""
        with self._noting("stop", kind=kind):
            self.stopped_by = self.stopped_by or kind

    def stop_one(self, uid: str, kind: str = "stop_run") -> None:
        """End one run of an ensemble after its epoch."""
        with self._noting("stop_one", uid=uid, kind=kind):
            self.stopped_ones.setdefault(uid, kind)

    def pause(self) -> None:
        """Pause after the current batch."""
        with self._noting("pause"):
            self._is_paused, self._batches, self._epochs = True, 0, 0

    def resume(self) -> None:
        """Go on until the next `pause`, also where only a step was wished."""
        with self._noting("resume"):
            self._is_paused, self._batches, self._epochs = False, 0, 0

    def step(self, *, batches: int = 0, epochs: int = 0) -> None:
        """Go on for this many batches, or until this many epochs have ended, then pause.

        Raises:
            SettingError: not exactly one of the two is a number from 1.
        """
        if sorted([batches, epochs])[0] != 0 or max(batches, epochs) < 1:
            raise SettingError(f"step must have batches or epochs from 1, got batches={batches}, epochs={epochs}.")
        with self._noting("step", batches=int(batches), epochs=int(epochs)):
            self._is_paused, self._batches, self._epochs = True, int(batches), int(epochs)

    def change(self, **settings: Any) -> None:
        """Change settings while the run trains: learning_rate, weight_decay, dropout, batch_size, epochs.

        They hold from the next batch on, `batch_size` from the next pass over the data on.

        Raises:
            SettingError: a setting cannot change, or not to this value; every problem, one per line.
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
        """True if the run is to pause: now, or after the batches or epochs of a step."""
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
        """Pass each wish to the control of the process that trains, beginning with the wishes in force.

        Args:
            tell: Sends a wish, must not block; None: training is in this process, or over.
        """
        with self._changed:
            self._relay = tell or _ignore_wish
            for wish, settings in self._in_force():
                self._relay({"do": wish, **settings})

    def take(self, wish: Wish) -> None:
        """Apply a wish that the control of another process relayed.

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
        """A count that grows with each wish; read it before the wishes, and pass it to `wait`."""
        return self._changes

    @property
    def is_quiet(self) -> bool:
        """True if there is no wish to heed."""
        return not (self._is_paused or self._wanted or self.stopped_by)

    @property
    def holds(self) -> bool:
        """True if training has to wait here."""
        return self._is_paused and not (self._batches or self._epochs or self.stopped_by)

    @property
    def batches_left(self) -> int | None:
        """Batches that may train before the wishes have to be heeded; None: any number."""
        if self._batches:
            return self._batches
        return 1 if self.holds or self._wanted or self.stopped_by else None

    def wait(self, seconds: float | None, changes: int) -> None:
        """Return after this time, or as soon as `changes` differs from this count; None: no limit of time."""
        with self._changed:
            self._changed.wait_for(lambda: self._changes != changes, seconds)

    def batches_done(self, count: int) -> None:
        """Count trained batches towards a step."""
        if self._batches:
            with self._changed:
                self._batches = max(0, self._batches - count)

    def epoch_done(self) -> None:
        """Count a trained epoch towards a step."""
        if self._epochs:
            with self._changed:
                self._epochs = max(0, self._epochs - 1)

    def take_wanted(self) -> list[tuple[str, Any]]:
        """The settings to change, with their values; each is returned once."""
        with self._changed:
            wanted, self._wanted = self._wanted, []
        return wanted

    def listen(self, listener: Callable[[bool], None]) -> None:
        """Have this called in the training thread when a pause begins (True) and ends (False)."""
        self._listener = listener

    def stand(self, is_standing: bool) -> None:
        """Note that the training thread waits because of a pause, or no longer does."""
        # The listener first: a thread that sees `is_standing` then finds the state of the run changed too.
        self._listener(is_standing)
        self.is_standing = is_standing

    def _in_force(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The wishes that bring a new control to the state of this one."""
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
        """Hold the lock while a wish is noted, then relay it and wake the threads in `wait`."""
        with self._changed:
            yield
            self._changes += 1
            self._changed.notify_all()
            self._relay({"do": wish, **settings})


def check_pace(pace: Pace) -> Pace:
    """The pace itself, if it is valid.

    Raises:
        SettingError: it is not a pace.
    """
    if pace in ("watchable", "full"):
        return pace
    if isinstance(pace, (int, float)) and not isinstance(pace, bool) and 0 < pace < float("inf"):
        return pace
    raise SettingError(f'pace must be "watchable", "full" or a number of epochs per second above 0, got {pace!r}.')


def _ignore_pause(is_standing: bool) -> None:
    """The listener until `listen` sets one."""


def _ignore_wish(wish: Wish) -> None:
    """The relay while training is in this process."""
