"""How runs come to be: a new one, one that goes on, one from where another was, one all over again.

torch is imported by the functions that need it: a page that draws its buttons does not wait for it.
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
        runner: Trains it.
        name: What people call it; its data by default.
        owner: Whose it is.
        origin, epoch, uploads: As `build.job` takes them; the new run knows `origin` as its parent.
        settings: What is in force on this server; None: no bounds.
        late: Where torch is still being imported, let the run's own thread wait for it, and check there.

    Raises:
        SettingError, DataError, StoreError: it cannot be, or not here; nothing is recorded then.
    """
    check: Callable[[], None] = partial(_check, runner.writer.store, experiment, settings, owner, uploads)
    make: Callable[[], Job] = partial(_job, experiment, origin, epoch, uploads)
    is_late = late and not {"fitdash.jobs.build", "fitdash.jobs.quotas"} <= sys.modules.keys()
    if not is_late:
        check()
    elif settings is not None:
        check_disk_quota(runner.writer.store, settings, owner)  # looks at files alone, so that it can be asked at once
    return runner.submit(
        partial(_late, check, make) if is_late else make(),
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
    """Go on with a run that was stopped, interrupted or failed: the same run, from its last checkpoint.

    Args:
        settings: Of which the bounds on the disk are asked, for the run's owner; its rows and its network are known.

    Raises:
        StoreError, SettingError, DataError: it cannot go on; nothing is changed then.
    """
    from fitdash.jobs.build import make_resume_job

    store = runner.writer.store
    runner.writer.flush(FLUSH_SECONDS)
    record = _recorded(store, uid)
    if settings is not None:
        check_disk_quota(store, settings, record.owner)
    told = [row.data for row in store.events(uid, "told")]
    train = make_resume_job(record, told, uploads=uploads)
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
    """Train the experiment of a run again, from the same initial weights, as a new run; what is left of it is stopped.

    Args:
        runner: Trains it, when its turn comes.
        uid: The run; if this runner trains it, it is stopped first.
        seed: Draws other weights, and everything else that is random; None: the run's own.
        owner: Whose the new one is; None: whose the run is.
        settings: As `begin` takes them.

    Raises:
        StoreError: there is no such run, or no experiment was kept with it.
        SettingError: the seed cannot be.
    """
    from fitdash.jobs.build import experiment_of

    runner.writer.flush(FLUSH_SECONDS)
    record = _recorded(runner.writer.store, uid)
    experiment = experiment_of(record)
    experiment = experiment if seed is None else replace(experiment, seed=seed)
    again = launch_run(runner, experiment, name=record.name, owner=owner or record.owner, pace=pace, settings=settings)
    # Only now: what cannot be trained shall not end the run.
    earlier = runner.find(uid)
    if earlier is not None:
        earlier.stop()
    return again


def _recorded(store: Store, uid: str) -> RunRecord:
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


def _job(experiment: Experiment, origin: str | None, epoch: int | None, uploads: Path | None) -> Job:
    from fitdash.jobs.build import make_job

    return make_job(experiment, origin=origin, epoch=epoch, uploads=uploads)


def _late(check: Callable[[], None], make: Callable[[], Job], recorder: Recorder, control: Control) -> None:
    """The job that is made when it begins."""
    check()
    make()(recorder, control)
