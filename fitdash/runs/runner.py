"""Trains in the background, one run after the other."""

import atexit
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from fitdash.errors import StoreError
from fitdash.runs.claim import claim
from fitdash.runs.endings import failure
from fitdash.runs.events import Changed, Created
from fitdash.runs.recorder import Recorder
from fitdash.runs.steering import Control, Pace
from fitdash.runs.writer import Writer

Job = Callable[[Recorder, Control], None]

# With the writer's, below the 5 seconds that a process that is told to end may take.
SHUTDOWN_SECONDS = 2.5
FLUSH_SECONDS = 2.0


def new_uid() -> str:
    """A name for a run that nobody guesses."""
    return secrets.token_hex(8)


class Run:
    """One execution that was asked for in this process: queued, training, or over.

    Attributes:
        uid: Its name in the store.
        control: What is wanted of it.
        state: As in the store, known here at once.
        stopped_as: The state that it ends in if its job raises nothing.
    """

    def __init__(self, uid: str, job: Job, control: Control, runner: "Runner") -> None:
        self.uid = uid
        self.control = control
        self.state = "queued"
        self.thread: threading.Thread | None = None
        self.stopped_as = "finished"
        self._job = job
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

    torch has one random generator a process: what trains beside another draws other numbers.

    Args:
        writer: Keeps what happens.
    """

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self._lock = threading.RLock()
        self._waiting: list[Run] = []
        self._current: Run | None = None
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
    ) -> Run:
        """Train this when its turn comes.

        Args:
            job: Trains, telling the recorder and obeying the control; returns when it is done.
            experiment: The recipe, kept with the run.
            parent: uid of the run that this one goes on from.

        Raises:
            StoreError: the runner was shut down.
        """
        run = Run(new_uid(), job, Control(pace), self)
        with self._lock:
            if self._is_closed:
                raise StoreError("The runner must be open to train, got a run after it was shut down.")
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

    def resume(self, uid: str, job: Job, *, pace: Pace = "full") -> Run:
        """Go on with a run that was stopped, interrupted or failed, under the same uid, when its turn comes.

        Args:
            uid: The run.
            job: Goes on from where it was.

        Raises:
            StoreError: the run cannot go on, or the runner was shut down.
        """
        run = Run(uid, job, Control(pace), self)
        with self._lock:
            if self._is_closed:
                raise StoreError("The runner must be open to train, got a run after it was shut down.")
            self.writer.flush(FLUSH_SECONDS)
            claim(self.writer.store, uid, self.writer.uid)
            self._waiting.append(run)
            self._start_next()
        return run

    def find(self, uid: str) -> Run | None:
        """The run of this process that is queued or trains, None where it is over or somebody else's."""
        with self._lock:
            return next((run for run in self.active() if run.uid == uid), None)

    def active(self) -> list[Run]:
        """The run that trains and those that wait, in their order."""
        with self._lock:
            return [*([self._current] if self._current else []), *self._waiting]

    def stop(self, run: Run) -> None:
        """End this run, see `Run.stop`."""
        with self._lock:
            if run.control.stop_is_wanted:
                return
            run.stopped_as = "interrupted" if self._is_closed else "stopped"
            if run in self._waiting:
                self._waiting.remove(run)
                self._end(run, Changed(uid=run.uid, state=run.stopped_as))
            elif run is self._current:
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

    def _start_next(self) -> None:
        with self._lock:
            if self._current is None and self._waiting:
                run = self._current = self._waiting.pop(0)
                self._change(run, Changed(uid=run.uid, state="running"))
                run.thread = threading.Thread(target=self._train, args=[run], name=f"fitdash-{run.uid}", daemon=True)
                run.thread.start()

    def _train(self, run: Run) -> None:
        recorder = Recorder(run.uid, self.writer.put)
        run.control.listen(partial(self._stands, run))
        end = None
        try:
            run._job(recorder, run.control)
        except BaseException as error:
            end = failure(run.uid, error)
        recorder.console.end()
        with self._lock:
            self._current = None
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
            run._job = _nothing
            run._over.set()

    def _change(self, run: Run, change: Changed) -> None:
        run.state = change.state
        self.writer.put(change)


def _nothing(recorder: Recorder, control: Control) -> None:
    """What is left of a job that is over, so that its data can be freed."""
