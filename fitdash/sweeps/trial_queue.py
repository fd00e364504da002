"""What a search tries next: trials that did not end, then new ones, put together as they are best trained."""

from collections.abc import Collection, Mapping
from typing import Any

from fitdash.settings.ensemble_rules import LEAST_MEMBERS, group_experiments, shared_settings_key
from fitdash.settings.experiment import Experiment
from fitdash.sweeps.config import SweepConfig
from fitdash.sweeps.running_trial import RunningTrial
from fitdash.sweeps.study import Study

LATEST = 20


class TrialQueue:
    """Asks the study, and keeps what was asked for and has not begun.

    Args:
        ahead: Trials that are asked for at once.
        places: Groups that train at once.

    Attributes:
        is_closed: Nothing new is asked for, only what is to be tried again.
    """

    def __init__(self, recipe: SweepConfig, study: Study, *, ahead: int, places: int) -> None:
        self.is_closed = False
        self._recipe, self._study = recipe, study
        self._ahead, self._places = ahead, places
        self._again: list[tuple[int, Mapping[str, Any], int]] = []
        self._next = 0
        self._free: list[int] = []
        self._groups: list[list[RunningTrial]] = []
        self._took: list[tuple[float, int]] = []

    def __bool__(self) -> bool:
        """Whether something is planned."""
        return bool(self._groups)

    def begin_after(self, numbers: Collection[int]) -> None:
        """Trials of these numbers have begun once; others before the last of them were asked for ahead."""
        self._next = max(numbers, default=-1) + 1
        self._free = [number for number in range(self._next) if number not in numbers]

    def again(self, number: int, values: Mapping[str, Any], attempt: int = 1) -> None:
        """Try this once more, before anything new."""
        self._again.append((number, values, attempt))

    def note(self, seconds: float, count: int) -> None:
        """So many trials have trained together for so long."""
        self._took = [*self._took[-LATEST:], (seconds, count)]

    def plan(self, trials: int | None, seconds: float | None) -> None:
        """Ask for what comes next, and put together what trains as one.

        Args:
            trials: How many there may be in all; None for no bound.
            seconds: That are left; None for no bound. No more are put together than would fit one after the other:
                what the end interrupts has come to nothing.
        """
        most = min(self._ahead, self._fitting(seconds))
        asked: list[RunningTrial] = []
        while len(asked) < most and (live := self._asked(trials)) is not None:
            asked.append(live)
        if most == 1:
            self._groups = [[live] for live in asked]
            return
        shared = [shared_settings_key(self.experiment(live)) for live in asked]
        self._groups = [[asked[place] for place in group] for group in group_experiments(shared, places=self._places)]

    def pop(self) -> list[RunningTrial]:
        """The next trials that train as one."""
        return self._groups.pop(0)

    def experiment(self, live: RunningTrial) -> Experiment:
        """What this trial trains."""
        return self._recipe.space.apply(self._recipe.experiment, live.asked.values)

    def _fitting(self, seconds: float | None) -> int:
        """How many trials would fit into the seconds, by what the latest took; one by one where that is unknown."""
        if seconds is None or self._ahead == 1:
            return self._ahead
        known = self._took[1:] or self._took  # the first one waits for what has to be imported, too
        took = sum(one for one, _ in known) / max(1, sum(count for _, count in known))
        if took == 0:
            return self._ahead if known else 1
        fitting = int(seconds / took)
        return min(self._ahead, fitting * self._places) if fitting >= LEAST_MEMBERS else 1

    def _asked(self, trials: int | None) -> RunningTrial | None:
        """The next trial: one that did not end, or a new one; None where there is none."""
        if self._again:
            number, values, attempt = self._again.pop(0)
            return RunningTrial(number=number, asked=self._study.again(values), attempt=attempt)
        if self.is_closed or (trials is not None and self._next - len(self._free) >= trials):
            return None
        number = self._free[0] if self._free else self._next
        asked = self._study.ask(number)
        if asked is None:
            return None
        if self._free:
            self._free.pop(0)
        else:
            self._next += 1
        return RunningTrial(number=number, asked=asked)
