"""The thread of a worker process that sends events to its parent process and writes checkpoint files."""

import queue
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

from fitdash.errors import StoreError
from fitdash.runs.checkpoints.file_queue import FileQueue
from fitdash.runs.protocol.events import CheckpointTaken, Event, PredictionsTaken
from fitdash.runs.protocol.messages import to_line
from fitdash.runs.protocol.paths import home

SENDS_PER_SECOND = 20
RETRY_SECONDS = 0.5

Item = Event | Mapping[str, Any] | threading.Event


class Outbox:
    """As `Writer`, with a pipe in place of the store: sends the queued events, at most 20 times a second.

    Checkpoints and predictions become files here, after the events before them were sent.

    Args:
        pipe: Takes the lines.
    """

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._copies = FileQueue(home())
        self._trouble: str | None = None
        self._hurry = threading.Event()
        self._queue: queue.SimpleQueue[Item] = queue.SimpleQueue()
        # Bound once: this is called in the training thread.
        self.put = self._queue.put
        threading.Thread(target=self._work, name="fitdash-outbox", daemon=True).start()

    def say(self, message: Mapping[str, Any]) -> None:
        """Send a message without delay, after everything put so far."""
        self._queue.put(message)
        self._hurry.set()

    def flush(self, timeout: float) -> bool:
        """Wait until everything put so far is sent or written; False if that took longer than `timeout` seconds."""
        mark = threading.Event()
        self._queue.put(mark)
        self._hurry.set()
        return mark.wait(timeout)

    def _work(self) -> None:
        marks: list[threading.Event] = []
        last = -1.0
        while True:
            items = self._take_from_queue(last)
            marks += [item for item in items if isinstance(item, threading.Event)]
            for copy in items:
                if isinstance(copy, (CheckpointTaken, PredictionsTaken)):
                    self._copies.add(copy)
            self._send(
                [item for item in items if not isinstance(item, (CheckpointTaken, PredictionsTaken, threading.Event))]
            )
            self._save(hurry=bool(marks))
            last = time.monotonic()
            if not (marks and self._copies):
                for mark in marks:
                    mark.set()
                marks.clear()

    def _take_from_queue(self, last: float) -> list[Item]:
        """The items in the queue, once it has one and 50 ms have passed since the last sending, or `say` was called."""
        taken: list[Item] = []
        with suppress(queue.Empty):
            taken.append(self._queue.get(timeout=RETRY_SECONDS if self._copies else None))
        self._hurry.wait(max(0.0, last + 1 / SENDS_PER_SECOND - time.monotonic()))
        self._hurry.clear()
        while not self._queue.empty():
            taken.append(self._queue.get())
        return taken

    def _send(self, items: list[Any]) -> None:
        # Where the parent process is gone, the end of the input ends this process.
        with suppress(OSError, ValueError):
            self._pipe.write(b"".join(map(to_line, items)))
            self._pipe.flush()

    def _save(self, *, hurry: bool) -> None:
        trouble = None
        try:
            self._copies.write(hurry=hurry)
        except StoreError as error:
            trouble = str(error)
        if trouble != self._trouble:
            self._trouble = trouble
            self._send([{"is": "trouble", "why": trouble}])
