"""The callback that turns training into events for the writer thread."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from fitdash.engine.callbacks.base import Callback, Logs, Moment
from fitdash.runs.callbacks.console import Console
from fitdash.runs.protocol.events import BatchEnded, Began, EpochEnded, Event, PartialEpoch, Printed, Told
from fitdash.runs.protocol.json_codec import to_plain

# Seconds between two events with running values; a shorter epoch has none.
BETWEEN_SECONDS = 0.2


class Recorder(Callback):
    """Puts the events of a run on a queue. Its place is at the end of the callbacks, after History.

    Args:
        uid: The run.
        put: Takes an event at once and never fails: `Writer.put`.
        clock: Monotonic seconds, to limit the events within an epoch.

    Attributes:
        console: A text stream; its lines become events of the run.
        known: Entries of `history.events` already in the record, where a run goes on from an earlier epoch; they are
            not put again.
        put: Puts an event of this run on the queue.
    """

    observes_only = True

    def __init__(self, uid: str, put: Callable[[Event], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.uid = uid
        self.known: list[Mapping[str, Any]] = []
        self.put = put
        self.console = Console(lambda line: put(Printed(uid=uid, text=line)))
        self._clock = clock
        self._last_params: Mapping[str, Any] = {}
        self._epoch_began = self._last_shown = 0.0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._put_params()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._put_params()
        self.console.end()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch_began = self._last_shown = self._clock()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        # The number of steps may be known only after the first epoch.
        self._put_params()
        self.put(EpochEnded(uid=self.uid, epoch=epoch, logs=_plain_logs(logs or {}), seconds=self._seconds()))

    def between_steps(self, moment: Moment) -> None:
        if self._clock() - self._last_shown >= BETWEEN_SECONDS:
            self.show(moment)

    def show(self, moment: Moment) -> None:
        """Put the running values of this moment."""
        self._last_shown = self._clock()
        logs = _plain_logs(moment.logs())
        self.put(BatchEnded(uid=self.uid, epoch=moment.epoch, step=moment.last, steps=moment.steps, logs=logs))

    def on_partial_epoch(self, epoch: int, logs: Logs) -> None:
        self.put(PartialEpoch(uid=self.uid, epoch=epoch, logs=_plain_logs(logs)))

    def on_tell(self, event: Mapping[str, Any]) -> None:
        facts = to_plain(event)
        if facts in self.known:
            self.known.remove(facts)
            return
        if self._last_params:  # a changed setting may have changed them
            self._put_params()
        self.put(Told(uid=self.uid, facts=facts))

    def _put_params(self) -> None:
        params = getattr(self._history(), "params", self.params)
        if params != self._last_params:
            self._last_params = dict(params)
            self.put(Began(uid=self.uid, params=to_plain(self._last_params)))

    def _seconds(self) -> float:
        """How long the epoch took: History's number, so that record and history agree."""
        seconds = getattr(self._history(), "seconds", None)
        return float(seconds[-1]) if seconds else self._clock() - self._epoch_began

    def _history(self) -> Any:
        return getattr(self.model, "history", None)


def _plain_logs(logs: Logs) -> Logs:
    """A copy of the logs with Python's numbers."""
    return {name: value if type(value) is float else to_plain(value) for name, value in logs.items()}
