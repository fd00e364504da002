"""Where trials train: in this process, in processes beside it, or on a cluster. All take the same orders."""

from collections.abc import Callable
from typing import Protocol

from fitdash.errors import SettingError
from fitdash.jobs.job_spec import job_from_spec
from fitdash.runs.callbacks.recorder import Recorder
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.events import Event
from fitdash.runs.protocol.messages import JobSpec
from fitdash.runs.scheduling.workers import WorkerPool


class TrialExecutor(Protocol):
    """Trains what it is ordered.

    Attributes:
        most: How many runs it trains at once.
    """

    most: int

    def train(self, order: JobSpec, uid: str, put: Callable[[Event], None], control: Control) -> None:
        """Train a run; returns when it is over.

        Args:
            order: As `fitdash.jobs.job_spec` makes it.
            uid: The run.
            put: Takes what happens to it, in this thread.
            control: What is wanted of it.

        Raises:
            Ended: it ended otherwise than by itself or by what `control` wants.
        """

    def close(self) -> None:
        """Let go of everything; what trains is interrupted."""


class InlineExecutor:
    """This process and the calling thread: one run at a time, and the search decides between two epochs."""

    most = 1

    def train(self, order: JobSpec, uid: str, put: Callable[[Event], None], control: Control) -> None:
        recorder = Recorder(uid, put)
        try:
            job_from_spec(order)(recorder, control)
        finally:
            recorder.console.end()

    def close(self) -> None:
        """There is nothing to let go of."""


def make_executor(workers: int | str | None) -> TrialExecutor:
    """Where trials train.

    Args:
        workers: So many processes; 0: this process; None: one for each core but one, this process if that is one; text:
            the address of a Ray cluster, "ray" for one on this machine.

    Raises:
        SettingError: it is none of these, or Ray is not installed.
    """
    if isinstance(workers, str):
        from fitdash.sweeps.ray_executor import RayExecutor

        return RayExecutor(workers)
    if workers is not None and (type(workers) is not int or workers < 0):
        raise SettingError(f"workers must be an integer from 0, None or the address of a Ray cluster, got {workers!r}.")
    if workers == 0:
        return InlineExecutor()
    places = WorkerPool(most=workers)
    return InlineExecutor() if workers is None and places.most == 1 else places
