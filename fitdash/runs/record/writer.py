"""The writer thread: the only thread of a process that writes events to the store."""

import atexit
import logging
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from fitdash.errors import StoreError
from fitdash.runs.checkpoints.file_queue import FileQueue
from fitdash.runs.protocol.events import BatchEnded, CheckpointTaken, Event, PredictionsTaken, Printed
from fitdash.runs.record import process_lock
from fitdash.runs.record.store import Store

COMMITS_PER_SECOND = 20
RETRY_SECONDS = 0.5
# Beyond this many waiting events running values and printed lines are dropped; epochs never are.
MOST_WAITING = 100_000
CLOSE_SECONDS = 2.0
DASHBOARD_ROLE = "dashboard-"
"""Role of a process that serves the pages of the dashboard."""


class _Flush:
    """A mark in the queue: everything before it is to be written now; the mark with `is_last` ends the thread."""

    def __init__(self, *, is_last: bool = False) -> None:
        self.done = threading.Event()
        self.is_last = is_last


class Writer:
    """Sleeps on a queue, wakes with the first event and commits the queued events, at most 20 times a second.

    Checkpoints become files, one a second for each run. While the store or a file cannot be written (locked, disk
    full) events and the latest checkpoints wait in memory and `trouble` says why. The process holds a lock as long as
    it lives; runs of a process without a lock are marked interrupted by `Store.reap`.

    Args:
        store: Takes the events.
        role: The kind of process, as the prefix of the writer's uid, which the store keeps with each of its runs.
        clock: Monotonic seconds.
    """

    def __init__(self, store: Store, *, role: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self.store = store
        self.uid = role + secrets.token_hex(8)
        self._troubles: dict[str, str] = {}
        self._copies = FileQueue(store.path.parent, clock=clock)
        self._clock = clock
        self._queue: queue.SimpleQueue[Event | _Flush] = queue.SimpleQueue()
        self._hurry = threading.Event()
        self._lock = process_lock.acquire(store.lock_path(self.uid))
        self._process = os.getpid()
        self._is_closed = False
        # Bound once: this is called in the training thread.
        self.put: Callable[[Event], None] = self._queue.put
        self._thread = threading.Thread(target=self._work, name="fitdash-writer", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def trouble(self) -> str | None:
        """Why events or checkpoints wait in memory; None while nothing waits."""
        return next(iter(list(self._troubles.values())), None)

    def note_trouble(self, what: str, why: str | None) -> None:
        """Set the reason why `what` waits in memory, of this process or of a worker; None if it no longer waits."""
        if why is None:
            self._troubles.pop(what, None)
        else:
            self._troubles[what] = why

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all events put so far are in the store; False if that took longer than `timeout` seconds."""
        if not self._thread.is_alive():
            return False
        mark = _Flush()
        self._queue.put(mark)
        self._hurry.set()
        return mark.done.wait(timeout)

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Write the remaining events, within `timeout` seconds, and end the thread. May be called more than once."""
        if self._is_closed or os.getpid() != self._process:
            return
        self._is_closed = True
        atexit.unregister(self.close)
        self._queue.put(_Flush(is_last=True))
        self._hurry.set()
        self._thread.join(timeout)
        process_lock.release(self._lock)

    def _work(self) -> None:
        waiting: list[Event] = []
        marks: list[_Flush] = []
        last = -1.0
        while True:
            for item in self._take_from_queue(last, retry=bool(waiting or self._copies)):
                if isinstance(item, _Flush):
                    marks.append(item)
                elif isinstance(item, (CheckpointTaken, PredictionsTaken)):
                    self._copies.add(item)
                else:
                    waiting.append(item)
            waiting = self._write_events(waiting)
            self._save(hurry=bool(marks))
            last = self._clock()
            if waiting or (marks and self._copies):
                continue
            for mark in marks:
                mark.done.set()
            if any(mark.is_last for mark in marks):
                return
            marks.clear()

    def _take_from_queue(self, last: float, *, retry: bool) -> list[Event | _Flush]:
        """The items in the queue, once it has one and the last commit is 50 ms ago or `flush` was called."""
        taken = []
        with suppress(queue.Empty):
            taken.append(self._queue.get(timeout=RETRY_SECONDS if retry else None))
        self._hurry.wait(max(0.0, last + 1 / COMMITS_PER_SECOND - self._clock()))
        self._hurry.clear()
        while not self._queue.empty():
            taken.append(self._queue.get())
        return taken

    def _write_events(self, events: list[Event]) -> list[Event]:
        """Write the events; returns those that have to wait."""
        if not events:
            return []
        try:
            self.store.write(events)
        except StoreError as error:
            self.note_trouble("store", str(error))
            return drop_surplus_events(events)
        except Exception as error:
            if len(events) > 1:
                # One of the events cannot be stored: write each alone, so that the others are not lost with it.
                return [late for event in events for late in self._write_events([event])]
            logging.getLogger(__name__).error("%r cannot be kept: %s", events[0], error)
        self.note_trouble("store", None)
        return []

    def _save(self, *, hurry: bool) -> None:
        """Write the checkpoints that are due; those that cannot be written wait."""
        try:
            self._copies.write(hurry=hurry)
        except StoreError as error:
            self.note_trouble("checkpoints", str(error))
        else:
            self.note_trouble("checkpoints", None)


def drop_surplus_events(events: list[Event], most: int = MOST_WAITING) -> list[Event]:
    """The events without running values, then also without printed lines, if there are more than `most`."""
    for kind in (BatchEnded, Printed):
        events = events if len(events) <= most else [event for event in events if not isinstance(event, kind)]
    return events
