"""Job specs: a run to train as plain values for a worker process, and the job built from them there."""

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
    """The spec of a new run of an experiment; arguments as `build.make_job`."""
    return {
        "experiment": experiment.to_dict(),
        "origin": origin,
        "epoch": epoch,
        "uploads": None if uploads is None else str(uploads),
        "looks_often": looks_often,
    }


def make_resume_spec(uid: str, *, uploads: Path | None = None) -> dict[str, Any]:
    """The spec to resume a run from its last checkpoint, as `build.make_resume_job` does."""
    return {"resume": uid, "uploads": None if uploads is None else str(uploads)}


def make_ensemble_spec(runs: Mapping[str, Experiment], *, uploads: Path | None = None) -> dict[str, Any]:
    """The spec to train several experiments in one program, by the uid of their run; they differ in numbers alone."""
    return {
        "together": [{"uid": uid, "experiment": experiment.to_dict()} for uid, experiment in runs.items()],
        "uploads": None if uploads is None else str(uploads),
    }


def job_from_spec(order: JobSpec) -> Callable[[Recorder, Control], None]:
    """The job of a spec.

    Raises:
        SettingError, DataError, StoreError: it cannot run.
    """
    # Imported here: the process that makes specs need not import torch.
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
        history_events = [row.data for row in store.events(record.uid, "told")]
    return make_resume_job(record, history_events, uploads=uploads)
