"""Deleting a run hides it, undoing brings it back, purging removes it."""

import pytest

from fitdash.errors import StoreError
from fitdash.runs.protocol.events import Changed, Created, EpochEnded, Printed
from fitdash.runs.record.store import Store


@pytest.fixture
def runs(store):
    """Runs a, b, c that ended and one that trains."""
    for uid in "abc":
        store.write([Created(uid=uid, name=uid, experiment={}, writer="w", owner="me"), *_happens(uid)])
    store.write([Created(uid="live", name="", experiment={}, writer="w"), Changed(uid="live", state="running")])
    return store


def _happens(uid):
    return [
        EpochEnded(uid=uid, epoch=0, logs={"loss": 1.0}, seconds=0.1),
        Printed(uid=uid, text="hello"),
        Changed(uid=uid, state="finished"),
    ]


def uids(store):
    return [run.uid for run in store.runs()]


def test_a_deleted_run_is_hidden_from_every_reading(runs):
    runs.delete(["b"])

    assert uids(runs) == ["live", "c", "a"]
    assert [line.uid for line in runs.lines()] == ["live", "c", "a"]
    assert [run.uid for run in runs.runs(owner="me", states=["finished"])] == ["c", "a"]
    assert runs.run("b") is None
    assert (runs.epochs("b"), runs.events("b"), runs.latest("b", "printed")) == ([], [], None)
    assert runs.beginning("b") == []


def test_undoing_brings_the_last_deletion_back_as_it_was(runs):
    before = runs.run("b"), runs.epochs("b"), runs.events("b")
    runs.delete(["a"])
    runs.delete(["b", "c"])

    assert sorted(runs.undelete().runs) == ["b", "c"]

    assert uids(runs) == ["live", "c", "b"]
    assert (runs.epochs("b"), runs.events("b")) == before[1:]
    assert (runs.run("b").summary, runs.run("b").state) == (before[0].summary, "finished")
    assert runs.undelete().runs == ["a"]
    assert runs.undelete().runs == []


def test_undoing_knows_the_last_deletion_also_where_the_clock_went_back(runs, monkeypatch):
    moments = iter([100.0, 50.0])
    monkeypatch.setattr("fitdash.runs.record.deletion.time.time", lambda: next(moments))
    runs.delete(["a"])
    runs.delete(["b"])

    assert runs.undelete().runs == ["b"]


def test_those_deleted_can_be_listed_the_last_deletion_first(runs):
    runs.delete(["b"])
    runs.delete(["a"])

    assert [line.uid for line in runs.lines(deleted=True)] == ["a", "b"]
    assert runs.beginning("", deleted=True) == ["b", "a"]


@pytest.mark.parametrize("state", ["queued", "running", "paused", "stopping"])
def test_a_run_that_has_not_ended_is_not_deleted(runs, state):
    runs.write([Changed(uid="live", state=state)])

    with pytest.raises(StoreError, match=f"must have ended to be deleted, got live, which is {state}. Stop it first."):
        runs.delete(["a", "live"])

    assert uids(runs) == ["live", "c", "b", "a"]


def test_all_that_cannot_be_deleted_is_told_at_once(runs):
    with pytest.raises(StoreError, match="in the store to be deleted, got 'ghost'.*got live, which is running"):
        runs.delete(["ghost", "live"])


def test_a_run_that_is_deleted_is_not_deleted_again(runs):
    runs.delete(["a"])

    with pytest.raises(StoreError, match="got 'a'"):
        runs.delete(["a"])


def test_a_deleted_run_that_goes_on_elsewhere_is_seen_again(runs):
    runs.delete(["a"])

    runs.write([Changed(uid="a", state="running")])

    assert "a" in uids(runs)
    assert (runs.undelete(), runs.purge()) == (([], []), ([], []))


def test_purging_removes_what_is_deleted_and_nothing_else(runs):
    runs.delete(["a", "b"])

    assert sorted(runs.purge().runs) == ["a", "b"]

    assert runs.undelete().runs == []
    assert uids(runs) == ["live", "c"]
    assert runs.read_rows("SELECT count(*) FROM epochs") == [(1,)]
    assert runs.read_rows("SELECT count(*) FROM events") == [(1,)]
    assert runs.purge().runs == []


def test_purging_gives_room_back_also_where_another_reads(runs):
    runs.write([Printed(uid="a", text="x" * 4_000_000)])
    runs.delete(["a"])

    with Store(runs.path) as other:
        other.runs()
        runs.purge()

    assert runs.read_rows("PRAGMA page_count")[0][0] < 100


def test_purging_removes_the_files_of_purged_runs_alone(runs, home):
    for uid in "ab":
        (home / "runs" / uid / "checkpoints").mkdir(parents=True)
        (home / "runs" / uid / "checkpoints" / "end.safetensors").write_text("")
    runs.delete(["a"])
    assert (home / "runs" / "a").exists()

    runs.purge()

    assert [path.name for path in (home / "runs").iterdir()] == ["b"]


@pytest.mark.parametrize("uid", ["", ".", "..", "../uploads", "b/checkpoints", "/"])
def test_a_uid_that_is_a_path_removes_nothing(runs, home, uid):
    for folder in ("uploads", "runs/b/checkpoints"):
        (home / folder).mkdir(parents=True)
    runs.write([Created(uid=uid, name="", experiment={}, writer="w"), Changed(uid=uid, state="finished")])
    runs.delete([uid])

    assert runs.purge().runs == [uid]

    assert (home / "uploads").exists()
    assert (home / "runs" / "b" / "checkpoints").exists()
    assert runs.path.exists()


def test_what_a_purged_run_is_told_is_dropped(runs):
    runs.delete(["a"])
    runs.purge()

    runs.write(_happens("a"))

    assert runs.run("a") is None


def test_the_revision_tells_of_deletions(runs):
    before = runs.revision()

    runs.delete(["a"])

    assert runs.revision() != before
