"""Trains in the background: one run in a thread, others where there are workers, the rest in turn."""

import atexit
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from fitdash.errors import StoreError
from fitdash.runs.callbacks.recorder import Recorder
from fitdash.runs.protocol.control import Control, Pace
from fitdash.runs.protocol.events import Changed, Created
from fitdash.runs.protocol.messages import JobSpec
from fitdash.runs.record.claim import claim_run
from fitdash.runs.record.writer import Writer
from fitdash.runs.scheduling.failures import failure_event
from fitdash.runs.scheduling.round_robin import order_round_robin
from fitdash.runs.scheduling.workers import WorkerPool

Job = Callable[[Recorder, Control], None]

# With the writer's, below the 5 seconds that a process that is told to end may take.
SHUTDOWN_SECONDS = 2.5
WORKERS_SECONDS = 0.3
FLUSH_SECONDS = 2.0
KEPT_SECONDS = 1.0


def new_uid() -> str:
    """A name for a run that nobody guesses."""
    return secrets.token_hex(8)


class Run:
    """One execution that was asked for in this process: queued, training, or over.

    Attributes:
        uid: Its name in the store.
        control: What is wanted of it.
        owner: Whose it is, None where everybody's are the same.
        state: As in the store, known here at once.
        stopped_as: The state that it ends in if its job raises nothing.
        thread: Trains it, or waits for the worker that does.
    """

    def __init__(
        self, uid: str, job: Job, control: Control, runner: "Runner", *, owner: str | None, order: JobSpec | None
    ) -> None:
        self.uid = uid
        self.control = control
        self.owner = owner
        self.state = "queued"
        self.thread: threading.Thread | None = None
        self.stopped_as = "finished"
        self._job = job
        self._order = order
        self._runner = runner
        self._over = threading.Event()

    def pause(self) -> None:
        """Stand still after the batch at hand; a queued run does so before its first one."""
        self.control.pause()

    def resume(self) -> None:
        """Go on after a pause."""
        self.control.resume()

    def step(self, *, batches: int = 0, epochs: int = 0) -> None:
        """Go on for so many batches, or until so many epochs have ended, then pause; see `Control.step`."""
        self.control.step(batches=batches, epochs=epochs)

    def change(self, **settings: Any) -> None:
        """Change settings that are declared live, from the next batch on; see `Control.change`."""
        self.control.change(**settings)

    def stop(self) -> None:
        """End it: within one batch if it trains, at once if it is queued. What was recorded stays."""
        self._runner.stop(self)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until it is over; False if that took longer than `timeout` seconds."""
        return self._over.wait(timeout)


class Runner:
    """Runs `job(recorder, control)` in a thread of its own, one at a time, and knows no model.

    torch has one random generator a process: what trains beside another draws other numbers. More at once need
    workers, which train what came with an order. Where several owners wait they take turns.

    Args:
        writer: Keeps what happens.
        workers: Processes that train beside the thread; None: one run at a time. They end with the runner.
        most_waiting: Bound on the runs that wait; None: no bound.
        most_waiting_each: Bound on those of one owner.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        workers: WorkerPool | None = None,
        most_waiting: int | None = None,
        most_waiting_each: int | None = None,
    ) -> None:
        self.writer = writer
        self._workers = workers
        self._most_waiting, self._most_waiting_each = most_waiting, most_waiting_each
        self._lock = threading.RLock()
        self._waiting: list[Run] = []
        self._here: Run | None = None
        self._away: list[Run] = []
        self._served: list[str | None] = []
        self._is_closed = False
        atexit.register(self.shutdown)

    def submit(
        self,
        job: Job,
        *,
        experiment: Mapping[str, Any],
        name: str = "",
        pace: Pace = "full",
        owner: str | None = None,
        parent: str | None = None,
        order: JobSpec | None = None,
    ) -> Run:
        """Train this when its turn comes.

        Args:
            job: Trains, telling the recorder and obeying the control; returns when it is done.
            experiment: The recipe, kept with the run.
            owner: Whose run it is.
            parent: uid of the run that this one goes on from.
            order: The same as `job` for a worker; without it the run waits for the thread.

        Raises:
            StoreError: the runner was shut down, or too many runs wait.
        """
        run = Run(new_uid(), job, Control(pace), self, owner=owner, order=order)
        with self._lock:
            self._check_room(run)
            self.writer.put(
                Created(
                    uid=run.uid,
                    name=name,
                    experiment=experiment,
                    writer=self.writer.uid,
                    owner=owner,
                    parent=parent,
                )
            )
            self._waiting.append(run)
            self._start_next()
        return run

    def resume(
        self, uid: str, job: Job, *, pace: Pace = "full", owner: str | None = None, order: JobSpec | None = None
    ) -> Run:
        """Go on with a run that was stopped, interrupted or failed, under the same uid, when its turn comes.

        Args:
            uid: The run.
            job: Goes on from where it was.
            owner, order: As `submit` takes them.

        Raises:
            StoreError: the run cannot go on, the runner was shut down, or too many runs wait.
        """
        run = Run(uid, job, Control(pace), self, owner=owner, order=order)
        with self._lock:
            self._check_room(run)
            self.writer.flush(FLUSH_SECONDS)
            claim_run(self.writer.store, uid, self.writer.uid)
            self._waiting.append(run)
            self._start_next()
        return run

    def find(self, uid: str) -> Run | None:
        """The run of this process that is queued or trains, None where it is over or somebody else's."""
        with self._lock:
            return next((run for run in self.active() if run.uid == uid), None)

    def active(self) -> list[Run]:
        """The runs that train and those that wait, in their order."""
        with self._lock:
            return [*self._training(), *self.waiting()]

    def waiting(self) -> list[Run]:
        """The runs that wait, in the order in which they would train as things are now."""
        with self._lock:
            return order_round_robin(self._waiting, [run.owner for run in self._waiting], self._served)

    def put_first(self, run: Run) -> None:
        """Let a run that waits be the next one of its owner; the turns of others stay."""
        with self._lock:
            if run in self._waiting:
                self._waiting.remove(run)
                self._waiting.insert(0, run)

    def stop(self, run: Run) -> None:
        """End this run, see `Run.stop`."""
        with self._lock:
            if run.control.stop_is_wanted:
                return
            run.stopped_as = "interrupted" if self._is_closed else "stopped"
            if run in self._waiting:
                self._waiting.remove(run)
                self._end(run, Changed(uid=run.uid, state=run.stopped_as))
            elif run in self._training():
                self._change(run, Changed(uid=run.uid, state="stopping"))
            run.control.stop("interrupted" if self._is_closed else "stop_run")

    def shutdown(self, timeout: float = SHUTDOWN_SECONDS) -> None:
        """Interrupt what is queued and what trains, and wait for it up to `timeout` seconds. More than once is fine."""
        with self._lock:
            self._is_closed = True
            runs = self.active()
            for run in runs:
                self.stop(run)
        atexit.unregister(self.shutdown)
        until = time.monotonic() + timeout
        for run in runs:
            if not run.join(max(0.0, until - time.monotonic())):
                self._end(run, Changed(uid=run.uid, state="interrupted"))
        if self._workers is not None:
            self._workers.close(WORKERS_SECONDS)

    def _check_room(self, run: Run) -> None:
        """Refuse what cannot wait any more."""
        if self._is_closed:
            raise StoreError("The runner must be open to train, got a run after it was shut down.")
        if not self._waiting and (self._here is None or self._may_go_away(run)):
            return
        its = sum(other.owner == run.owner for other in self._waiting)
        for count, most, whose in (
            (len(self._waiting), self._most_waiting, "Runs"),
            (its, self._most_waiting_each, "Your runs"),
        ):
            if most is not None and count >= most:
                raise StoreError(f"{whose} that wait must be at most {most}, got one more. Cancel one, or come back.")

    def _may_go_away(self, run: Run) -> bool:
        """A worker would train it at once."""
        workers = self._workers
        is_ordered = run._order is not None
        return is_ordered and workers is not None and len(self._away) < workers.most and workers.has_room

    def _training(self) -> list[Run]:
        return [*([self._here] if self._here else []), *self._away]

    def _start_next(self) -> None:
        """Start what can start now: the next one in the thread, others in workers."""
        with self._lock:
            for run in self.waiting():
                if self._here is None:
                    self._here = run
                    self._start(run, run._job)
                elif self._may_go_away(run) and run._order is not None and self._workers is not None:
                    self._away.append(run)
                    self._start(run, partial(_away, self._workers, run._order))

    def _start(self, run: Run, job: Job) -> None:
        self._waiting.remove(run)
        self._served = [owner for owner in self._served if owner != run.owner] + [run.owner]
        self._change(run, Changed(uid=run.uid, state="running"))
        run.thread = threading.Thread(target=self._train, args=[run, job], name=f"fitdash-{run.uid}", daemon=True)
        run.thread.start()

    def _train(self, run: Run, job: Job) -> None:
        recorder = Recorder(run.uid, self.writer.put)
        run.control.listen(partial(self._stands, run))
        end = None
        try:
            job(recorder, run.control)
        except BaseException as error:
            end = failure_event(run.uid, error)
        recorder.console.end()
        # Whoever sees that it is over finds what it can go on from.
        self.writer.flush(KEPT_SECONDS)
        with self._lock:
            if run is self._here:
                self._here = None
            else:
                self._away.remove(run)
            self._end(run, end or Changed(uid=run.uid, state=run.stopped_as))
            self._start_next()

    def _stands(self, run: Run, is_standing: bool) -> None:
        """It begins or ceases to stand still in a pause."""
        with self._lock:
            if run.state in ("running", "paused"):
                self._change(run, Changed(uid=run.uid, state="paused" if is_standing else "running"))

    def _end(self, run: Run, end: Changed) -> None:
        if not run._over.is_set():
            self._change(run, end)
            run._job, run._order = _nothing, None
            run._over.set()

    def _change(self, run: Run, change: Changed) -> None:
        run.state = change.state
        self.writer.put(change)


def _away(workers: WorkerPool, order: JobSpec, recorder: Recorder, control: Control) -> None:
    """The job of a run that a worker trains."""
    workers.train(order, recorder.uid, recorder.put, control)


def _nothing(recorder: Recorder, control: Control) -> None:
    """What is left of a job that is over, so that its data can be freed."""
