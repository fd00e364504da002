"""What goes beyond the bounds of a server is refused before it is recorded."""

import re
import sys
from dataclasses import replace

import pytest

from fitdash.data.tables.upload import save_upload
from fitdash.errors import SettingError, StoreError
from fitdash.jobs.launch import launch_run, resume_run, start_over
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import Writer
from fitdash.runs.scheduling.runner import Runner
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.network import NetworkArgs
from fitdash.settings.server import ServerArgs

IRIS = Experiment(
    data=DatasetArgs(name="iris"), network=NetworkArgs(width=10, depth=1), fit=FitArgs(epochs=1, verbose=0)
)


@pytest.fixture
def runner(home):
    with Store() as store:
        writer = Writer(store)
        runner = Runner(writer)
        yield runner
        runner.shutdown()
        writer.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ServerArgs(rows=149), "The data must have at most 149 rows here, got 150."),
        (
            ServerArgs(parameters=82),
            "A network must have at most 82 parameters here, got 83. Make it narrower, or take fewer layers.",
        ),
    ],
)
def test_too_many_rows_or_parameters(runner, settings, message):
    with pytest.raises(SettingError, match=re.escape(message)):
        launch_run(runner, IRIS, settings=settings)
    runner.writer.flush(10)
    assert runner.writer.store.lines() == []


def test_within_the_bounds_it_trains(runner):
    settings = ServerArgs(rows=150, parameters=83, disk_gigabytes=1.0, disk_gigabytes_per_visitor=1.0)

    assert launch_run(runner, IRIS, settings=settings, owner="me").join(60)
    runner.writer.flush(10)

    (line,) = runner.writer.store.lines()
    assert (line.state, line.name, line.owner) == ("finished", "iris", "me")


def test_a_disk_that_is_used_up(home, runner):
    assert launch_run(runner, IRIS, owner="me").join(60)
    runner.writer.flush(10)
    each, all_together = ServerArgs(disk_gigabytes_per_visitor=1e-6), ServerArgs(disk_gigabytes=1e-5)

    with pytest.raises(StoreError, match=r"Your runs and the uploads they use must take at most 1e-06 GB"):
        launch_run(runner, IRIS, settings=each, owner="me")
    with pytest.raises(StoreError, match=r"The runs and uploads of this server must take at most 1e-05 GB"):
        launch_run(runner, IRIS, settings=all_together, owner="you")
    assert launch_run(runner, IRIS, settings=each, owner="you").join(60)


@pytest.fixture
def stopped(runner):
    """A run of my own that was stopped after its first epoch and has a checkpoint to go on from."""
    run = launch_run(runner, replace(IRIS, fit=FitArgs(epochs=400, verbose=0)), owner="me", pace=1)
    while not runner.writer.store.epochs(run.uid):
        assert not run.join(0.01)
    run.stop()
    assert run.join(60)
    runner.writer.flush(10)
    return run.uid


GOES_ON = {
    "going on": lambda runner, uid, **more: resume_run(runner, uid, **more),
    "a branch": lambda runner, uid, **more: launch_run(runner, IRIS, origin=uid, owner="me", **more),
    "all over again": lambda runner, uid, **more: start_over(runner, uid, **more),
    "at once after a start": lambda runner, uid, **more: launch_run(runner, IRIS, owner="me", late=True, **more),
}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ServerArgs(disk_gigabytes_per_visitor=1e-6), "Your runs and the uploads they use must take at most 1e-06 GB"),
        (ServerArgs(disk_gigabytes=1e-5), "The runs and uploads of this server must take at most 1e-05 GB, got"),
    ],
    ids=["each", "all together"],
)
@pytest.mark.parametrize("way", GOES_ON)
def test_what_goes_on_is_refused_too_where_the_disk_is_used_up(runner, stopped, monkeypatch, way, settings, message):
    monkeypatch.delitem(sys.modules, "fitdash.jobs.quotas", raising=False)
    before = runner.writer.store.runs()

    with pytest.raises(StoreError, match=message):
        GOES_ON[way](runner, stopped, settings=settings)

    runner.writer.flush(10)
    assert runner.writer.store.runs() == before
    assert runner.active() == []


def test_a_run_goes_on_where_there_is_room_whatever_the_disk_of_others(runner, stopped):
    settings = ServerArgs(disk_gigabytes=1.0, disk_gigabytes_per_visitor=0.5, rows=1)

    resume_run(runner, stopped, settings=settings).stop()

    assert runner.writer.store.run(stopped).owner == "me"


def test_uploads_count_to_the_disk_of_those_who_use_them(home, runner):
    rows = "".join(f"{row},{row % 7},{row % 2}\n" for row in range(40_000))
    content = save_upload(f"a,b,y\n{rows}".encode(), home / "uploads")
    mine = replace(IRIS, data=DatasetArgs(name="upload", content=content))
    settings = ServerArgs(disk_gigabytes_per_visitor=2e-4)
    assert launch_run(runner, mine, settings=settings, owner="me").join(60)
    runner.writer.flush(10)

    with pytest.raises(StoreError, match=r"Your runs and the uploads they use must take at most 0.0002 GB, got 0.00"):
        launch_run(runner, mine, settings=settings, owner="me")
    assert launch_run(runner, IRIS, settings=settings, owner="you").join(60)
