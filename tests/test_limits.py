"""What goes beyond the bounds of a server is refused before it is recorded."""

import re
from dataclasses import replace

import pytest

from fitdash.begin import begin
from fitdash.data.upload import keep
from fitdash.errors import SettingError, StoreError
from fitdash.runs.runner import Runner
from fitdash.runs.store import Store
from fitdash.runs.writer import Writer
from fitdash.spec.dataset import DatasetArgs
from fitdash.spec.experiment import Experiment
from fitdash.spec.fit import FitArgs
from fitdash.spec.network import NetworkArgs
from fitdash.spec.server import ServerArgs

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
        begin(runner, IRIS, settings=settings)
    runner.writer.flush(10)
    assert runner.writer.store.lines() == []


def test_within_the_bounds_it_trains(runner):
    settings = ServerArgs(rows=150, parameters=83, disk_gigabytes=1.0, disk_gigabytes_per_visitor=1.0)

    assert begin(runner, IRIS, settings=settings, owner="me").join(60)
    runner.writer.flush(10)

    (line,) = runner.writer.store.lines()
    assert (line.state, line.name, line.owner) == ("finished", "iris", "me")


def test_a_disk_that_is_used_up(home, runner):
    assert begin(runner, IRIS, owner="me").join(60)
    runner.writer.flush(10)
    each, all_together = ServerArgs(disk_gigabytes_per_visitor=1e-6), ServerArgs(disk_gigabytes=1e-5)

    with pytest.raises(StoreError, match=r"Your runs and the uploads they use must take at most 1e-06 GB"):
        begin(runner, IRIS, settings=each, owner="me")
    with pytest.raises(StoreError, match=r"The runs and uploads of this server must take at most 1e-05 GB"):
        begin(runner, IRIS, settings=all_together, owner="you")
    assert begin(runner, IRIS, settings=each, owner="you").join(60)


def test_uploads_count_to_the_disk_of_those_who_use_them(home, runner):
    rows = "".join(f"{row},{row % 7},{row % 2}\n" for row in range(40_000))
    content = keep(f"a,b,y\n{rows}".encode(), home / "uploads")
    mine = replace(IRIS, data=DatasetArgs(name="upload", content=content))
    settings = ServerArgs(disk_gigabytes_per_visitor=2e-4)
    assert begin(runner, mine, settings=settings, owner="me").join(60)
    runner.writer.flush(10)

    with pytest.raises(StoreError, match=r"Your runs and the uploads they use must take at most 0.0002 GB, got 0.00"):
        begin(runner, mine, settings=settings, owner="me")
    assert begin(runner, IRIS, settings=settings, owner="you").join(60)
