"""A sweep while the record cannot be written."""

import logging
import sqlite3
import threading
from contextlib import closing

import pytest

from fitdash.errors import SettingError
from fitdash.runs.record import sweeps
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import Writer
from fitdash.sweeps.api import begin_sweep, run_sweep
from fitdash.sweeps.config import Budget, make_sweep_config
from fitdash.sweeps.coordinator import Coordinator
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

    recipe = make_sweep_config(BASE, SPACE, pruner="none")
    record = begin_sweep(store, recipe, Budget(trials=4), writer=impatient)
    place = Invented(falling, before=before)
    coordinator = Coordinator(record, impatient, place, together=False, listener=tell)

    assert coordinator.run() == "finished"

    assert impatient.flush(60)
    assert sweeps.find_sweep(store, record.uid).state == "finished"
    assert states(store, record.uid) == ["finished"] * 4
    other.close()


@pytest.fixture
def other(impatient):
    """Another program's connection; nobody waits for it long."""
    with closing(sqlite3.connect(impatient.store.path, isolation_level=None, check_same_thread=False)) as db:
        yield db


@pytest.fixture
def hasty(monkeypatch):
    """Nobody waits for the record: the longest wait is over at once."""
    monkeypatch.setattr("fitdash.sweeps.coordinator.FLUSH_SECONDS", 0.0)
    monkeypatch.setattr("fitdash.sweeps.api.FLUSH_SECONDS", 0.0)


def begun(writer):
    return begin_sweep(writer.store, make_sweep_config(BASE, SPACE, pruner="none"), Budget(trials=2), writer=writer)


class Heard(logging.Handler):
    """What was logged first, and that something was."""

    def __init__(self):
        super().__init__()
        self.text, self.something = "", threading.Event()

    def emit(self, record):
        self.text = self.text or record.getMessage()
        self.something.set()


@pytest.mark.usefixtures("hasty")
def test_a_sweep_whose_end_cannot_be_told_in_time_ends_when_the_store_is_free(impatient, other):
    record, heard = begun(impatient), Heard()

    def before(number, epoch, control):
        if (number, epoch) == (1, 3):
            other.execute("BEGIN IMMEDIATE")

    searching = threading.Thread(target=Coordinator(record, impatient, Invented(falling, before=before)).run)
    logging.getLogger("fitdash.sweeps.coordinator").addHandler(heard)
    searching.start()
    try:
        assert heard.something.wait(60)
    finally:
        logging.getLogger("fitdash.sweeps.coordinator").removeHandler(heard)
    assert f"The end of the sweep {record.uid} waits in memory" in heard.text
    assert sweeps.find_sweep(impatient.store, record.uid).state == "running"

    other.execute("ROLLBACK")
    searching.join(60)

    found = sweeps.find_sweep(impatient.store, record.uid)
    assert (found.state, found.error) == ("finished", None)
    assert found.ended is not None
    assert states(impatient.store, record.uid) == ["finished"] * 2


@pytest.mark.usefixtures("hasty")
def test_who_stops_a_sweep_is_not_held_up_and_it_is_stopped_when_the_store_is_free(impatient, other):
    record = begun(impatient)

    def before(number, epoch, control):
        if (number, epoch) == (1, 1):
            other.execute("BEGIN IMMEDIATE")
            coordinator.stop()

    coordinator = Coordinator(record, impatient, Invented(falling, before=before), together=False)
    assert coordinator.run() == "stopped"
    assert sweeps.find_sweep(impatient.store, record.uid).state == "running"

    other.execute("ROLLBACK")
    assert impatient.flush(60)

    assert sweeps.find_sweep(impatient.store, record.uid).state == "stopped"
    assert states(impatient.store, record.uid) == ["finished", "interrupted"]


@pytest.mark.usefixtures("hasty")
def test_a_sweep_that_cannot_begin_to_train_has_failed_when_the_store_is_free(impatient, other):
    record = begun(impatient)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(SettingError, match="workers"):
        run_sweep(record, impatient, workers=-1)

    other.execute("ROLLBACK")
    assert impatient.flush(60)
    found = sweeps.find_sweep(impatient.store, record.uid)
    assert found.state == "failed"
    assert "workers" in found.error
