"""A store of every earlier version opens, with everything in it."""

import json
import sqlite3
from contextlib import closing

import pytest

from fitdash.runs.protocol.events import Changed, EpochEnded, Printed
from fitdash.runs.record import schema
from fitdash.runs.record.store import Store

# As the first version made them; never to be edited.
FIRST = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, state TEXT NOT NULL,
    created REAL NOT NULL, started REAL, ended REAL, seq INTEGER NOT NULL DEFAULT 0,
    writer TEXT NOT NULL, owner TEXT, parent TEXT,
    experiment TEXT NOT NULL, params TEXT NOT NULL DEFAULT '{}', summary TEXT NOT NULL DEFAULT '{}',
    error TEXT, traceback TEXT);
CREATE INDEX runs_by_state ON runs (state);
CREATE TABLE epochs (
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    at REAL NOT NULL, seconds REAL, logs TEXT NOT NULL, PRIMARY KEY (run, epoch)) WITHOUT ROWID;
CREATE TABLE events (
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, kind TEXT NOT NULL, seq INTEGER NOT NULL,
    at REAL NOT NULL, data TEXT NOT NULL, PRIMARY KEY (run, kind, seq)) WITHOUT ROWID;
INSERT INTO runs (uid, name, state, created, started, ended, seq, writer, owner, parent, experiment, params, summary)
    VALUES ('a', 'old', 'finished', 1.5, 2.5, 9.5, 302, 'gone', 'me', 'p', '{"seed":7}', '{"epochs":300}',
            '{"epochs":300,"epoch":299,"logs":{"loss":{"last":0.5,"min":0.5,"min_epoch":0,"max":0.5,"max_epoch":0}}}');
WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 299)
    INSERT INTO epochs SELECT 1, n, n + 1, 3.0 + n, 0.25, '{"loss":0.5,"val_loss":NaN}' FROM numbers;
INSERT INTO events VALUES (1, 'printed', 301, 3.0, '"Epoch 1/300"');
INSERT INTO events VALUES (1, 'told', 302, 3.0, '{"epoch":0,"kind":"nan"}');
PRAGMA application_id = 1718187108;
PRAGMA user_version = 1;
"""


@pytest.fixture(params=range(1, len(schema.MIGRATIONS) + 1), ids="version {}".format)
def old(request, tmp_path):
    """The file of a store of an earlier version, or of this one."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(FIRST)
        schema.teach(db)
        for statements in schema.MIGRATIONS[1 : request.param]:
            for statement in statements:
                db.execute(statement)
        db.execute(f"PRAGMA user_version={request.param}")
    return path


def test_everything_in_it_is_read(old):
    with Store(old) as store:
        run = store.run("a")
        assert (run.name, run.state, run.created, run.started, run.ended) == ("old", "finished", 1.5, 2.5, 9.5)
        assert (run.owner, run.parent, run.experiment, run.params) == ("me", "p", {"seed": 7}, {"epochs": 300})
        assert [line.uid for line in store.lines()] == ["a"]
        assert [row.epoch for row in store.epochs("a")] == list(range(300))
        assert {row.logs["loss"] for row in store.epochs("a")} == {0.5}
        assert store.texts("a") == ["Epoch 1/300"]
        assert store.latest("a", "told").data == {"epoch": 0, "kind": "nan"}


def test_its_run_goes_on(old):
    with Store(old) as store:
        store.write([Changed(uid="a", state="running")])
        store.write([EpochEnded(uid="a", epoch=n, logs={"loss": 0.1}, seconds=0.1) for n in range(299, 600)])
        store.write([Printed(uid="a", text="on"), Changed(uid="a", state="finished")])

    with Store(old) as store:
        assert [row.logs["loss"] for row in store.epochs("a")] == [0.5] * 299 + [0.1] * 301
        assert store.run("a").summary["epochs"] == 600
        assert store.texts("a") == ["Epoch 1/300", "on"]


def test_its_run_is_deleted_and_brought_back(old):
    with Store(old) as store:
        store.delete(["a"])
        assert store.lines() == []
        assert store.undelete().runs == ["a"]
        assert store.run("a").name == "old"


def test_the_first_version_was_not_edited(tmp_path):
    with closing(sqlite3.connect(tmp_path / "a.db")) as then, closing(sqlite3.connect(tmp_path / "b.db")) as now:
        then.executescript(FIRST)
        for statement in schema.MIGRATIONS[0]:
            now.execute(statement)
        columns = "SELECT m.name, c.* FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'"
        assert then.execute(columns).fetchall() == now.execute(columns).fetchall()


def test_summaries_become_numbers_and_one_that_cannot_be_read_is_left(tmp_path):
    entry = {"last": 0.25, "min": 0.25, "min_epoch": 4, "max": 1.5, "max_epoch": 0}
    summary = {"epochs": 5, "epoch": 4, "seconds": 2.5, "logs": {"loss": entry}}
    with closing(sqlite3.connect(tmp_path / "old.db", isolation_level=None)) as db:
        db.executescript(FIRST)
        row = (
            "INSERT INTO runs (uid, name, state, created, writer, experiment, summary) VALUES (?, '', '', 0, '', '', ?)"
        )
        db.executemany(row, [("b", json.dumps(summary)), ("c", "{"), ("d", "{}")])

    with Store(tmp_path / "old.db") as store:
        assert store.run("b").summary == summary
        assert store.run("d").summary == {}
        assert store.read_rows("SELECT uid, typeof(summary) FROM runs ORDER BY uid")[1:3] == [
            ("b", "blob"),
            ("c", "text"),
        ]
