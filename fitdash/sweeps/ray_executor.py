"""Trials on a Ray cluster: each run is an actor there, and its events come back as lines, as those of a worker process.

The record stays on this machine. Files of such runs, weights included, are not kept: `Sweep.rerun` gives them.
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
    """The class of the actors: trains one run, and meanwhile returns its events and takes wishes."""

    def __init__(self) -> None:
        self._control = Control()
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def train(self, order: JobSpec, uid: str) -> None:
        """Train the run; the last line is the message that it is over."""
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
        """The lines since the last call; waits up to `TAKE_SECONDS` for the first."""
        lines = []
        try:
            lines.append(self._lines.get(timeout=TAKE_SECONDS))
            while True:
                lines.append(self._lines.get_nowait())
        except queue.Empty:
            return lines

    def wish(self, wish: Mapping[str, Any]) -> None:
        """Apply a wish that the control on the calling machine relayed."""
        self._control.take(wish)

    def _put(self, event: Event) -> None:
        if not isinstance(event, (CheckpointTaken, PredictionsTaken)):
            self._lines.put(to_line(event))


class RayExecutor:
    """Trains trials on a Ray cluster.

    Args:
        address: The address of the cluster; "ray" starts a cluster on this machine.

    Attributes:
        most: Number of runs that train at once: one for each core of the cluster.

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
    """Put the events in the lines until the message that the run is over.

    Raises:
        RunEndedElsewhere: the run failed there.
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
