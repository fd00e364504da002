"""Sweeps in the record, and what people write to runs."""

import pytest

from fitdash.errors import StoreError
from fitdash.runs.protocol.events import Changed, Created, SweepEnded, TrialJudged
from fitdash.runs.record import sweeps
from fitdash.runs.record.store import Store

RECIPE = {"space": {"network.width": {"choices": [8, 16]}}}


def begin(store, uid="s", writer="w"):
    return sweeps.create_sweep(store, uid, name="first", recipe=RECIPE, budget={"trials": 3}, writer=writer)


def add_trial(store, uid, number, state="finished", sweep="s"):
    created = Created(uid=uid, name="", experiment={}, writer="w", sweep=sweep, trial=number)
    store.write([created, Changed(uid=uid, state=state)])


def test_a_sweep_is_kept_with_its_recipe_and_its_budget(store):
    begin(store)

    (found,) = sweeps.all_sweeps(store)

    assert (found.uid, found.name, found.state, found.is_active) == ("s", "first", "running", True)
    assert (found.recipe, found.budget) == (RECIPE, {"trials": 3})


def test_a_run_knows_its_sweep_and_its_number_there(store):
    begin(store)
    add_trial(store, "a", 0)
    add_trial(store, "b", 1)
    store.write([Created(uid="alone", name="", experiment={}, writer="w")])

    trials = store.runs(sweep="s")

    assert [(run.uid, run.sweep, run.trial) for run in trials] == [("b", "s", 1), ("a", "s", 0)]
    assert store.run("alone").sweep is None


def test_a_pruned_run_is_told_from_one_that_a_person_stopped(store):
    add_trial(store, "a", 0, state="stopped")
    store.write([TrialJudged(uid="a", verdict="pruned")])

    assert store.run("a").verdict == "pruned"


def test_the_newest_run_of_a_trial_counts(store):
    add_trial(store, "a", 0, state="interrupted")
    add_trial(store, "b", 1)
    add_trial(store, "again", 0)

    assert [run.uid for run in sweeps.newest_run_per_trial(store.runs(sweep="s"))] == ["again", "b"]


def test_a_sweep_of_a_dead_process_is_interrupted_and_one_process_goes_on_with_it(store, writer):
    begin(store, writer="dead")
    begin(store, "alive", writer=writer.uid)

    store.reap()

    assert [one.state for one in sweeps.all_sweeps(store)] == ["running", "interrupted"]
    claimed = sweeps.claim_sweep(store, "s", writer.uid, {"trials": 5})
    assert (claimed.state, claimed.budget) == ("running", {"trials": 5})
    with pytest.raises(StoreError, match="must have ended to go on, got one that is running"):
        sweeps.claim_sweep(store, "s", "another", {"trials": 5})


def test_anybody_may_ask_a_sweep_to_stop_and_give_it_more(store):
    begin(store)

    sweeps.change_budget(store, "s", {"trials": 9})
    sweeps.ask_to_stop(store, "s")

    found = sweeps.find_sweep(store, "s")
    assert (found.state, found.budget) == ("stopping", {"trials": 9})
    store.write([SweepEnded(uid="s", state="stopped", seconds=2.5)])
    sweeps.ask_to_stop(store, "s")
    assert sweeps.find_sweep(store, "s").state == "stopped"
    assert sweeps.find_sweep(store, "s").seconds == 2.5


def test_a_sweep_that_is_not_there_is_told(store):
    for change in (sweeps.find_sweep, sweeps.ask_to_stop):
        with pytest.raises(StoreError, match="must know the sweep, got 'none'"):
            change(store, "none")


def test_runs_have_a_name_tags_and_notes_that_people_change(store):
    add_trial(store, "a", 0)
    before = store.run("a").seq

    store.annotate("a", name="wide one", tags=["good", " good ", "", "slow"])
    store.annotate("a", notes="Look at the bend.")

    run = store.run("a")
    assert (run.name, run.tags, run.notes) == ("wide one", ("good", "slow"), "Look at the bend.")
    assert run.seq > before
    with pytest.raises(StoreError, match="must know the run to change it, got 'b'"):
        store.annotate("b", tags=["x"])


def test_a_store_from_before_sweeps_is_brought_up_to_date(home):
    from fitdash.runs.record import schema

    schema.prepare(home / "runs.db", schema.MIGRATIONS[:2])
    db = schema.connect(home / "runs.db", busy_seconds=1)
    db.execute("INSERT INTO runs (uid, name, state, created, writer, experiment) VALUES ('a','','finished',1,'w','{}')")
    db.close()

    with Store() as store:
        run = store.run("a")

        assert (run.tags, run.notes, run.sweep, run.trial) == ((), "", None, None)
        assert sweeps.all_sweeps(store) == []
