"""A sweep while the record cannot be written."""

import sqlite3
import threading

import pytest

from fitdash.runs import sweeps
from fitdash.runs.store import Store
from fitdash.runs.writer import Writer
from fitdash.sweeps.coordinator import Coordinator
from fitdash.sweeps.recipe import Budget, recipe_of
from fitdash.sweeps.run import begin
from tests.sweeps.conftest import BASE, SPACE, Invented, falling
from tests.sweeps.test_coordinator import states


@pytest.fixture
def impatient(home):
    """A writer whose store gives up at once when it is locked."""
    with Store(busy_seconds=0.001) as store:
        writer = Writer(store)
        yield writer
        writer.close()


@pytest.mark.parametrize("free_after", [3, 4], ids=["while it searches", "when it is over"])
def test_a_sweep_goes_on_while_the_store_is_locked_and_nothing_is_lost(impatient, free_after):
    store = impatient.store
    other = sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)

    def before(number, epoch, control):
        if (number, epoch) == (1, 0):
            other.execute("BEGIN IMMEDIATE")
        if (number, epoch) == (free_after, 0):
            other.execute("ROLLBACK")

    def tell(trial):
        if free_after == 4 and (trial.number, trial.state) == (3, "finished"):
            threading.Timer(1.0, other.execute, ["ROLLBACK"]).start()

    recipe = recipe_of(BASE, SPACE, pruner="none")
    record = begin(store, recipe, Budget(trials=4), writer=impatient)
    place = Invented(falling, before=before)
    coordinator = Coordinator(record, impatient, place, together=False, listener=tell)

    assert coordinator.run() == "finished"

    assert impatient.flush(60)
    assert sweeps.find_sweep(store, record.uid).state == "finished"
    assert states(store, record.uid) == ["finished"] * 4
    other.close()
