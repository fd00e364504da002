"""Worker processes, so that several runs train at once and each draws its own random numbers."""

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

# Memory of torch and a small network; another process is started only where twice as much is free.
WORKER_BYTES = 500_000_000
# An idle process is kept this long, so that the next run begins at once.
IDLE_SECONDS = 300.0
LEAVE_SECONDS = 2.0
WAIT_SECONDS = 0.5
LAST_WORDS = 40


class Worker:
    """One process, `python -m fitdash.jobs.worker`, that trains one run after the other.

    It writes the checkpoints of its runs itself and sends all other events. It ends with this process.

    Args:
        note_trouble: Called with the reason why checkpoints wait in its memory, and with None when they are written.

    Attributes:
        runs: How many runs it was given so far.
    """

    def __init__(self, note_trouble: Callable[[str | None], None] | None = None) -> None:
        self.runs = 0
        self._note_trouble = note_trouble or (lambda why: None)
        self._sending = threading.Lock()
        self._last_lines: deque[str] = deque(maxlen=LAST_WORDS)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fitdash.jobs.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=child_environment(),
            # Ctrl-C in a terminal reaches this process alone, which then stops the worker.
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
        """Train a run in the process; returns when it is over.

        Args:
            order: What to train.
            uid: The run.
            put: Takes the events of the run, in the calling thread: `Writer.put`.
            control: The worker heeds its wishes after the current batch.

        Raises:
            RunEndedElsewhere: the run failed, or it was cut off without a stop by `control`.
        """
        is_over = False
        self.runs += 1
        self._send({"do": "start", "uid": uid, "order": order})
        control.relay(self._send)
        try:
            for message in self._messages():
                match message["is"]:
                    case "event":
                        _forward_event(event_of(message), put, control)
                    case "stands":
                        control.stand(message["stands"])
                    case "trouble":
                        self._note_trouble(message["why"])
                    case "over":
                        is_over = True
                        _check_end(uid, message, control)
                        return
        finally:
            control.relay(None)
            if not is_over:
                self.close()
        raise RunEndedElsewhere(
            Changed(
                uid=uid, state="interrupted", error=self._end_reason(), traceback="\n".join(self._last_lines) or None
            )
        )

    def close(self, timeout: float = LEAVE_SECONDS) -> None:
        """End the process and wait; its run is interrupted. After `timeout` seconds it is killed."""
        self._send({"do": "exit"})
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join(timeout)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(OSError, ValueError):  # a thread may read it, or its buffer cannot be flushed
                if pipe is not None:
                    pipe.close()

    def _send(self, message: Mapping[str, Any]) -> None:
        """Send a message; that the process has died is noticed by `_messages`."""
        with self._sending, suppress(OSError, ValueError):
            assert self._process.stdin is not None
            self._process.stdin.write(to_line(message))
            self._process.stdin.flush()

    def _messages(self) -> Iterator[dict[str, Any]]:
        """The messages of the process, until it has ended."""
        assert self._process.stdout is not None
        with suppress(ValueError):  # closed by another thread, which ends the worker
            for line in self._process.stdout:
                if line.endswith(b"\n"):  # a process that is killed may leave half a line
                    yield from_line(line)
        self._note_trouble(None)

    def _listen(self) -> None:
        """Keep the last lines of its standard error: they say why a process died."""
        with suppress(OSError, ValueError):
            assert self._process.stderr is not None
            for line in self._process.stderr:
                self._last_lines.append(line.decode("utf-8", "replace").rstrip("\n"))

    def _end_reason(self) -> str:
        status = self._process.poll()
        how = f"exit status {status}" if status is None or status >= 0 else _name_of_signal(-status)
        return f"The process that trained this run must live until it is over, got its end ({how}). Resume the run."


class WorkerPool:
    """Worker processes, started when they are needed and kept for the next runs.

    Args:
        most: Bound on their number; default: one less than the cores that this process may use, at least 1.
        note_trouble: Called with the name of a worker and the reason why its checkpoints wait, None when they are
            written.
        free: Returns the bytes of free memory, None where the system does not say.
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
        """True if a run would begin to train at once."""
        with self._changed:
            return not self._is_closed and (bool(self._idle) or self._may_start())

    def train(self, order: JobSpec, uid: str, put: Callable[[Event], None], control: Control) -> None:
        """Train a run as soon as a worker is free; returns when it is over, or was stopped before it began.

        Raises:
            RunEndedElsewhere: as `Worker.train`.
            StoreError: the workers were closed.
        """
        worker = self._take_worker(control)
        if worker is None:
            return
        try:
            worker.train(order, uid, put, control)
        finally:
            self._give_back(worker)

    def close(self, timeout: float = LEAVE_SECONDS) -> None:
        """End all workers; their runs are interrupted. May be called more than once."""
        with self._changed:
            self._is_closed = True
            workers, self._idle = [*self._idle, *self._busy], []
            self._changed.notify_all()
        threads = [threading.Thread(target=worker.close, args=[timeout]) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _take_worker(self, control: Control) -> Worker | None:
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
                    worker = self._start_worker()
                    self._busy.append(worker)
                    return worker
                self._changed.wait(WAIT_SECONDS)
        return None

    def _start_worker(self) -> Worker:
        name = f"worker {len(self._busy)}"
        return Worker(lambda why: self._tell_trouble(name, why))

    def _give_back(self, worker: Worker) -> None:
        with self._changed:
            self._busy.remove(worker)
            if worker.is_alive and not self._is_closed:
                self._idle.append(worker)
                timer = threading.Timer(IDLE_SECONDS, self._close_idle, [worker, worker.runs])
                timer.daemon = True
                timer.start()
            self._changed.notify_all()

    def _close_idle(self, worker: Worker, runs: int) -> None:
        """End a worker that is idle since it had trained this many runs."""
        with self._changed:
            if worker not in self._idle or worker.runs != runs:
                return
            self._idle.remove(worker)
        worker.close()

    def _may_start(self) -> bool:
        """True if another process may start. The first one always may: otherwise no run would ever begin."""
        count = len(self._busy) + len(self._idle)
        free = self._free()
        return count < self.most and (count == 0 or free is None or free >= 2 * WORKER_BYTES)


def available_cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _forward_event(event: Event, put: Callable[[Event], None], control: Control) -> None:
    if isinstance(event, EpochEnded):
        control.epoch = event.epoch + 1
    elif isinstance(event, BatchEnded):
        control.epoch = event.epoch
    put(event)


def _check_end(uid: str, over: Mapping[str, Any], control: Control) -> None:
    """Raise `RunEndedElsewhere` where the run failed, or ended by a stop that `control` did not wish."""
    if over["error"] is not None:
        raise RunEndedElsewhere(Changed(uid=uid, state="failed", error=over["error"], traceback=over["traceback"]))
    if over["stopped_by"] is not None and not control.stop_is_wanted:
        told = "The process that trained this run was told to end. Resume the run."
        raise RunEndedElsewhere(Changed(uid=uid, state="interrupted", error=told))


def _name_of_signal(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
