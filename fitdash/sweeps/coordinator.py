"""The coordinator of a sweep: asks the study for trials, has them trained, prunes and records them."""

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
"""Seconds between two reads of the record for a stop or another budget from a page or another process."""
MOST_ATTEMPTS = 3
"""How often a trial is begun whose worker process dies."""
MOST_FAILURES = 5
"""The sweep fails after this many failed trials, if no trial has succeeded before."""

PRUNED, INTERRUPTED = "pruned", "interrupted"


@dataclass(frozen=True, kw_only=True)
class TrialRetry:
    """A single trial of an ended sweep that is to be trained again.

    Attributes:
        number: The number of the trial.
        leaves: The state of the sweep afterwards.
    """

    number: int
    leaves: str


class Coordinator:
    """One start of a sweep.

    Args:
        record: The sweep, claimed by this process.
        writer: Writes the events of the sweep and its trials to the store.
        place: The executor that trains the trials.
        listener: Called when a trial begins, after each of its epochs, and when it ends.
        together: Trials that differ in numbers alone may train in one program, where that is faster.
        refuse: As `CapacityCheck` takes it: checked before trials begin; the sweep waits while there is no room.
        only: Train only this trial, again, regardless of the budget.
        clock: Monotonic seconds.
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
        self._listener = listener or _ignore_trial
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
        self._study = self._rebuild_study()
        self._upcoming = self._make_queue(trials_asked_ahead(self.recipe) if together and only is None else 1)

    def run(self) -> str:
        """Search until the budget is used up, a stop, or the end of the grid; returns the state it ended in.

        Raises:
            KeyboardInterrupt: Ctrl-C; the sweep was stopped and recorded before.
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
        self._record_end(state)
        if broken is not None:
            raise broken
        return state

    def _record_end(self, state: str) -> None:
        """Put the end of the sweep, after the events of its trials, and wait until it is written.

        While the store cannot be written the events wait in memory, however long. After a stop or an interruption the
        process may be about to end, so this does not wait longer than `FLUSH_SECONDS`.
        """
        self._writer.put(SweepEnded(uid=self.uid, state=state, seconds=self._seconds(), error=self._error))
        if not self._writer.flush(FLUSH_SECONDS) and state not in ("stopped", INTERRUPTED):
            why = self._writer.trouble
            logging.getLogger(__name__).warning("The end of the sweep %s waits in memory: %s", self.uid, why)
            self._writer.flush()

    def stop(self) -> None:
        """End the search; trials that train are interrupted, and trained again when the sweep is resumed."""
        self._end("stopped")

    def leave(self) -> None:
        """As `stop`, but because the process ends: the next server may resume the sweep by itself."""
        self._end(INTERRUPTED)

    def _end(self, state: str) -> None:
        with self._changed:
            self._stopped = self._stopped or state
            self._interrupt()

    def stop_trial(self, number: int) -> None:
        """Stop one trial; its epochs so far count.

        Raises:
            SettingError: the trial does not train.
        """
        with self._changed:
            live = next((trial for trial in self._live.values() if trial.number == number), None)
            if live is None:
                raise SettingError(f"trial must be one that trains to be stopped, got {number}.")
            live.control.stop()

    def retry(self, number: int) -> None:
        """Train a trial again, with the same values, before any new trial.

        Raises:
            StoreError: the trial is unknown, or it trains.
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

    def _rebuild_study(self) -> Study:
        """The study with the ended trials of the record."""
        store = self._writer.store
        seen = [past_trial_of(store, run, self.recipe) for run in included_runs(store, self.recipe)]
        for run in self._earlier_runs():
            if run.state != INTERRUPTED:
                seen.append(past_trial_of(store, run, self.recipe))
                if run.state != "failed":
                    self._failures = None
        return Study(self.recipe, seen)

    def _make_queue(self, ahead: int) -> TrialQueue:
        """The queue of trials, the interrupted trials first; with `only`, just that trial."""
        upcoming = TrialQueue(self.recipe, self._study, ahead=ahead, places=self._place.most)
        upcoming.is_closed = self._only is not None
        runs = self._earlier_runs()
        upcoming.begin_after({run.trial for run in runs})
        for run in runs:
            if run.trial == self._only.number if self._only is not None else run.state == INTERRUPTED:
                upcoming.again(run.trial, past_trial_of(self._writer.store, run, self.recipe).values)
        return upcoming

    def _earlier_runs(self) -> list[Any]:
        """The newest run of each trial in the record."""
        return sweeps.newest_run_per_trial(self._writer.store.runs(sweep=self.uid))

    def _search(self) -> None:
        while True:
            with self._changed:
                self._read_wishes(at_once=True)
                if self._is_over() and not self._is_busy():
                    return
                group = self._begin_next() if self._has_place() else []
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
        """Wait for the trials that train in other threads."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_busy())

    def _is_busy(self) -> bool:
        """True while a trial trains or its place is taken: a group's trials end before their place is free."""
        return bool(self._live or self._busy)

    def _wait(self) -> None:
        """Wait for an event or `LOOK_SECONDS`; time without room and without trials does not count as searching."""
        began = self._clock()
        self._changed.wait(LOOK_SECONDS)
        if self._room.is_missing and not self._is_busy():
            self._waited += self._clock() - began

    def _has_place(self) -> bool:
        return self._busy < self._place.most and not self._is_over()

    def _begin_next(self) -> list[RunningTrial]:
        """Record the begin of the next group of trials and return it; empty where no trial may begin now."""
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
            self._record_begin(live)
        return group

    def _record_begin(self, live: RunningTrial) -> None:
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
        self._listener(self._to_trial(live, "running"))

    def _train(self, group: list[RunningTrial]) -> None:
        """Train a group of trials, in the calling thread; trials of a larger group report their own ends."""
        first, many = group[0], len(group) > 1
        end: Changed | None = None
        try:
            # Predictions of every epoch of thousands of trials would fill the disk.
            order = make_job_spec(self._upcoming.experiment(first), looks_often=False)
            if many:
                order = make_ensemble_spec({live.uid: self._upcoming.experiment(live) for live in group})
            control = first.control.group if isinstance(first.control, MemberControl) else first.control
            self._place.train(order, first.uid, self._take_event, control)
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
                        self._end_trial(live, end and replace(end, uid=live.uid))
                self._changed.notify_all()

    def _take_event(self, event: Event) -> None:
        """Record an event of a trial, and report its epochs to the study."""
        live = self._live.get(event.uid)
        if isinstance(event, Changed) and event.state in ENDED:
            if live is not None:
                self._end_trial(live, event)
            return
        self._writer.put(event)
        if live is None or not isinstance(event, EpochEnded):
            return  # the end of a trial that is no longer live was reported to the study
        value = event.logs.get(self.recipe.objective.name)
        with self._changed:
            live.epochs += 1
            if isinstance(value, int | float) and value == value:
                live.curve[event.epoch] = float(value)
                if self._study.report(live.asked, event.epoch, float(value)) and not self._is_last(event.epoch):
                    live.control.stop(PRUNED)
            self._read_wishes()
            self._listener(self._to_trial(live, "running"))

    def _is_last(self, epoch: int) -> bool:
        """True if this is the last epoch of every trial, so that pruning saves nothing."""
        return epoch + 1 >= self.recipe.experiment.fit.epochs and "fit.epochs" not in self.recipe.space.dimensions

    def _end_trial(self, live: RunningTrial, end: Changed | None) -> None:
        """Record how a trial ended, and report it to the study."""
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
                self._to_trial(live, PRUNED if why == PRUNED and end.state == "stopped" else end.state, end.error)
            )

    def _count_failure(self, end: Changed) -> None:
        """Count a failed trial; the sweep fails where its first `MOST_FAILURES` trials failed."""
        if end.state != "failed":
            self._failures = None
        elif self._failures is not None:
            self._failures += 1
            if self._failures >= MOST_FAILURES:
                self._error = f"The first {self._failures} trials failed, the last one with: {end.error}"

    def _read_wishes(self, *, at_once: bool = False) -> None:
        """Read a stop and the budget from the record, and interrupt the trials where the sweep is over."""
        now = self._clock()
        if at_once or now - self._looked >= LOOK_SECONDS:
            self._looked = now
            record = sweeps.find_sweep(self._writer.store, self.uid)
            self.budget = Budget(**record.budget)
            if record.state == "stopping":
                self._stopped = self._stopped or "stopped"
            with suppress(StoreError):  # not now: the store is locked, or the disk is full
                sweeps.note_seconds(self._writer.store, self.uid, self._seconds())
        if self._is_over():
            self._interrupt()

    def _interrupt(self) -> None:
        for live in self._live.values():
            live.control.stop(INTERRUPTED)
        self._changed.notify_all()

    def _is_over(self) -> bool:
        """True if no trial may begin, and those that train are to be interrupted."""
        left = self._seconds_left()
        return self._stopped is not None or (left is not None and left <= 0) or self._error is not None

    def _seconds(self) -> float:
        """How long the sweep has searched, over all its starts."""
        return self._spent + self._clock() - self._began - self._waited

    def _seconds_left(self) -> float | None:
        """Seconds left of the budget; None if it has no such bound."""
        if self.budget.seconds is None or self._only is not None:
            return None
        return self.budget.seconds - self._seconds()

    def _to_trial(self, live: RunningTrial, state: str, error: str | None = None) -> Trial:
        return live.to_trial(state, self.recipe.objective, now=self._clock(), error=error)


def _ignore_trial(trial: Trial) -> None:
    """The listener if none was given."""
