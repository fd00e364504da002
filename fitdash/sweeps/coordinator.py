"""Carries out a sweep: asks what to try, has it trained, gives up what is no good, and keeps the record."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from fitdash.errors import SettingError, StoreError
from fitdash.jobs.job_spec import make_ensemble_spec, make_job_spec
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.events import ENDED, Changed, Created, EpochEnded, Event, SweepEnded, TrialJudged
from fitdash.runs.protocol.member_control import MemberControl
from fitdash.runs.record import sweeps
from fitdash.runs.record.sweeps import SweepRecord
from fitdash.runs.record.writer import Writer
from fitdash.runs.scheduling.failures import failure_event
from fitdash.runs.scheduling.runner import FLUSH_SECONDS
from fitdash.sweeps.capacity import CapacityCheck
from fitdash.sweeps.config import Budget, SweepConfig
from fitdash.sweeps.ensemble_groups import trials_asked_ahead
from fitdash.sweeps.executors import TrialExecutor
from fitdash.sweeps.running_trial import RunningTrial
from fitdash.sweeps.study import PastTrial, Study
from fitdash.sweeps.trial import Trial, included_runs, past_trial_of
from fitdash.sweeps.trial_queue import TrialQueue

LOOK_SECONDS = 0.5
"""The record is looked at this often for what others want of the sweep."""
MOST_ATTEMPTS = 3
"""Times that a trial is begun whose process was lost."""
MOST_FAILURES = 5
"""Trials that fail before any succeeds: the sweep ends then."""

PRUNED, INTERRUPTED = "pruned", "interrupted"


@dataclass(frozen=True, kw_only=True)
class TrialRetry:
    """One trial that is trained again, of a sweep that has ended.

    Attributes:
        number: Of the trial.
        leaves: The state that the sweep is in afterwards.
    """

    number: int
    leaves: str


class Coordinator:
    """One start of a sweep.

    Args:
        record: The sweep, claimed by this process.
        writer: Keeps what happens.
        place: Where trials train.
        listener: Told of every trial that begins and ends, and after each of its epochs.
        together: Trials that differ in numbers alone may train in one program, where that is faster.
        refuse: As `Room` takes it: asked before trials begin; the sweep waits where there is no room.
        only: Nothing but this trial is trained, again and whatever the budget.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        record: SweepRecord,
        writer: Writer,
        place: TrialExecutor,
        *,
        listener: Callable[[Trial], None] | None = None,
        together: bool = True,
        refuse: Callable[[], None] | None = None,
        only: TrialRetry | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.uid, self.name, self.owner = record.uid, record.name, record.owner
        self.recipe = SweepConfig.from_dict(record.recipe)
        self.budget = Budget(**record.budget)
        self._writer, self._place, self._clock = writer, place, clock
        self._listener = listener or _nobody
        self._room = CapacityCheck(writer.store, self.uid, refuse, clock=clock)
        self._changed = threading.Condition(threading.RLock())
        self._live: dict[str, RunningTrial] = {}
        self._busy = 0
        self._began, self._spent, self._looked = clock(), record.seconds, clock()
        self._stopped: str | None = None
        self._waited = 0.0
        self._failures: int | None = 0
        self._error: str | None = None
        self._only = only
        self._study = self._rebuilt()
        self._upcoming = self._taken_up(trials_asked_ahead(self.recipe) if together and only is None else 1)

    def run(self) -> str:
        """Search until the budget is used, somebody stops it, or nothing is left; gives the state it ended in.

        Raises:
            KeyboardInterrupt: Ctrl-C; the sweep was stopped properly before.
        """
        broken: BaseException | None = None
        try:
            self._search()
        except BaseException as error:
            broken = error
            self.stop()
            self._join()
        state = "finished"
        if broken is not None and not isinstance(broken, KeyboardInterrupt):
            state, self._error = "failed", "".join(f"{type(broken).__name__}: {broken}".splitlines()[:1])
        elif self._error is not None:
            state = "failed"
        elif self._stopped is not None:
            state = self._stopped
        elif self._only is not None:
            state = self._only.leaves
        self._tell_end(state)
        if broken is not None:
            raise broken
        return state

    def _tell_end(self, state: str) -> None:
        """Have it noted that nobody searches any longer, after what happened to the trials.

        While the record cannot be written that waits in memory with them, however long. Who stopped the sweep may be
        about to leave and is not held up.
        """
        self._writer.put(SweepEnded(uid=self.uid, state=state, seconds=self._seconds(), error=self._error))
        if not self._writer.flush(FLUSH_SECONDS) and state not in ("stopped", INTERRUPTED):
            why = self._writer.trouble
            logging.getLogger(__name__).warning("The end of the sweep %s waits in memory: %s", self.uid, why)
            self._writer.flush()

    def stop(self) -> None:
        """End the search; what trains is interrupted, and trained again when the sweep goes on."""
        self._end("stopped")

    def leave(self) -> None:
        """As `stop`, because the process ends and not because anybody wants the search to: it may go on by itself."""
        self._end(INTERRUPTED)

    def _end(self, state: str) -> None:
        with self._changed:
            self._stopped = self._stopped or state
            self._interrupt()

    def stop_trial(self, number: int) -> None:
        """End one trial; what it reached counts.

        Raises:
            SettingError: it does not train.
        """
        with self._changed:
            live = next((one for one in self._live.values() if one.number == number), None)
            if live is None:
                raise SettingError(f"trial must be one that trains to be stopped, got {number}.")
            live.control.stop()

    def retry(self, number: int) -> None:
        """Train a trial again, with the same values, before anything new is tried.

        Raises:
            StoreError: there is no such trial, or it trains.
        """
        self._writer.flush(FLUSH_SECONDS)
        with self._changed:
            runs = sweeps.newest_run_per_trial(self._writer.store.runs(sweep=self.uid))
            run = next((run for run in runs if run.trial == number), None)
            if run is None or run.is_active:
                raise StoreError(f"A trial must be there and be over to be retried, got {number}.")
            self._upcoming.again(number, past_trial_of(self._writer.store, run, self.recipe).values)
            self._changed.notify_all()

    # searching --------------------------------------------------------------------------------------------------------

    def _rebuilt(self) -> Study:
        """The search as the record has it."""
        store = self._writer.store
        seen = [past_trial_of(store, run, self.recipe) for run in included_runs(store, self.recipe)]
        for run in self._begun_before():
            if run.state != INTERRUPTED:
                seen.append(past_trial_of(store, run, self.recipe))
                if run.state != "failed":
                    self._failures = None
        return Study(self.recipe, seen)

    def _taken_up(self, ahead: int) -> TrialQueue:
        """What comes next: first what did not end, or nothing but the one that is asked for."""
        upcoming = TrialQueue(self.recipe, self._study, ahead=ahead, places=self._place.most)
        upcoming.is_closed = self._only is not None
        runs = self._begun_before()
        upcoming.begin_after({run.trial for run in runs})
        for run in runs:
            if run.trial == self._only.number if self._only is not None else run.state == INTERRUPTED:
                upcoming.again(run.trial, past_trial_of(self._writer.store, run, self.recipe).values)
        return upcoming

    def _begun_before(self) -> list[Any]:
        """The newest run of each trial."""
        return sweeps.newest_run_per_trial(self._writer.store.runs(sweep=self.uid))

    def _search(self) -> None:
        while True:
            with self._changed:
                self._look(at_once=True)
                if self._is_over() and not self._is_busy():
                    return
                group = self._begun() if self._has_place() else []
                if not group and not self._is_busy() and not self._upcoming:
                    return
                if not group:
                    self._wait()
                    continue
            if self._place.most == 1:
                self._train(group)
            else:
                threading.Thread(target=self._train, args=[group], name=f"fitdash-{group[0].uid}", daemon=True).start()

    def _join(self) -> None:
        """Wait for what trains in other threads."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_busy())

    def _is_busy(self) -> bool:
        """Whether something trains. The trials of a group end before the place where they trained is free again."""
        return bool(self._live or self._busy)

    def _wait(self) -> None:
        """Until something happens, or others want something; without room and trials that is no searching."""
        began = self._clock()
        self._changed.wait(LOOK_SECONDS)
        if self._room.is_missing and not self._is_busy():
            self._waited += self._clock() - began

    def _has_place(self) -> bool:
        return self._busy < self._place.most and not self._is_over()

    def _begun(self) -> list[RunningTrial]:
        """The next trials that train as one, told to the record; none where there are none to begin now."""
        if not self._upcoming:
            self._upcoming.plan(self.budget.trials, self._seconds_left())
        if not self._upcoming or not self._room.is_there():
            return []
        group = self._upcoming.pop()
        self._busy += 1
        if len(group) > 1:
            control = Control()
            for live in group:
                live.control = MemberControl(control, live.uid)
        for live in group:
            self._tell_begin(live)
        return group

    def _tell_begin(self, live: RunningTrial) -> None:
        self._live[live.uid] = live
        live.began = self._clock()
        self._writer.put(
            Created(
                uid=live.uid,
                name=f"{self.name} {live.number + 1}",
                experiment=self._upcoming.experiment(live).to_dict(),
                writer=self._writer.uid,
                owner=self.owner,
                sweep=self.uid,
                trial=live.number,
            )
        )
        self._writer.put(Changed(uid=live.uid, state="running"))
        self._listener(self._told(live, "running"))

    def _train(self, group: list[RunningTrial]) -> None:
        """Have trials trained as one, in the calling thread; those of several end by themselves."""
        first, many = group[0], len(group) > 1
        end: Changed | None = None
        try:
            # Of thousands of trials, looks at every epoch would fill the disk.
            order = make_job_spec(self._upcoming.experiment(first), looks_often=False)
            if many:
                order = make_ensemble_spec({live.uid: self._upcoming.experiment(live) for live in group})
            control = first.control.group if isinstance(first.control, MemberControl) else first.control
            self._place.train(order, first.uid, self._take, control)
        except KeyboardInterrupt:
            end = Changed(uid=first.uid, state=INTERRUPTED)
            raise
        except BaseException as error:
            end = failure_event(first.uid, error)
        finally:
            with self._changed:
                self._busy -= 1
                self._upcoming.note(self._clock() - first.began, len(group))
                for live in group:
                    if live.uid in self._live:
                        self._ended(live, end and replace(end, uid=live.uid))
                self._changed.notify_all()

    def _take(self, event: Event) -> None:
        """Something happened to a trial."""
        live = self._live.get(event.uid)
        if isinstance(event, Changed) and event.state in ENDED:
            if live is not None:
                self._ended(live, event)
            return
        self._writer.put(event)
        if live is None or not isinstance(event, EpochEnded):
            return  # the study has been told of the end of a trial that is no longer live
        value = event.logs.get(self.recipe.objective.name)
        with self._changed:
            live.epochs += 1
            if isinstance(value, int | float) and value == value:
                live.curve[event.epoch] = float(value)
                if self._study.report(live.asked, event.epoch, float(value)) and not self._is_last(event.epoch):
                    live.control.stop(PRUNED)
            self._look()
            self._listener(self._told(live, "running"))

    def _is_last(self, epoch: int) -> bool:
        """Whether a trial would be over anyway."""
        return epoch + 1 >= self.recipe.experiment.fit.epochs and "fit.epochs" not in self.recipe.space.dimensions

    def _ended(self, live: RunningTrial, end: Changed | None) -> None:
        """Note how a trial ended, and tell the study."""
        with self._changed:
            why = live.control.stopped_by
            if end is None:
                ended_as = INTERRUPTED if why == INTERRUPTED else "stopped"
                end = Changed(uid=live.uid, state=ended_as if why else "finished")
            if end.state == "stopped" and why == PRUNED:
                self._writer.put(TrialJudged(uid=live.uid, verdict=PRUNED))
            self._writer.put(end)
            del self._live[live.uid]
            if end.state == INTERRUPTED:
                self._study.forget(live.asked)
                if why != INTERRUPTED and live.attempt < MOST_ATTEMPTS:
                    self._upcoming.again(live.number, live.asked.values, live.attempt + 1)
            else:
                ended: Any = {"finished": "complete", "failed": "failed"}.get(end.state, PRUNED)
                self._study.tell(live.asked, PastTrial(values=live.asked.values, curve=live.curve, ended=ended))
                self._count_failure(end)
            self._listener(
                self._told(live, PRUNED if why == PRUNED and end.state == "stopped" else end.state, end.error)
            )

    def _count_failure(self, end: Changed) -> None:
        """End a sweep whose trials all fail."""
        if end.state != "failed":
            self._failures = None
        elif self._failures is not None:
            self._failures += 1
            if self._failures >= MOST_FAILURES:
                self._error = f"The first {self._failures} trials failed, the last one with: {end.error}"

    def _look(self, *, at_once: bool = False) -> None:
        """Heed what others want of the sweep, and the seconds."""
        now = self._clock()
        if at_once or now - self._looked >= LOOK_SECONDS:
            self._looked = now
            record = sweeps.find_sweep(self._writer.store, self.uid)
            self.budget = Budget(**record.budget)
            if record.state == "stopping":
                self._stopped = self._stopped or "stopped"
            with suppress(StoreError):  # not now: somebody holds the store, or the disk is full
                sweeps.note_seconds(self._writer.store, self.uid, self._seconds())
        if self._is_over():
            self._interrupt()

    def _interrupt(self) -> None:
        for live in self._live.values():
            live.control.stop(INTERRUPTED)
        self._changed.notify_all()

    def _is_over(self) -> bool:
        """Nothing more is to be begun, and what trains is to end."""
        left = self._seconds_left()
        return self._stopped is not None or (left is not None and left <= 0) or self._error is not None

    def _seconds(self) -> float:
        """How long the sweep has searched, over all its starts."""
        return self._spent + self._clock() - self._began - self._waited

    def _seconds_left(self) -> float | None:
        """Of the budget; None where it has no such bound."""
        if self.budget.seconds is None or self._only is not None:
            return None
        return self.budget.seconds - self._seconds()

    def _told(self, live: RunningTrial, state: str, error: str | None = None) -> Trial:
        return live.told(state, self.recipe.objective, now=self._clock(), error=error)


def _nobody(trial: Trial) -> None:
    """Takes what nobody listens to."""
