"""Trains for another process: `python -m fitdash.jobs.worker`, which `runs.workers.Worker` starts.

Lines of JSON come in on the standard input: start (an order), exit, and the wishes of a `Control`. Others go out on
the standard output: ready, event, stands, trouble, over. Where the input ends the other process is gone, and this
one goes at once, as if it had been killed with it: what was told counts.
"""

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
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
"""How nice it is to the server that started it and to browsers: with ten of these on two cores, a click is answered in
2.6 s where it took 16. At 10 a pause took up to 0.9 s to be heeded, where others kept the cores busy.
"""


class JobLoop:
    """Takes orders and trains them, one after the other, in the thread that calls `work`."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._orders: queue.SimpleQueue[tuple[str, JobSpec, Control] | None] = queue.SimpleQueue()
        self._uid = ""
        self._control = Control()

    def listen(self, lines: Iterable[bytes]) -> None:
        """Take in what the other process says, until it is gone."""
        with suppress(OSError, ValueError):
            for line in lines:
                self._take(from_line(line))
        os._exit(0)

    def leave(self) -> None:
        """Interrupt what trains, and end."""
        self._control.stop("interrupted")
        self._orders.put(None)

    def work(self) -> None:
        """Train what was ordered, until it is time to leave."""
        import fitdash.jobs.build  # noqa: F401  the first order shall not wait for it

        self._outbox.say({"is": "ready"})
        while (order := self._orders.get()) is not None:
            self._train(*order)
        self._outbox.flush(FLUSH_SECONDS)

    def _take(self, message: Mapping[str, Any]) -> None:
        match message["do"]:
            case "start":
                self._uid, self._control = message["uid"], Control()
                self._orders.put((self._uid, message["order"], self._control))
            case "exit":
                self.leave()
            case _:
                self._wish(message)

    def _wish(self, wish: Mapping[str, Any]) -> None:
        """Wish it; what has become impossible on the way is told like what a model refuses."""
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
        control.listen(partial(self._stands, uid))
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

    def _stands(self, uid: str, is_standing: bool) -> None:
        self._outbox.say({"is": "stands", "stands": is_standing})


def main() -> None:
    """Work until the other process says that it is enough, or is gone."""
    _stand_back()
    outbox = Outbox(_own_output())
    post = JobLoop(outbox)
    signal.signal(signal.SIGTERM, lambda number, frame: post.leave())
    threading.Thread(target=post.listen, args=[sys.stdin.buffer], name="fitdash-listens", daemon=True).start()
    post.work()


def _stand_back() -> None:
    """Let the pages, which somebody waits for, go first."""
    with suppress(AttributeError, OSError):  # not known on Windows
        os.nice(BEHIND)
    # Linux may weigh sessions first, and this process has one of its own; it lets only ten be changed a second.
    own = Path("/proc/self/autogroup")
    for _ in range(10 if own.exists() and os.getsid(0) == os.getpid() else 0):
        with suppress(OSError):
            own.write_text(str(BEHIND))
            return
        time.sleep(0.1)


def _own_output() -> IO[bytes]:
    """The standard output for messages alone: whatever else is printed goes to the standard error."""
    own = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


if __name__ == "__main__":
    main()
