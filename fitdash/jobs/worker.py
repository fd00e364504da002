"""The worker process, `python -m fitdash.jobs.worker`, which `runs.scheduling.workers.Worker` starts.

It reads lines of JSON from the standard input: start (with an order), exit, and the wishes of a `Control`. It writes
lines to the standard output: ready, event, stands, trouble, over. Where the input ends the parent process is gone, and
this process exits at once, as if it had been killed with it: the events sent so far count.
"""

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from fitdash.errors import SettingError
from fitdash.runs.callbacks.recorder import Recorder
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.events import Told
from fitdash.runs.protocol.messages import JobSpec, from_line
from fitdash.runs.scheduling.failures import failure_event
from fitdash.runs.scheduling.outbox import Outbox

FLUSH_SECONDS = 2.0
BEHIND = 5
"""Niceness of the process below the server and browsers: with ten workers on two cores, a click is answered in 2.6 s
instead of 16. At 10, a pause took up to 0.9 s to be heeded where other processes kept the cores busy.
"""


class JobLoop:
    """Trains the runs that the parent process orders, one after the other, in the thread that calls `work`."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._orders: queue.SimpleQueue[tuple[str, JobSpec, Control] | None] = queue.SimpleQueue()
        self._uid = ""
        self._control = Control()

    def listen(self, lines: Iterable[bytes]) -> None:
        """Handle the messages of the parent process; exits this process when the parent is gone."""
        with suppress(OSError, ValueError):
            for line in lines:
                self._handle(from_line(line))
        os._exit(0)

    def leave(self) -> None:
        """Interrupt the current run, and let `work` return."""
        self._control.stop("interrupted")
        self._orders.put(None)

    def work(self) -> None:
        """Train the ordered runs until `leave`."""
        import fitdash.jobs.build  # noqa: F401  imports torch before the first order

        self._outbox.say({"is": "ready"})
        while (order := self._orders.get()) is not None:
            self._train(*order)
        self._outbox.flush(FLUSH_SECONDS)

    def _handle(self, message: Mapping[str, Any]) -> None:
        match message["do"]:
            case "start":
                self._uid, self._control = message["uid"], Control()
                self._orders.put((self._uid, message["order"], self._control))
            case "exit":
                self.leave()
            case _:
                self._wish(message)

    def _wish(self, wish: Mapping[str, Any]) -> None:
        """Apply a wish; where it has become impossible on the way, put the event of a refused setting."""
        try:
            self._control.take(wish)
        except SettingError as error:
            epoch, why = self._control.epoch or 0, str(error)
            for name, value in wish.items():
                if name != "do":
                    facts = {"epoch": epoch, "kind": "refused", "setting": name, "new": value, "step": 0, "reason": why}
                    self._outbox.put(Told(uid=self._uid, facts=facts))

    def _train(self, uid: str, order: JobSpec, control: Control) -> None:
        from fitdash.jobs.job_spec import job_from_spec

        recorder = Recorder(uid, self._outbox.put)
        control.listen(self._report_pause)
        end: Any = None
        try:
            job_from_spec(order)(recorder, control)
        except BaseException as error:
            end = failure_event(uid, error)
        recorder.console.end()
        self._outbox.flush(FLUSH_SECONDS)
        self._outbox.say(
            {
                "is": "over",
                "error": end and end.error,
                "traceback": end and end.traceback,
                "stopped_by": control.stopped_by,
            }
        )

    def _report_pause(self, is_standing: bool) -> None:
        self._outbox.say({"is": "stands", "stands": is_standing})


def main() -> None:
    """Train until the parent process sends exit, or is gone."""
    _lower_priority()
    loop = JobLoop(Outbox(_own_output()))
    signal.signal(signal.SIGTERM, lambda number, frame: loop.leave())
    threading.Thread(target=loop.listen, args=[sys.stdin.buffer], name="fitdash-listens", daemon=True).start()
    loop.work()


def _lower_priority() -> None:
    """Give the processes that serve pages a higher priority than this process."""
    with suppress(AttributeError, OSError):  # not available on Windows
        os.nice(BEHIND)
    # Linux may schedule by session first, and this process has its own; the system accepts ten such changes a second.
    own = Path("/proc/self/autogroup")
    for _ in range(10 if own.exists() and os.getsid(0) == os.getpid() else 0):
        with suppress(OSError):
            own.write_text(str(BEHIND))
            return
        time.sleep(0.1)


def _own_output() -> IO[bytes]:
    """The standard output, for messages alone: all other prints are redirected to the standard error."""
    own = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


if __name__ == "__main__":
    main()
