"""`fitdash sweeps` on the command line."""

import json
import os

import pytest
from click.testing import CliRunner

from fitdash.cli.commands import main
from fitdash.data.tables.upload import save_upload
from fitdash.runs.protocol.events import Changed, Created, SweepEnded
from fitdash.runs.record import sweeps
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import Writer


@pytest.fixture
def store(home):
    """A store with the sweeps aa11 (two runs) and aa22 that ended, and one that is searched."""
    with Store() as store:
        writer = Writer(store)
        for uid, name in (("aa11", "widths"), ("aa22", "rates\x1b"), ("live", "on")):
            budget = {"trials": 3, "seconds": None}
            sweeps.create_sweep(store, uid, name=name, recipe={}, budget=budget, writer=writer.uid)
        for number, uid in enumerate(("run1", "run2")):
            created = Created(uid=uid, name="", experiment={}, writer=writer.uid, sweep="aa11", trial=number)
            store.write([created, Changed(uid=uid, state="finished")])
        for uid in ("aa11", "aa22"):
            store.write([SweepEnded(uid=uid, state="finished", seconds=75.0)])
        yield store
        writer.close()


def call(*words, group="sweeps"):
    result = CliRunner().invoke(main, [group, *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def told(*words, **more):
    result = call(*words, **more)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def given(*words, **more):
    return json.loads("\n".join(told(*words, "--json", **more)))


def refused(*words):
    result = call(*words)
    assert (result.exit_code, result.stdout) == (1, "")
    return result.stderr


def test_sweeps_are_listed_the_newest_first(store):
    head, *lines = told()

    assert head.split() == ["sweep", "state", "runs", "created", "took", "name"]
    assert [(line.split()[:3], line.split()[-2:]) for line in lines] == [
        (["live", "running", "0"], ["s", "on"]),
        (["aa22", "finished", "0"], ["1:15", "rates"]),
        (["aa11", "finished", "2"], ["1:15", "widths"]),
    ]


def test_the_list_as_json_has_what_programs_need(store):
    *_, first = given()

    assert first.pop("created").endswith("+00:00")
    assert first.pop("ended").endswith("+00:00")
    assert first == {
        "uid": "aa11",
        "name": "widths",
        "state": "finished",
        "seconds": 75.0,
        "runs": 2,
        "budget": {"trials": 3, "seconds": None},
        "error": None,
    }


def test_without_sweeps_it_says_how_to_begin_one(home):
    assert told() == ["No sweep is recorded yet. `fitdash sweep FILE` begins one."]
    assert given() == []


def test_deleting_takes_the_runs_along_and_undo_brings_both_back(store):
    assert told("delete", "aa1") == [
        "Deleted 1 sweep and 2 runs: aa11, run1, run2.",
        "`fitdash sweeps undo` brings them back.",
    ]
    assert [one["uid"] for one in given()] == ["live", "aa22"]
    assert [(one["uid"], one["runs"]) for one in given("list", "--deleted")] == [("aa11", 2)]
    assert given("list", group="runs") == []

    assert told("undo") == ["Restored 1 sweep and 2 runs: aa11, run1, run2."]

    assert [one["uid"] for one in given()] == ["live", "aa22", "aa11"]
    assert len(given("list", group="runs")) == 2
    assert "A sweep must be deleted to be brought back, and none is." in refused("undo")
    assert told("list", "--deleted") == ["No sweep is deleted."]


def test_the_runs_stay_where_that_is_interactive_for(store):
    assert told("delete", "aa11", "--keep-runs") == [
        "Deleted 1 sweep: aa11.",
        "`fitdash sweeps undo` brings it back.",
        "2 runs of theirs stay.",
    ]
    assert len(given("list", group="runs")) == 2
    assert given("undo") == {"restored": [], "sweeps": ["aa11"]}


def test_json_tells_the_uids_of_runs_and_sweeps(store):
    assert given("delete", "aa11", "aa22", "aa11") == {"deleted": ["run1", "run2"], "sweeps": ["aa11", "aa22"]}
    assert given("undo", group="runs") == {"restored": ["run1", "run2"], "sweeps": ["aa11", "aa22"]}


@pytest.mark.parametrize(
    ("uid", "words"),
    [
        ("zz", "UID must begin a sweep's uid, got 'zz'. `fitdash sweeps` lists them."),
        ("", "UID must begin a sweep's uid, got ''. `fitdash sweeps` lists them."),
        ("aa", "UID must begin one sweep's uid, got 'aa', which 2 begin with: aa22, aa11."),
        ("li", "A sweep must have ended to be deleted, got live, which is running. Stop it first."),
    ],
)
def test_what_cannot_be_deleted_is_told_and_nothing_is_deleted(store, uid, words):
    assert refused("delete", uid) == f"Error: {words}\n"
    assert len(given()) == 3


def test_a_sweep_that_is_deleted_is_told_from_one_that_never_was(store):
    told("delete", "aa11")

    assert "got 'aa11', which is deleted. `fitdash sweeps undo` brings back" in refused("delete", "aa11")


def test_the_upload_of_a_deleted_sweep_goes_with_purge(store, home, monkeypatch):
    content = save_upload(b"a,b\n1,1\n2,3\n", home / "uploads")
    os.utime(home / "uploads" / content, (0, 0))
    recipe = {"experiment": {"data": {"content": content}}}
    sweeps.create_sweep(store, "up", name="", recipe=recipe, budget={}, writer="w")
    store.write([SweepEnded(uid="up", state="finished", seconds=1.0)])
    assert given("purge", group="runs")["uploads"] == []
    told("delete", "up")
    monkeypatch.setattr("fitdash.cli.runs._is_interactive", lambda: True)

    asked = CliRunner().invoke(main, ["runs", "purge"], input="n\n")

    assert "Remove 1 sweep for good?" in asked.stderr
    assert told("purge", "--yes", group="runs") == ["Purged 1 sweep: up.", "Removed 1 upload, 0.0 MB."]
    assert list((home / "uploads").iterdir()) == []
