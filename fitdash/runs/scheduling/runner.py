"""Trains runs in the background: one in a thread of this process, others in worker processes; the rest wait in turn."""

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
from fitdash.runs.scheduling.worker_pool import WorkerPool

Job = Callable[[Recorder, Control], None]

# With the writer's timeout, below the 5 seconds after which a process that was asked to end is killed.
SHUTDOWN_SECONDS = 2.5
WORKERS_SECONDS = 0.3
FLUSH_SECONDS = 2.0
KEPT_SECONDS = 1.0


def new_uid() -> str:
    """A uid for a new run, which cannot be guessed."""
    return secrets.token_hex(8)


class Run:
    """One run of this process: queued, training, or over.

    Attributes:
        uid: Its key in the store.
        control: Its control, for any thread.
        owner: The visitor whose run it is; None where runs have no owners.
        state: As in the store, but up to date before the writer thread commits.
        stopped_as: The state in which it ends if its job raises nothing.
        thread: Trains it, or waits for the worker process that does.
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
        """Pause after the current batch; a queued run pauses before its first batch."""
        self.control.pause()

    def resume(self) -> None:
        """Go on after a pause."""
        self.control.resume()

    def step(self, *, batches: int = 0, epochs: int = 0) -> None:
        """Go on for this many batches, or until this many epochs have ended, then pause; see `Control.step`."""
        self.control.step(batches=batches, epochs=epochs)

    def change(self, **settings: Any) -> None:
        """Change live settings from the next batch on; see `Control.change`."""
        self.control.change(**settings)

    def stop(self) -> None:
        """End the run: after the current batch if it trains, at once if it is queued. Its record stays."""
        self._runner.stop(self)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the run is over; False if that took longer than `timeout` seconds."""
        return self._over.wait(timeout)


class Runner:
    """Runs `job(recorder, control)` in a thread, one at a time, and knows nothing of models.

    torch has one random generator a process: two runs that train at once would draw each other's numbers. Further runs
    train in workers, if they came with an `order`. Where several owners wait they take turns.

    Args:
        writer: Writes the events of the runs to the store.
        workers: Worker processes beside the thread; None: one run at a time. They end with the runner.
        most_waiting: Bound on the number of waiting runs; None: no bound.
        most_waiting_each: Bound on the waiting runs of one owner; None: no bound.
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
        """Train a new run when its turn comes.

        Args:
            job: Trains with this recorder and control; returns when training is over.
            experiment: The experiment as plain values, stored with the run.
            owner: The visitor whose run it is.
            parent: uid of the run from whose weights it starts.
            order: The same as `job` for a worker process; without it the run waits for the thread.

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
            job: Trains on from the last checkpoint.
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
        """The run if it is queued or trains in this process; None if it is over or belongs to another process."""
        with self._lock:
            return next((run for run in self.active() if run.uid == uid), None)

    def active(self) -> list[Run]:
        """The runs that train, then the waiting runs in their order."""
        with self._lock:
            return [*self._training(), *self.waiting()]

    def waiting(self) -> list[Run]:
        """The waiting runs in the order in which they would train from now on."""
        with self._lock:
            return order_round_robin(self._waiting, [run.owner for run in self._waiting], self._served)

    def put_first(self, run: Run) -> None:
        """Let a waiting run be the next of its owner; the turns of other owners stay."""
        with self._lock:
            if run in self._waiting:
                self._waiting.remove(run)
                self._waiting.insert(0, run)

    def stop(self, run: Run) -> None:
        """End this run; see `Run.stop`."""
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
        """Interrupt all queued and training runs, and wait up to `timeout` seconds. May be called more than once."""
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
        """Refuse a run that would have to wait where too many wait, or after the shutdown.

        Raises:
            StoreError: as `submit`.
        """
        if self._is_closed:
            raise StoreError("The runner must be open to train, got a run after it was shut down.")
        if not self._waiting and (self._here is None or self._may_go_away(run)):
            return
        of_owner = sum(other.owner == run.owner for other in self._waiting)
        for count, most, whose in (
            (len(self._waiting), self._most_waiting, "Runs"),
            (of_owner, self._most_waiting_each, "Your runs"),
        ):
            if most is not None and count >= most:
                raise StoreError(f"{whose} that wait must be at most {most}, got one more. Cancel one, or come back.")

    def _may_go_away(self, run: Run) -> bool:
        """True if a worker would train it at once."""
        workers = self._workers
        has_order = run._order is not None
        return has_order and workers is not None and len(self._away) < workers.most and workers.has_room

    def _training(self) -> list[Run]:
        return [*([self._here] if self._here else []), *self._away]

    def _start_next(self) -> None:
        """Start the runs that can start now: the next one in the thread, others in workers."""
        with self._lock:
            for run in self.waiting():
                if self._here is None:
                    self._here = run
                    self._start(run, run._job)
                elif self._may_go_away(run) and run._order is not None and self._workers is not None:
                    self._away.append(run)
                    self._start(run, partial(_train_in_worker, self._workers, run._order))

    def _start(self, run: Run, job: Job) -> None:
        self._waiting.remove(run)
        self._served = [owner for owner in self._served if owner != run.owner] + [run.owner]
        self._change(run, Changed(uid=run.uid, state="running"))
        run.thread = threading.Thread(target=self._train, args=[run, job], name=f"fitdash-{run.uid}", daemon=True)
        run.thread.start()

    def _train(self, run: Run, job: Job) -> None:
        recorder = Recorder(run.uid, self.writer.put)
        run.control.listen(partial(self._note_pause, run))
        end = None
        try:
            job(recorder, run.control)
        except BaseException as error:
            end = failure_event(run.uid, error)
        recorder.console.end()
        # A thread that sees that the run is over then finds its last checkpoint.
        self.writer.flush(KEPT_SECONDS)
        with self._lock:
            if run is self._here:
                self._here = None
            else:
                self._away.remove(run)
            self._end(run, end or Changed(uid=run.uid, state=run.stopped_as))
            self._start_next()

    def _note_pause(self, run: Run, is_standing: bool) -> None:
        """A pause of the run begins or ends."""
        with self._lock:
            if run.state in ("running", "paused"):
                self._change(run, Changed(uid=run.uid, state="paused" if is_standing else "running"))

    def _end(self, run: Run, end: Changed) -> None:
        if not run._over.is_set():
            self._change(run, end)
            run._job, run._order = _do_nothing, None
            run._over.set()

    def _change(self, run: Run, change: Changed) -> None:
        run.state = change.state
        self.writer.put(change)


def _train_in_worker(workers: WorkerPool, order: JobSpec, recorder: Recorder, control: Control) -> None:
    """The job of a run that a worker trains: returns when the worker is done."""
    workers.train(order, recorder.uid, recorder.put, control)


def _do_nothing(recorder: Recorder, control: Control) -> None:
    """Replaces the job of a run that is over, so that its data can be freed."""
