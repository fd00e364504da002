"""What a worker process is to train, as plain values, and the job that comes of it there."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from fitdash.errors import StoreError
from fitdash.runs.callbacks.recorder import Recorder
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.messages import JobSpec
from fitdash.runs.record.store import Store
from fitdash.settings.experiment import Experiment


def make_job_spec(
    experiment: Experiment,
    *,
    origin: str | None = None,
    epoch: int | None = None,
    uploads: Path | None = None,
    looks_often: bool = True,
) -> dict[str, Any]:
    """The order to train an experiment; arguments as `build.job`."""
    return {
        "experiment": experiment.to_dict(),
        "origin": origin,
        "epoch": epoch,
        "uploads": None if uploads is None else str(uploads),
        "looks_often": looks_often,
    }


def make_resume_spec(uid: str, *, uploads: Path | None = None) -> dict[str, Any]:
    """The order to go on with a run from its last checkpoint, as `build.resumed` does."""
    return {"resume": uid, "uploads": None if uploads is None else str(uploads)}


def make_ensemble_spec(runs: Mapping[str, Experiment], *, uploads: Path | None = None) -> dict[str, Any]:
    """The order to train several experiments in one program, by the uid of their run; they differ in numbers alone."""
    return {
        "together": [{"uid": uid, "experiment": experiment.to_dict()} for uid, experiment in runs.items()],
        "uploads": None if uploads is None else str(uploads),
    }


def job_from_spec(order: JobSpec) -> Callable[[Recorder, Control], None]:
    """The job that an order asks for.

    Raises:
        SettingError, DataError, StoreError: it cannot be.
    """
    # Whoever gives orders need not have torch yet.
    from fitdash.jobs.build import make_job, make_resume_job

    uploads = None if order["uploads"] is None else Path(order["uploads"])
    if "together" in order:
        from fitdash.jobs.ensemble_job import train_runs_together

        return partial(train_runs_together, order["together"], uploads)
    if "resume" not in order:
        experiment = Experiment.from_dict(order["experiment"])
        often = bool(order.get("looks_often", True))
        return make_job(experiment, origin=order["origin"], epoch=order["epoch"], uploads=uploads, looks_often=often)
    with Store() as store:
        record = store.run(order["resume"])
        if record is None:
            raise StoreError(f"{store.path} must know the run to go on with it, got {order['resume']!r}.")
        told = [row.data for row in store.events(record.uid, "told")]
    return make_resume_job(record, told, uploads=uploads)
