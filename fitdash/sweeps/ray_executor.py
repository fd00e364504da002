"""Trials on a Ray cluster: each run is an actor there, and what happens to it comes back as the lines of a worker.

The record stays here. Files of such runs, their weights among them, are not kept: training one again alone gives them.
"""

import queue
from collections.abc import Callable, Mapping
from typing import Any

from fitdash.errors import SettingError
from fitdash.runs.callbacks.recorder import Recorder
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.events import Changed, CheckpointTaken, Event, PredictionsTaken
from fitdash.runs.protocol.messages import JobSpec, event_of, from_line, to_line
from fitdash.runs.scheduling.failures import RunEndedElsewhere, failure_event

TAKE_SECONDS = 0.5


class RayActor:
    """What an actor is: it trains one run, and may be asked for what happened and told what is wanted meanwhile."""

    def __init__(self) -> None:
        self._control = Control()
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def train(self, order: JobSpec, uid: str) -> None:
        """Train the run; its last line says that it is over."""
        from fitdash.jobs.job_spec import job_from_spec

        recorder = Recorder(uid, self._put)
        error = traceback = None
        try:
            job_from_spec(order)(recorder, self._control)
        except Exception as raised:
            end = failure_event(uid, raised)
            error, traceback = end.error, end.traceback
        recorder.console.end()
        self._lines.put(to_line({"is": "over", "error": error, "traceback": traceback}))

    def take(self) -> list[bytes]:
        """The lines since the last time, waiting a little for the first."""
        lines = []
        try:
            lines.append(self._lines.get(timeout=TAKE_SECONDS))
            while True:
                lines.append(self._lines.get_nowait())
        except queue.Empty:
            return lines

    def wish(self, wish: Mapping[str, Any]) -> None:
        """Heed a wish of the control over there."""
        self._control.take(wish)

    def _put(self, event: Event) -> None:
        if not isinstance(event, (CheckpointTaken, PredictionsTaken)):
            self._lines.put(to_line(event))


class RayExecutor:
    """A Ray cluster as a place for trials.

    Args:
        address: Of the cluster; "ray" starts one on this machine.

    Attributes:
        most: As many runs as it has processor cores.

    Raises:
        SettingError: Ray is not installed, or there is no cluster at the address.
    """

    def __init__(self, address: str) -> None:
        try:
            import ray
        except ImportError as error:
            rule = f"workers must be a number unless Ray is installed, got {address!r}."
            raise SettingError(f"{rule} Install it: pip install 'fitdash[ray]'.") from error
        self._ray = ray
        try:
            ray.init(address=None if address == "ray" else address, ignore_reinit_error=True, log_to_driver=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise SettingError(f"workers must be the address of a Ray cluster, got {address!r}: {error}") from error
        self.most = max(1, int(ray.cluster_resources().get("CPU", 1)))
        self._actors: Any = ray.remote(num_cpus=1, max_concurrency=3)(RayActor)

    def train(self, order: JobSpec, uid: str, put: Callable[[Event], None], control: Control) -> None:
        actor = self._actors.remote()
        try:
            actor.train.remote(order, uid)
            control.relay(lambda wish: actor.wish.remote(dict(wish)) and None)
            forward_events(lambda: self._ray.get(actor.take.remote()), uid, put)
        except self._ray.exceptions.RayError as error:
            lost = "The worker that trained this run must live until it is over, got its end"
            raise RunEndedElsewhere(
                Changed(uid=uid, state="interrupted", error=f"{lost} ({type(error).__name__}).")
            ) from error
        finally:
            control.relay(None)
            self._ray.kill(actor)

    def close(self) -> None:
        self._ray.shutdown()


def forward_events(take: Callable[[], list[bytes]], uid: str, put: Callable[[Event], None]) -> None:
    """Put what the lines tell until they say that the run is over.

    Raises:
        Ended: it failed there.
    """
    while True:
        for line in take():
            message = from_line(line)
            if message["is"] == "event":
                put(event_of(message))
            elif message["error"] is not None:
                raise RunEndedElsewhere(
                    Changed(uid=uid, state="failed", error=message["error"], traceback=message["traceback"])
                )
            else:
                return
