"""Executors of trials: this process, worker processes, or a Ray cluster. All take the same job specs."""

from collections.abc import Callable
from typing import Protocol

from fitdash.errors import SettingError
from fitdash.jobs.job_spec import job_from_spec
from fitdash.runs.callbacks.recorder import Recorder
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.events import Event
from fitdash.runs.protocol.messages import JobSpec
from fitdash.runs.scheduling.worker_pool import WorkerPool


class TrialExecutor(Protocol):
    """Trains the runs of trials.

    Attributes:
        most: How many runs it trains at once.
    """

    most: int

    def train(self, order: JobSpec, uid: str, put: Callable[[Event], None], control: Control) -> None:
        """Train a run; returns when it is over.

        Args:
            order: As `fitdash.jobs.job_spec` makes it.
            uid: The run.
            put: Takes the events of the run, in the calling thread.
            control: The control of the run.

        Raises:
            RunEndedElsewhere: the run failed or was cut off in another process.
        """

    def close(self) -> None:
        """Free all processes; runs that train are interrupted."""


class InlineExecutor:
    """Trains in the calling thread: one run at a time, and the search decides about pruning between two epochs."""

    most = 1

    def train(self, order: JobSpec, uid: str, put: Callable[[Event], None], control: Control) -> None:
        recorder = Recorder(uid, put)
        try:
            job_from_spec(order)(recorder, control)
        finally:
            recorder.console.end()

    def close(self) -> None:
        """Do nothing: there is nothing to free."""


def make_executor(workers: int | str | None) -> TrialExecutor:
    """The executor for `workers`.

    Args:
        workers: Number of worker processes; 0: this process; None: one process for each core but one, or this process
            if that is one; text: the address of a Ray cluster, "ray" for a cluster on this machine.

    Raises:
        SettingError: `workers` is none of these, or Ray is not installed.
    """
    if isinstance(workers, str):
        from fitdash.sweeps.ray_executor import RayExecutor

        return RayExecutor(workers)
    if workers is not None and (type(workers) is not int or workers < 0):
        raise SettingError(f"workers must be an integer from 0, None or the address of a Ray cluster, got {workers!r}.")
    if workers == 0:
        return InlineExecutor()
    pool = WorkerPool(most=workers)
    return InlineExecutor() if workers is None and pool.most == 1 else pool
