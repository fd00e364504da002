"""Queue of a sweep's trials: interrupted trials, then new trials, grouped into ensembles that train in one program."""

from collections.abc import Collection, Mapping
from typing import Any

from fitdash.settings.ensemble_rules import LEAST_MEMBERS, group_experiments, shared_settings_key
from fitdash.settings.experiment import Experiment
from fitdash.sweeps.config import SweepConfig
from fitdash.sweeps.running_trial import RunningTrial
from fitdash.sweeps.study import Study

RECENT_GROUPS = 20


class TrialQueue:
    """Asks the study for trials, and keeps those that have not begun.

    Args:
        ahead: Number of trials to ask at once.
        places: Number of groups that train at once.

    Attributes:
        is_closed: True if only repeated trials are left, and no new trial is asked.
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
        """True if a group is planned."""
        return bool(self._groups)

    def begin_after(self, numbers: Collection[int]) -> None:
        """Note the numbers of trials that have begun; smaller numbers without a run were asked but never begun."""
        self._next = max(numbers, default=-1) + 1
        self._free = [number for number in range(self._next) if number not in numbers]

    def again(self, number: int, values: Mapping[str, Any], attempt: int = 1) -> None:
        """Train this trial once more, before any new trial."""
        self._again.append((number, values, attempt))

    def note(self, seconds: float, count: int) -> None:
        """Note how long a group of `count` trials trained."""
        self._took = [*self._took[-RECENT_GROUPS:], (seconds, count)]

    def plan(self, trials: int | None, seconds: float | None) -> None:
        """Ask for the next trials, and group those that can train in one program.

        Args:
            trials: Bound on the number of all trials; None: no bound.
            seconds: Seconds that are left; None: no bound. Not more trials are grouped than would fit one after the
                other: a trial that the end interrupts is lost.
        """
        most = min(self._ahead, self._fitting(seconds))
        asked: list[RunningTrial] = []
        while len(asked) < most and (live := self._ask_next(trials)) is not None:
            asked.append(live)
        if most == 1:
            self._groups = [[live] for live in asked]
            return
        shared = [shared_settings_key(self.experiment(live)) for live in asked]
        self._groups = [[asked[place] for place in group] for group in group_experiments(shared, places=self._places)]

    def pop(self) -> list[RunningTrial]:
        """Take the next group of trials."""
        return self._groups.pop(0)

    def experiment(self, live: RunningTrial) -> Experiment:
        """The experiment of this trial."""
        return self._recipe.space.apply(self._recipe.experiment, live.asked.values)

    def _fitting(self, seconds: float | None) -> int:
        """Number of trials that fit into the seconds, by the duration of recent groups; 1 while no group has ended."""
        if seconds is None or self._ahead == 1:
            return self._ahead
        known = self._took[1:] or self._took  # the first group waits for imports too
        took = sum(of_group for of_group, _ in known) / max(1, sum(count for _, count in known))
        if took == 0:
            return self._ahead if known else 1
        fitting = int(seconds / took)
        return min(self._ahead, fitting * self._places) if fitting >= LEAST_MEMBERS else 1

    def _ask_next(self, trials: int | None) -> RunningTrial | None:
        """The next trial: an interrupted or repeated trial, else a new one; None if there is none."""
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
