"""Sweeps that go on beside what a server does."""

import pytest

from fitdash.errors import SettingError, StoreError
from fitdash.runs import sweeps
from fitdash.spec.dataset import DatasetArgs
from fitdash.spec.experiment import Experiment
from fitdash.spec.fit import FitArgs
from fitdash.spec.server import ServerArgs
from fitdash.sweeps.background import Sweeper
from fitdash.sweeps.recipe import Budget, recipe_of

IRIS = Experiment(data=DatasetArgs(name="iris"), fit=FitArgs(epochs=2, validation_split=0.2))
SPACE = {"compile.learning_rate": [0.1, 0.01]}
SECONDS = 60


@pytest.fixture
def sweeper(writer):
    made = Sweeper(writer, 1)
    yield made
    made.shutdown(10)


def grid():
    return recipe_of(IRIS, SPACE, sampler="grid", pruner="none")


def test_a_sweep_goes_on_in_the_background_and_ends_by_itself(sweeper, store):
    record = sweeper.begin(grid(), Budget(), name="rates", owner="ada")

    assert sweeper.join(record.uid, SECONDS)

    found = sweeps.find_sweep(store, record.uid)
    assert (found.state, found.name, found.owner) == ("finished", "rates", "ada")
    assert {run.state for run in store.runs(sweep=record.uid)} == {"finished"}
    assert sweeper.find(record.uid) is None


def test_a_stopped_sweep_goes_on_where_it_was(sweeper, store):
    record = sweeper.begin(recipe_of(IRIS, {"seed": list(range(50))}, sampler="grid", pruner="none"), Budget())
    sweeper.stop(record.uid)
    assert sweeper.join(record.uid, SECONDS)
    assert sweeps.find_sweep(store, record.uid).state == "stopped"
    before = len(store.runs(sweep=record.uid, states=("finished",)))

    sweeper.go_on(record.uid, trials=before + 2)
    assert sweeper.join(record.uid, SECONDS)

    assert sweeps.find_sweep(store, record.uid).state == "finished"
    assert len(store.runs(sweep=record.uid, states=("finished",))) == before + 2


def test_a_server_that_ends_stops_its_sweeps_and_begins_no_other(sweeper, store):
    record = sweeper.begin(recipe_of(IRIS, {"seed": list(range(500))}, sampler="grid", pruner="none"), Budget())

    sweeper.shutdown(SECONDS)

    assert sweeps.find_sweep(store, record.uid).state == "stopped"
    with pytest.raises(StoreError, match="must be on to search"):
        sweeper.begin(grid(), Budget())
    assert len(sweeps.all_sweeps(store)) == 1


def test_a_trial_beyond_the_bounds_of_the_server_is_refused_before_anything_begins(writer, store):
    bounded = Sweeper(writer, 1, ServerArgs(parameters=1000))
    wide = recipe_of(IRIS, {"network.width": [4, 4096]}, sampler="grid", pruner="none")

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
