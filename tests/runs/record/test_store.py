"""One file that keeps every run."""

import sqlite3
import threading

import pytest

from fitdash.errors import StoreError
from fitdash.runs.protocol.events import BatchEnded, Began, Changed, Created, EpochEnded, PartialEpoch, Printed, Told
from fitdash.runs.record import process_lock, schema
from fitdash.runs.record.store import Store


def created(uid="a", **facts):
    return Created(**{"uid": uid, "name": "digits", "experiment": {"seed": 1}, "writer": "w", "at": 10.0, **facts})


def ended(epoch, uid="a", **logs):
    return EpochEnded(uid=uid, epoch=epoch, logs=logs or {"loss": 1.0 / (epoch + 1)}, seconds=0.5, at=20.0 + epoch)


def test_a_run_comes_back_with_everything_it_was_created_with(store):
    store.write([created(owner="me", parent="p")])

    run = store.run("a")
    assert (run.uid, run.name, run.state, run.created) == ("a", "digits", "queued", 10.0)
    assert (run.owner, run.parent, run.started, run.ended) == ("me", "p", None, None)
    assert (run.experiment, run.params, run.summary) == ({"seed": 1}, {}, {})
    assert run.is_active


def test_epochs_come_back_in_order_with_logs_in_theirs(store):
    store.write([created(), ended(0, z=1.0, a=2.0), ended(1, z=0.5, a=float("inf"))])

    rows = store.epochs("a")

    assert [(row.epoch, row.seconds, row.at) for row in rows] == [(0, 0.5, 20.0), (1, 0.5, 21.0)]
    assert [list(row.logs.items()) for row in rows] == [[("z", 1.0), ("a", 2.0)], [("z", 0.5), ("a", float("inf"))]]


def test_only_epochs_that_are_newer_are_read_when_asked(store):
    store.write([created(), ended(0), ended(1)])
    seen = max(row.seq for row in store.epochs("a"))
    store.write([ended(2)])

    assert [row.epoch for row in store.epochs("a", since=seen)] == [2]


def test_an_epoch_trained_again_replaces_the_equal_one(store):
    store.write([created(), ended(0, loss=1.0), ended(1, loss=0.1)])
    seen = max(row.seq for row in store.epochs("a"))

    store.write([ended(1, loss=0.7)])

    assert [row.logs["loss"] for row in store.epochs("a")] == [1.0, 0.7]
    assert [row.epoch for row in store.epochs("a", since=seen)] == [1]
    assert store.run("a").summary["logs"]["loss"]["min"] == 0.7
    assert store.run("a").summary["epochs"] == 2


def test_everything_else_comes_back_in_order_by_kind(store):
    told = {"epoch": 0, "kind": "learning_rate", "value": 0.1}
    store.write(
        [
            created(),
            Began(uid="a", params={"epochs": 3}),
            Printed(uid="a", text="Epoch 1/3"),
            Told(uid="a", facts=told),
            BatchEnded(uid="a", epoch=0, step=4, steps=9, logs={"loss": 2.0}),
            BatchEnded(uid="a", epoch=0, step=8, steps=9, logs={"loss": 1.0}),
            PartialEpoch(uid="a", epoch=0, logs={"loss": 1.5}),
            Printed(uid="a", text="äöü"),
        ]
    )

    assert store.run("a").params == {"epochs": 3}
    assert store.texts("a") == ["Epoch 1/3", "äöü"]
    assert [row.data for row in store.events("a", "told")] == [told]
    assert store.latest("a", "batch").data == {"epoch": 0, "step": 8, "steps": 9, "logs": {"loss": 1.0}}
    assert store.latest("a", "partial").data == {"epoch": 0, "logs": {"loss": 1.5}}
    everything = store.events("a")
    assert [row.kind for row in everything] == ["printed", "told", "batch", "batch", "partial", "printed"]
    assert [row.seq for row in everything] == sorted({row.seq for row in everything})
    assert store.texts("a", since=everything[-2].seq) == ["äöü"]


def test_states_note_when_a_run_started_and_ended(store):
    store.write([created(), Changed(uid="a", state="running", at=11.0)])
    store.write([Changed(uid="a", state="failed", error="ValueError: no", traceback="Traceback …", at=15.0)])

    run = store.run("a")
    assert (run.state, run.started, run.ended) == ("failed", 11.0, 15.0)
    assert (run.error, run.traceback, run.is_active) == ("ValueError: no", "Traceback …", False)


def test_runs_are_listed_newest_first_and_by_owner_and_state(store):
    store.write([created("a", owner="me"), created("b", owner="you"), created("c", owner="me")])
    store.write([Changed(uid="c", state="finished")])

    assert [run.uid for run in store.runs()] == ["c", "b", "a"]
    assert [run.uid for run in store.runs(owner="me")] == ["c", "a"]
    assert [run.uid for run in store.runs(owner="me", states=["queued", "running"])] == ["a"]


