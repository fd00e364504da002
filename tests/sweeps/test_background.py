"""Sweeps that go on beside what a server does."""

import pytest

from fitdash.errors import SettingError, StoreError
from fitdash.runs.record import sweeps
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.server import ServerArgs
from fitdash.sweeps.background import Sweeper
from fitdash.sweeps.config import Budget, make_sweep_config

IRIS = Experiment(data=DatasetArgs(name="iris"), fit=FitArgs(epochs=2, validation_split=0.2))
SPACE = {"compile.learning_rate": [0.1, 0.01]}
SECONDS = 60


@pytest.fixture
def sweeper(writer):
    made = Sweeper(writer, 1)
    yield made
    made.shutdown(10)


def grid():
    return make_sweep_config(IRIS, SPACE, sampler="grid", pruner="none")


def test_a_sweep_goes_on_in_the_background_and_ends_by_itself(sweeper, store):
    record = sweeper.begin(grid(), Budget(), name="rates", owner="ada")

    assert sweeper.join(record.uid, SECONDS)

    found = sweeps.find_sweep(store, record.uid)
    assert (found.state, found.name, found.owner) == ("finished", "rates", "ada")
    assert {run.state for run in store.runs(sweep=record.uid)} == {"finished"}
    assert sweeper.find(record.uid) is None


def test_a_stopped_sweep_goes_on_where_it_was(sweeper, store):
    record = sweeper.begin(make_sweep_config(IRIS, {"seed": list(range(50))}, sampler="grid", pruner="none"), Budget())
    sweeper.stop(record.uid)
    assert sweeper.join(record.uid, SECONDS)
    assert sweeps.find_sweep(store, record.uid).state == "stopped"
    before = len(store.runs(sweep=record.uid, states=("finished",)))

    sweeper.go_on(record.uid, trials=before + 2)
    assert sweeper.join(record.uid, SECONDS)

    assert sweeps.find_sweep(store, record.uid).state == "finished"
    assert len(store.runs(sweep=record.uid, states=("finished",))) == before + 2


def test_a_server_that_ends_cuts_its_sweeps_off_and_begins_no_other(sweeper, store):
    record = sweeper.begin(make_sweep_config(IRIS, {"seed": list(range(500))}, sampler="grid", pruner="none"), Budget())

    sweeper.shutdown(SECONDS)

    assert sweeps.find_sweep(store, record.uid).state == "interrupted"
    with pytest.raises(StoreError, match="must be on to search"):
        sweeper.begin(grid(), Budget())
    assert len(sweeps.all_sweeps(store)) == 1


def test_a_trial_beyond_the_bounds_of_the_server_is_refused_before_anything_begins(writer, store):
    bounded = Sweeper(writer, 1, ServerArgs(parameters=1000))
    wide = make_sweep_config(IRIS, {"network.width": [4, 4096]}, sampler="grid", pruner="none")

    with pytest.raises(SettingError, match="at most 1,000 parameters"):
        bounded.begin(wide, Budget())

    assert sweeps.all_sweeps(store) == []
    bounded.shutdown(10)


def test_sweeps_share_the_processes_of_the_server(sweeper, store):
    first, second = (sweeper.begin(grid(), Budget(), name=name) for name in ("a", "b"))

    assert sweeper.join(first.uid, SECONDS)
    assert sweeper.join(second.uid, SECONDS)

    assert {one.state for one in sweeps.all_sweeps(store)} == {"finished"}
    assert len(store.runs(states=("finished",))) == 4


def test_going_on_is_held_to_the_bounds_as_well(sweeper, writer, store):
    record = sweeper.begin(grid(), Budget())
    assert sweeper.join(record.uid, SECONDS)
    bounded = Sweeper(writer, 1, ServerArgs(parameters=10))

    with pytest.raises(SettingError, match="at most 10 parameters"):
        bounded.go_on(record.uid, trials=9)

    assert sweeps.find_sweep(store, record.uid).state == "finished"
    bounded.shutdown(10)


@pytest.mark.parametrize("state", ["finished", "stopped"])
def test_one_trial_of_a_sweep_that_has_ended_is_trained_again_and_no_other(sweeper, store, state):
    record = sweeper.begin(grid(), Budget(trials=1 if state == "stopped" else None))
    assert sweeper.join(record.uid, SECONDS)
    if state == "stopped":
        sweeps.change_budget(store, record.uid, {"trials": 2, "seconds": None})
        with store.write_transaction(durable=True) as db:
            db.execute("UPDATE sweeps SET state='stopped'")
    before = {run.uid for run in store.runs(sweep=record.uid)}

    sweeper.retry(record.uid, 0)
    assert sweeper.join(record.uid, SECONDS)

    (again,) = [run for run in store.runs(sweep=record.uid) if run.uid not in before]
    assert (again.trial, again.state) == (0, "finished")
    assert sweeps.find_sweep(store, record.uid).state == state
    with pytest.raises(StoreError, match="must be there to be retried, got 7"):
        sweeper.retry(record.uid, 7)


def test_seconds_that_are_used_up_are_no_bound_for_a_trial_that_is_asked_for(sweeper, store):
    record = sweeper.begin(grid(), Budget())
    assert sweeper.join(record.uid, SECONDS)
    sweeps.change_budget(store, record.uid, {"trials": None, "seconds": 0.001})

    sweeper.retry(record.uid, 1)
    assert sweeper.join(record.uid, SECONDS)

    assert [run.state for run in store.runs(sweep=record.uid)] == ["finished"] * 3
