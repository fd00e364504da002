"""What goes beyond the bounds of a server is refused before it is recorded."""

import re

import pytest

from fitdash.begin import begin
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

    with pytest.raises(StoreError, match=r"Your runs must take at most 1e-06 GB, got .* Delete some of them"):
        begin(runner, IRIS, settings=each, owner="me")
    with pytest.raises(StoreError, match=r"The runs of this server must take at most 1e-05 GB, got .* make room"):
        begin(runner, IRIS, settings=all_together, owner="you")
    assert begin(runner, IRIS, settings=each, owner="you").join(60)
