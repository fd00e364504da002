"""Processes that train for this one, so that several runs can be on and each draws its own random numbers."""

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from fitdash.errors import StoreError
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.events import BatchEnded, Changed, EpochEnded, Event
from fitdash.runs.protocol.messages import JobSpec, event_of, from_line, to_line
from fitdash.runs.scheduling.child_environment import child_environment
from fitdash.runs.scheduling.failures import RunEndedElsewhere
from fitdash.runs.scheduling.free_memory import free_bytes

# torch and a small network; another process is started only where as much again is left over.
WORKER_BYTES = 500_000_000
# A process that has nothing to do is kept this long, so that the next run begins at once.
IDLE_SECONDS = 300.0
LEAVE_SECONDS = 2.0
WAIT_SECONDS = 0.5
LAST_WORDS = 40


class Worker:
    """One process, `python -m fitdash.jobs.worker`, that trains one run after the other.

    It writes the checkpoints of its runs itself; everything else it tells. It ends with this process.

    Args:
        note_trouble: Called with why checkpoints wait in its memory, and with None when they no longer do.

    Attributes:
        runs: How many it was given so far.
    """

    def __init__(self, note_trouble: Callable[[str | None], None] | None = None) -> None:
        self.runs = 0
        self._note_trouble = note_trouble or (lambda why: None)
        self._sending = threading.Lock()
        self._said: deque[str] = deque(maxlen=LAST_WORDS)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fitdash.jobs.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=child_environment(),
            # Ctrl-C in a terminal goes to this process, which then tells the worker.
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, name="fitdash-worker-says", daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def train(self, order: JobSpec, uid: str, put: Callable[[Event], None], control: Control) -> None:
        """Train a run there; returns when it is over.

        Args:
            order: What to train.
            uid: The run.
            put: Takes what happens to it, in this thread: `Writer.put`.
            control: Its wishes are heeded there, after the batch at hand.

        Raises:
            Ended: it did not end by itself or by a stop that `control` was told of.
        """
        is_over = False
        self.runs += 1
        self._send({"do": "start", "uid": uid, "order": order})
        control.relay(self._send)
        try:
            for message in self._messages():
                match message["is"]:
                    case "event":
                        _hand_on(event_of(message), put, control)
                    case "stands":
                        control.stand(message["stands"])
                    case "trouble":
                        self._note_trouble(message["why"])
                    case "over":
                        is_over = True
                        _check(uid, message, control)
                        return
        finally:
            control.relay(None)
            if not is_over:
                self.close()
        raise RunEndedElsewhere(
            Changed(uid=uid, state="interrupted", error=self._why(), traceback="\n".join(self._said) or None)
        )

    def close(self, timeout: float = LEAVE_SECONDS) -> None:
        """Let it end, a run in it interrupted, and wait; what takes longer than `timeout` seconds is killed."""
        self._send({"do": "exit"})
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join(timeout)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(OSError, ValueError):  # somebody may read it, or what was to be sent cannot be
                if pipe is not None:
                    pipe.close()

    def _send(self, message: Mapping[str, Any]) -> None:
        """Tell it something; that it has died is seen by who listens."""
        with self._sending, suppress(OSError, ValueError):
            assert self._process.stdin is not None
            self._process.stdin.write(to_line(message))
            self._process.stdin.flush()

    def _messages(self) -> Iterator[dict[str, Any]]:
        """What it tells, until it has ended."""
        assert self._process.stdout is not None
        with suppress(ValueError):  # closed by another thread: nobody wants to hear more
            for line in self._process.stdout:
                if line.endswith(b"\n"):  # the last words of one that was killed may be half a line
                    yield from_line(line)
        self._note_trouble(None)

    def _listen(self) -> None:
        """Keep what it says beside its messages: the last words of a process that dies tell why."""
        with suppress(OSError, ValueError):
            assert self._process.stderr is not None
            for line in self._process.stderr:
                self._said.append(line.decode("utf-8", "replace").rstrip("\n"))

    def _why(self) -> str:
        status = self._process.poll()
        how = f"exit status {status}" if status is None or status >= 0 else _name_of_signal(-status)
        return f"The process that trained this run must live until it is over, got its end ({how}). Resume the run."