def test_what_nobody_created_is_unknown(store):
    store.write([ended(0, uid="ghost")])

    assert store.run("ghost") is None
    assert store.run("'; DROP TABLE runs; --") is None
    assert store.epochs("ghost") == []
    assert store.latest("ghost", "batch") is None


def test_events_are_kept_all_or_none(store):
    class Odd(EpochEnded):
        pass

    with pytest.raises(sqlite3.Error):
        store.write([created(), ended(0), Odd(uid="a", epoch=object(), logs={}, seconds=0.0)])

    assert store.run("a") is None


def test_the_revision_changes_with_writes_of_this_process_and_of_others(store):
    first = store.revision()
    assert store.revision() == first

    store.write([created()])
    second = store.revision()
    with Store(store.path) as other:
        other.write([created("b")])

    assert len({first, second, store.revision()}) == 3


def test_reading_leaves_no_transaction_open(store):
    store.write([created(), ended(0)])
    store.runs()
    store.epochs("a")

    assert not store._reads.in_transaction


def test_a_transaction_whose_block_raises_leaves_the_record_as_it_was(store):
    store.write([created()])

    with pytest.raises(KeyError), store.write_transaction(durable=False) as db:
        db.execute("UPDATE runs SET name = 'other'")
        raise KeyError

    assert store.run("a").name != "other"
    store.write([created("b")])
    assert store.run("b") is not None


def test_runs_of_a_dead_writer_become_interrupted(store):
    store.write([created(writer="dead"), Changed(uid="a", state="running", at=12.0), ended(0), ended(1)])
    store.write([created("b", writer="dead"), Changed(uid="b", state="finished", at=13.0)])

    assert store.reap() == ["a"]

    run = store.run("a")
    assert (run.state, run.ended) == ("interrupted", 21.0)
    assert store.run("b").state == "finished"
    assert store.reap() == []


def test_runs_of_a_living_writer_are_left_alone(store):
    lock = process_lock.acquire(store.lock_path("living"))
    store.write([created(writer="living")])

    assert store.reap() == []

    process_lock.release(lock)
    assert store.reap() == ["a"]


def test_a_file_that_is_no_store_is_refused_with_its_name(tmp_path):
    path = tmp_path / "runs.db"
    path.write_text("a diary, long enough to be taken for something else" * 100)

    with pytest.raises(StoreError, match=r"runs\.db must be a fitdash store that can be opened, got: file is not a"):
        Store(path)

    assert path.read_text().startswith("a diary")


def test_a_folder_that_cannot_be_is_refused_with_its_name(tmp_path):
    (tmp_path / "home").write_text("a file")

    with pytest.raises(StoreError, match=r"home.runs\.db must be a fitdash store that can be opened, got: .*home"):
        Store(tmp_path / "home" / "runs.db")


def test_a_file_of_another_program_is_refused_with_its_name(tmp_path):
    path = tmp_path / "bookmarks.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.close()

    with pytest.raises(StoreError, match=r"bookmarks\.db must be a fitdash store, got another program's SQLite file"):
        Store(path)


def test_a_store_that_is_newer_than_the_code_is_refused(tmp_path):
    path = tmp_path / "runs.db"
    Store(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version={len(schema.MIGRATIONS) + 1}")
    db.close()

    newest = len(schema.MIGRATIONS)
    refusal = rf"runs\.db must be of version {newest} or older, got version {newest + 1}\. A newer fitdash wrote it"
    with pytest.raises(StoreError, match=refusal):
        Store(path)


def test_an_older_store_is_brought_up_to_date_and_a_copy_is_kept(tmp_path):
    path = tmp_path / "runs.db"
    with Store(path) as store:
        store.write([created()])

    schema.prepare(path, [*schema.MIGRATIONS, ["ALTER TABLE runs ADD COLUMN note TEXT"]])

    db = sqlite3.connect(path)
    assert db.execute("SELECT uid, note FROM runs").fetchall() == [("a", None)]
    assert db.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS) + 1,)
    db.close()
    with Store(tmp_path / f"runs.v{len(schema.MIGRATIONS)}.db") as copy:
        assert copy.run("a").name == "digits"


def test_a_migration_that_fails_changes_nothing(tmp_path):
    path = tmp_path / "runs.db"
    Store(path).close()

    with pytest.raises(StoreError, match="no such table: nowhere"):
        schema.prepare(path, [*schema.MIGRATIONS, ["DROP TABLE events", "DELETE FROM nowhere"]])

    with Store(path) as store:
        assert store.events("a") == []


def test_several_may_open_a_new_store_at_once(tmp_path):
    problems = []

    def open_it():
        try:
            with Store(tmp_path / "runs.db") as store:
                store.write([created(threading.current_thread().name)])
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    with Store(tmp_path / "runs.db") as store:
        assert len(store.runs()) == 8


def test_a_locked_store_says_so(tmp_path):
    with Store(tmp_path / "runs.db", busy_seconds=0.01) as store:
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StoreError, match=r"runs\.db cannot be written: database is locked"):
            store.write([created()])

        other.execute("ROLLBACK")
        other.close()
        store.write([created()])
        assert store.run("a") is not None
