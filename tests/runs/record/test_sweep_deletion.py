"""Deleting a sweep hides it with its runs or without, undoing brings both back, purging removes them."""

import pytest

from fitdash.errors import StoreError
from fitdash.runs.protocol.events import Changed, Created, SweepEnded
from fitdash.runs.record import sweeps


@pytest.fixture
def searched(store):
    """Sweeps s and t that ended, with two runs and one, and a run alone."""
    for uid, runs in (("s", "ab"), ("t", "c")):
        sweeps.create_sweep(store, uid, name=uid, recipe={}, budget={}, writer="w", owner="me")
        for number, run in enumerate(runs):
            add(store, run, sweep=uid, trial=number)
        store.write([SweepEnded(uid=uid, state="finished", seconds=1.0)])
    add(store, "alone")
    return store


def add(store, uid, state="finished", **more):
    store.write([Created(uid=uid, name="", experiment={}, writer="w", **more), Changed(uid=uid, state=state)])


def seen(store):
    return [one.uid for one in sweeps.all_sweeps(store)], sorted(run.uid for run in store.runs())


def test_a_sweep_goes_with_its_runs_and_comes_back_with_them(searched):
    before = sweeps.find_sweep(searched, "s")

    assert sweeps.delete_sweeps(searched, ["s"]) == (["a", "b"], ["s"])

    assert seen(searched) == (["t"], ["alone", "c"])
    assert [one.uid for one in sweeps.all_sweeps(searched, deleted=True)] == ["s"]
    assert sweeps.all_sweeps(searched, owner="me", deleted=True) == [before]
    with pytest.raises(StoreError, match="must know the sweep, got 's'"):
        sweeps.find_sweep(searched, "s")

    back = searched.undelete("sweeps")

    assert (sorted(back.runs), back.sweeps) == (["a", "b"], ["s"])
    assert seen(searched) == (["t", "s"], ["a", "alone", "b", "c"])
    assert sweeps.find_sweep(searched, "s") == before


def test_its_runs_may_stay(searched):
    assert sweeps.delete_sweeps(searched, ["s"], with_runs=False) == ([], ["s"])

    assert seen(searched) == (["t"], ["a", "alone", "b", "c"])
    assert searched.undelete() == ([], [])
    assert searched.undelete("sweeps") == ([], ["s"])


def test_runs_that_were_deleted_before_do_not_come_back_with_the_sweep(searched):
    searched.delete(["a"])
    assert sweeps.run_counts(searched) == {"s": 1, "t": 1}

    sweeps.delete_sweeps(searched, ["s"])

    assert sweeps.run_counts(searched) == {"s": 1, "t": 1}
    assert searched.undelete("sweeps") == (["b"], ["s"])
    assert searched.undelete() == (["a"], [])


def test_undoing_runs_brings_the_sweep_back_that_went_with_them_and_passes_other_sweeps_over(searched):
    sweeps.delete_sweeps(searched, ["s"])
    sweeps.delete_sweeps(searched, ["t"], with_runs=False)

    back = searched.undelete()

    assert (sorted(back.runs), back.sweeps) == (["a", "b"], ["s"])
    assert seen(searched)[0] == ["s"]


def test_undoing_sweeps_passes_runs_over_that_were_deleted_since(searched):
    sweeps.delete_sweeps(searched, ["s"])
    searched.delete(["alone"])

    assert searched.undelete("sweeps").sweeps == ["s"]
    assert searched.undelete() == (["alone"], [])


@pytest.mark.parametrize("state", ["running", "paused", "stopping"])
def test_a_sweep_that_has_not_ended_stays(searched, state):
    with searched.write_transaction(durable=True) as db:
        db.execute("UPDATE sweeps SET state = ? WHERE uid = 't'", [state])

    with pytest.raises(StoreError, match=f"A sweep must have ended to be deleted, got t, which is {state}. Stop it"):
        sweeps.delete_sweeps(searched, ["s", "t"])

    assert seen(searched) == (["t", "s"], ["a", "alone", "b", "c"])


def test_a_sweep_stays_while_one_of_its_runs_goes_on(searched):
    searched.write([Changed(uid="b", state="running")])

    with pytest.raises(StoreError, match="A run must have ended to be deleted, got b, which is running"):
        sweeps.delete_sweeps(searched, ["s"])

    assert seen(searched) == (["t", "s"], ["a", "alone", "b", "c"])
    assert sweeps.delete_sweeps(searched, ["s"], with_runs=False).sweeps == ["s"]


def test_a_sweep_that_is_unknown_or_deleted_is_not_deleted(searched):
    sweeps.delete_sweeps(searched, ["s"])

    for uid in ("s", "ghost"):
        with pytest.raises(StoreError, match=f"A sweep must be in the store to be deleted, got '{uid}'"):
            sweeps.delete_sweeps(searched, [uid])


def test_nobody_goes_on_with_a_deleted_sweep(searched):
    sweeps.delete_sweeps(searched, ["s"])

    with pytest.raises(StoreError, match="must know the sweep, got 's'"):
        sweeps.claim_sweep(searched, "s", "w", {})

    assert sweeps.all_sweeps(searched, deleted=True)[0].state == "finished"


def test_purging_removes_deleted_sweeps_and_the_files_of_their_runs(searched, home):
    for uid in "ac":
        (home / "runs" / uid).mkdir(parents=True)
    sweeps.delete_sweeps(searched, ["s"])

    purged = searched.purge()

    assert (sorted(purged.runs), purged.sweeps) == (["a", "b"], ["s"])
    assert [path.name for path in (home / "runs").iterdir()] == ["c"]
    assert searched.undelete("sweeps") == ([], [])
    assert searched.read_rows("SELECT uid FROM sweeps") == [("t",)]
