"""Launches runs: new, resumed, branched from a checkpoint, or repeated.

torch is imported by the functions that need it, so that a page can draw its buttons before.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from fitdash.errors import StoreError
from fitdash.jobs.job_spec import make_job_spec, make_resume_spec
from fitdash.runs.callbacks.recorder import Recorder
from fitdash.runs.protocol.control import Control, Pace
from fitdash.runs.record.disk_quota import check_disk_quota
from fitdash.runs.record.records import RunRecord
from fitdash.runs.record.store import Store
from fitdash.runs.scheduling.runner import FLUSH_SECONDS, Job, Run, Runner
from fitdash.settings.experiment import Experiment
from fitdash.settings.server import ServerArgs


def launch_run(
    runner: Runner,
    experiment: Experiment,
    *,
    name: str = "",
    pace: Pace = "full",
    owner: str | None = None,
    origin: str | None = None,
    epoch: int | None = None,
    uploads: Path | None = None,
    settings: ServerArgs | None = None,
    late: bool = False,
) -> Run:
    """Train an experiment as a new run, when its turn comes.

    Args:
        runner: Trains the run.
        name: The name shown for it; default: the name of its data.
        owner: The visitor whose run it is.
        origin, epoch, uploads: As `build.make_job` takes them; `origin` is recorded as the run's parent.
        settings: The settings of this server, with its quotas; None: no quotas.
        late: Where torch is still being imported, let the run's thread wait for it and check the experiment there.

    Raises:
        SettingError, DataError, StoreError: it cannot run, or exceeds a quota; nothing is recorded then.
    """
    check: Callable[[], None] = partial(_check, runner.writer.store, experiment, settings, owner, uploads)
    make: Callable[[], Job] = partial(_make_job, experiment, origin, epoch, uploads)
    is_late = late and not {"fitdash.jobs.build", "fitdash.jobs.quotas"} <= sys.modules.keys()
    if not is_late:
        check()
    elif settings is not None:
        check_disk_quota(
            runner.writer.store, settings, owner
        )  # reads file sizes alone, so it can be checked before torch is imported
    return runner.submit(
        partial(_check_and_train, check, make) if is_late else make(),
        experiment=experiment.to_dict(),
        name=name or experiment.data.filename or experiment.data.name,
        pace=pace,
        owner=owner,
        parent=origin,
        order=make_job_spec(experiment, origin=origin, epoch=epoch, uploads=uploads),
    )


def resume_run(
    runner: Runner,
    uid: str,
    *,
    pace: Pace = "full",
    uploads: Path | None = None,
    settings: ServerArgs | None = None,
) -> Run:
    """Resume a run that was stopped, interrupted or failed, under the same uid, from its last checkpoint.

    Args:
        settings: The settings of this server; only the disk quotas are checked, for the run's owner: its rows and
            parameters were checked when it was launched.

    Raises:
        StoreError, SettingError, DataError: it cannot be resumed; nothing is changed then.
    """
    from fitdash.jobs.build import make_resume_job

    store = runner.writer.store
    runner.writer.flush(FLUSH_SECONDS)
    record = _find_record(store, uid)
    if settings is not None:
        check_disk_quota(store, settings, record.owner)
    history_events = [row.data for row in store.events(uid, "told")]
    train = make_resume_job(record, history_events, uploads=uploads)
    return runner.resume(uid, train, pace=pace, owner=record.owner, order=make_resume_spec(uid, uploads=uploads))


def start_over(
    runner: Runner,
    uid: str,
    *,
    seed: int | None = None,
    pace: Pace = "full",
    owner: str | None = None,
    settings: ServerArgs | None = None,
) -> Run:
    """Repeat the experiment of a run from its initial weights, as a new run; the earlier run is stopped if it trains.

    Args:
        runner: Trains the new run when its turn comes.
        uid: The earlier run.
        seed: A seed for other weights and all other random numbers; None: the seed of the earlier run.
        owner: The visitor whose run it is; None: the owner of the earlier run.
        settings: As `launch_run` takes them.

    Raises:
        StoreError: the run is unknown, or has no experiment that can be built.
        SettingError: the seed is invalid.
    """
    from fitdash.jobs.build import experiment_of

    runner.writer.flush(FLUSH_SECONDS)
    record = _find_record(runner.writer.store, uid)
    experiment = experiment_of(record)
    experiment = experiment if seed is None else replace(experiment, seed=seed)
    again = launch_run(runner, experiment, name=record.name, owner=owner or record.owner, pace=pace, settings=settings)
    # Only now, so that an experiment that cannot be launched does not end the earlier run.
    earlier = runner.find(uid)
    if earlier is not None:
        earlier.stop()
    return again


def _find_record(store: Store, uid: str) -> RunRecord:
    record = store.run(uid)
    if record is None:
        raise StoreError(f"{store.path} must know the run to go on with it, got {uid!r}.")
    return record


def _check(
    store: Store, experiment: Experiment, settings: ServerArgs | None, owner: str | None, uploads: Path | None
) -> None:
    from fitdash.jobs.quotas import check_quotas

    if settings is not None:
        check_quotas(store, experiment, settings, owner=owner, uploads=uploads)


def _make_job(experiment: Experiment, origin: str | None, epoch: int | None, uploads: Path | None) -> Job:
    from fitdash.jobs.build import make_job

    return make_job(experiment, origin=origin, epoch=epoch, uploads=uploads)


def _check_and_train(check: Callable[[], None], make: Callable[[], Job], recorder: Recorder, control: Control) -> None:
    """A job that checks and builds the experiment in the thread of the run."""
    check()
    make()(recorder, control)
