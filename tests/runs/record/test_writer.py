"""The thread that writes."""

import logging
import sqlite3
import subprocess
import sys

import pytest

from fitdash.runs.protocol.events import BatchEnded, Created, EpochEnded, Printed
from fitdash.runs.record import writer as writer_module
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import Writer, drop_surplus_events


def created(uid="a", writer="w"):
    return Created(uid=uid, name="", experiment={}, writer=writer)


def ended(epoch, uid="a"):
    return EpochEnded(uid=uid, epoch=epoch, logs={"loss": 1.0}, seconds=0.1)


@pytest.fixture
def impatient(home):
    """A store that gives up at once when it is locked."""
    with Store(busy_seconds=0.001) as store:
        yield store


def test_flush_waits_until_everything_is_in_the_store(store, writer):
    writer.put(created())
    for epoch in range(500):
        writer.put(ended(epoch))

    assert writer.flush(10)

    assert [row.epoch for row in store.epochs("a")] == list(range(500))


def test_what_comes_together_is_committed_together(store, monkeypatch):
    commits = []
    monkeypatch.setattr(store, "write", lambda events: commits.append(len(events)))
    # A clock that stands still: after the first commit the writer would wait for ever, but for the flush.
    monkeypatch.setattr(writer_module, "COMMITS_PER_SECOND", 1e-6)
    writer = Writer(store, clock=lambda: 0.0)
    writer.put(created())
    writer.flush(10)
    for epoch in range(1000):
        writer.put(ended(epoch))
    writer.flush(10)
    writer.close()

    assert sum(commits) == 1001
    assert len(commits) <= 3


def test_closing_writes_what_is_left_and_may_be_done_twice(store):
    writer = Writer(store)
    writer.put(created())
    writer.put(ended(0))

    writer.close()
    writer.close()

    assert len(store.epochs("a")) == 1
    assert not writer.flush(0)


def test_the_process_holds_a_lock_until_the_writer_is_closed(store):
    writer = Writer(store)
    writer.put(created(writer=writer.uid))
    writer.flush(10)
    assert store.reap() == []

    writer.close()

    assert store.reap() == ["a"]


def test_events_wait_in_memory_while_the_store_is_locked(impatient):
    writer = Writer(impatient)
    writer.put(created())
    assert writer.flush(10)
    other = sqlite3.connect(impatient.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for epoch in range(20):
        writer.put(ended(epoch))

    assert not writer.flush(0.2)
    assert "database is locked" in writer.trouble
    assert impatient.epochs("a") == []

    other.execute("ROLLBACK")
    other.close()
    assert writer.flush(10)
    assert writer.trouble is None
    assert [row.epoch for row in impatient.epochs("a")] == list(range(20))
    writer.close()


def test_closing_gives_up_on_a_store_that_stays_locked(impatient):
    writer = Writer(impatient)
    writer.put(created())
    writer.flush(10)
    other = sqlite3.connect(impatient.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writer.put(ended(0))

    writer.close(timeout=0.05)

    assert writer._thread.is_alive()
    other.execute("ROLLBACK")
    other.close()
    writer._thread.join()
    assert len(impatient.epochs("a")) == 1


def test_an_event_that_cannot_be_kept_takes_no_other_with_it(store, writer, caplog):
    writer.put(created())
    writer.put(ended(0))
    writer.put(EpochEnded(uid="a", epoch="two", logs={}, seconds=object()))
    writer.put(ended(1))

    with caplog.at_level(logging.ERROR):
        assert writer.flush(10)

    assert [row.epoch for row in store.epochs("a")] == [0, 1]
    assert "cannot be kept" in caplog.text


def test_beyond_a_bound_only_running_values_are_let_go():
    running = [BatchEnded(uid="a", epoch=0, step=step, steps=None, logs={}) for step in range(5)]
    others = [ended(0), Printed(uid="a", text="x")]

    assert drop_surplus_events([*running, *others], most=6) == others
    assert drop_surplus_events([*running, *others], most=7) == [*running, *others]


def test_a_script_that_just_ends_loses_nothing(store):
    script = (
        "from fitdash.runs.record.store import Store; from fitdash.runs.record.writer import Writer;"
        "from fitdash.runs.protocol.events import Created, Printed;"
        "w = Writer(Store()); w.put(Created(uid='a', name='', experiment={}, writer=w.uid));"
        "[w.put(Printed(uid='a', text=str(i))) for i in range(100)]"
    )

    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)

    assert store.texts("a") == [str(i) for i in range(100)]
    assert store.reap() == ["a"]


def test_several_processes_write_at_once_and_nothing_is_lost(store, writer):
    script = (
        "import sys; from fitdash.runs.record.store import Store; from fitdash.runs.record.writer import Writer;"
        "from fitdash.runs.protocol.events import Created, EpochEnded;"
        "w = Writer(Store()); uid = sys.argv[1]; w.put(Created(uid=uid, name='', experiment={}, writer=w.uid));"
        "[(w.put(EpochEnded(uid=uid, epoch=i, logs={'loss': 1.0}, seconds=0.1)), i % 20 or w.flush())"
        " for i in range(400)]"
    )
    processes = [subprocess.Popen([sys.executable, "-W", "error", "-c", script, str(number)]) for number in range(3)]
    writer.put(created("here"))
    epochs = 0
    while any(process.poll() is None for process in processes):
        writer.put(ended(epochs, "here"))
        assert writer.flush(30)
        epochs += 1

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert [len(store.epochs(str(number))) for number in range(3)] == [400, 400, 400]
    assert len(store.epochs("here")) == epochs
    assert writer.trouble is None
