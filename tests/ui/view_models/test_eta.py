"""How long a run would take, from one that was timed."""

import pytest

from fitdash.runs.record.records import EpochRow
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment, plan_run
from fitdash.settings.fit import FitArgs
from fitdash.settings.network import NetworkArgs
from fitdash.ui.view_models.eta import eta_seconds
from fitdash.ui.view_models.run_view import RunView

FACTS = DataFacts(rows=320)
TIMED = Experiment(fit=FitArgs(epochs=4))


def run_of(experiment, seconds=2.0):
    rows = [EpochRow(0, epoch, 0.0, seconds, {"loss": 1.0}) for epoch in range(4)]
    return RunView(uid="a", name="a", state="finished", experiment=experiment, params={"steps": 10}, rows=rows)


def eta(draft, pace="full", run=None):
    return eta_seconds(plan_run(draft, FACTS), draft, run or run_of(TIMED), pace)


def test_epochs_take_as_long_as_those_that_were_timed():
    assert eta(Experiment(fit=FitArgs(epochs=7))) == pytest.approx(14)


def test_fewer_steps_take_their_share():
    assert eta(Experiment(fit=FitArgs(epochs=7, steps_per_epoch=5))) == pytest.approx(7)


@pytest.mark.parametrize(
    ("seconds", "pace", "expected"), [(0.01, "watchable", 1.4), (0.01, 5, 1.4), (2.0, "watchable", 14), (0.01, 1, 7)]
)
def test_the_pace_counts(seconds, pace, expected):
    assert eta(Experiment(fit=FitArgs(epochs=7)), pace, run_of(TIMED, seconds)) == pytest.approx(expected)


def test_many_short_epochs_wait_for_a_quarter_of_a_minute_at_most():
    assert eta(Experiment(fit=FitArgs(epochs=1000)), "watchable", run_of(TIMED, 0.001)) == pytest.approx(16)


@pytest.mark.parametrize(
    "draft",
    [
        Experiment(data=DatasetArgs(name="iris")),
        Experiment(network=NetworkArgs(width=8)),
        Experiment(fit=FitArgs(batch_size=8)),
    ],
)
def test_other_steps_tell_nothing(draft):
    assert eta(draft) is None


def test_a_run_without_epochs_tells_nothing():
    run = RunView(uid="a", name="a", state="queued", experiment=TIMED, params={}, rows=[])

    assert eta(TIMED, run=run) is None