class WorkerPool:
    """As many processes as may train at once, started when they are needed and kept warm.

    Args:
        most: Bound on their number; default: one less than the cores that are left beside this process, at least 1.
        note_trouble: Takes the name of a worker and why its checkpoints wait, None when they no longer do.
        free: Bytes of memory that are free, None where nobody knows.
    """

    def __init__(
        self,
        most: int | None = None,
        *,
        note_trouble: Callable[[str, str | None], None] | None = None,
        free: Callable[[], int | None] = free_bytes,
    ) -> None:
        self.most = max(1, available_cores() - 1) if most is None else most
        self._tell_trouble = note_trouble or (lambda name, why: None)
        self._free = free
        self._changed = threading.Condition()
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []
        self._is_closed = False

    @property
    def has_room(self) -> bool:
        """A run would be trained at once."""
        with self._changed:
            return not self._is_closed and (bool(self._idle) or self._may_start())

    def train(self, order: JobSpec, uid: str, put: Callable[[Event], None], control: Control) -> None:
        """Train a run as soon as there is room; returns when it is over, or was stopped before it began.

        Raises:
            Ended: as `Worker.train`.
            StoreError: the workers were closed.
        """
        worker = self._take(control)
        if worker is None:
            return
        try:
            worker.train(order, uid, put, control)
        finally:
            self._give_back(worker)

    def close(self, timeout: float = LEAVE_SECONDS) -> None:
        """End all of them, what they train interrupted. More than once is fine."""
        with self._changed:
            self._is_closed = True
            workers, self._idle = [*self._idle, *self._busy], []
            self._changed.notify_all()
        threads = [threading.Thread(target=worker.close, args=[timeout]) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _take(self, control: Control) -> Worker | None:
        with self._changed:
            while not control.stop_is_wanted:
                if self._is_closed:
                    raise StoreError("The workers must be open to train, got a run after they were closed.")
                while self._idle:
                    worker = self._idle.pop()
                    if worker.is_alive:
                        self._busy.append(worker)
                        return worker
                if self._may_start():
                    worker = self._started()
                    self._busy.append(worker)
                    return worker
                self._changed.wait(WAIT_SECONDS)
        return None

    def _started(self) -> Worker:
        name = f"worker {len(self._busy)}"
        return Worker(lambda why: self._tell_trouble(name, why))

    def _give_back(self, worker: Worker) -> None:
        with self._changed:
            self._busy.remove(worker)
            if worker.is_alive and not self._is_closed:
                self._idle.append(worker)
                timer = threading.Timer(IDLE_SECONDS, self._let_go, [worker, worker.runs])
                timer.daemon = True
                timer.start()
            self._changed.notify_all()

    def _let_go(self, worker: Worker, runs: int) -> None:
        """End a worker that was given nothing since it had trained so many runs."""
        with self._changed:
            if worker not in self._idle or worker.runs != runs:
                return
            self._idle.remove(worker)
        worker.close()

    def _may_start(self) -> bool:
        """There is room for another process. One is always allowed: nothing would ever begin otherwise."""
        count = len(self._busy) + len(self._idle)
        free = self._free()
        return count < self.most and (count == 0 or free is None or free >= 2 * WORKER_BYTES)


def available_cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _hand_on(event: Event, put: Callable[[Event], None], control: Control) -> None:
    if isinstance(event, EpochEnded):
        control.epoch = event.epoch + 1
    elif isinstance(event, BatchEnded):
        control.epoch = event.epoch
    put(event)


def _check(uid: str, over: Mapping[str, Any], control: Control) -> None:
    """How the run ended there; raises where that was not asked for here."""
    if over["error"] is not None:
        raise RunEndedElsewhere(Changed(uid=uid, state="failed", error=over["error"], traceback=over["traceback"]))
    if over["stopped_by"] is not None and not control.stop_is_wanted:
        told = "The process that trained this run was told to end. Resume the run."
        raise RunEndedElsewhere(Changed(uid=uid, state="interrupted", error=told))


def _name_of_signal(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
