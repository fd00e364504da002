"""What is pressed while another program holds the store: said in words, nothing changed, and done when it is free."""

import pytest
import streamlit as st

from fitdash.runs.protocol.events import Changed, Created, SweepEnded
from fitdash.runs.record import sweeps
from fitdash.runs.record.store import Store
from fitdash.ui.session.server_resources import server_resources
from tests.pages.conftest import texts, until, wait_for
from tests.pages.test_compare import FIRST, button, record
from tests.pages.test_mishaps import WAITS
from tests.pages.test_several import opened
from tests.pages.test_steering import SLOW
from tests.pages.test_sweep import VARIED

LOCKED = "now: {path} cannot be written: database is locked. Nothing has changed; try again in a moment."


@pytest.fixture
def held(lock):
    """The store is held until `ROLLBACK`."""

    def hold():
        lock.execute("BEGIN IMMEDIATE")
        return lock

    return hold


def complaint(undone):
    return f"{undone} {LOCKED.format(path=server_resources().store.path)}"


def page_of(open_page, name, **values):
    page = open_page(**values).switch_page(f"pages/{name}.py").run()
    assert not page.exception
    return page


def asked_for(page, element):
    element.run()
    assert not page.exception
    return texts(page)


def test_a_run_that_cannot_be_shared_stays_hidden_and_its_switch_goes_back(open_page, held, monkeypatch):
    monkeypatch.setenv("FITDASH_SHARED", "true")
    st.cache_resource.clear()
    page = open_page(**SLOW)
    page.button(key="fit").click().run()
    (run,) = server_resources().runner.active()
    wait_for(lambda: server_resources().store.run(run.uid) is not None)
    key = f"share-{run.uid}"
    page.run()
    other = held()

    said = asked_for(page, page.toggle(key=key).set_value(True))

    assert complaint("The run could not be shared") in said
    assert page.toggle(key=key).value is False
    other.execute("ROLLBACK")
    assert not server_resources().store.run(run.uid).shared

    said = asked_for(page, page.toggle(key=key).set_value(True))
    assert "could not be shared" not in said
    assert server_resources().store.run(run.uid).shared

    held()
    said = asked_for(page, page.toggle(key=key).set_value(False))
    assert complaint("The run could not be hidden from others") in said
    assert page.toggle(key=key).value is True


def fields(page):
    return [one for one in (*page.text_input, *page.text_area) if one.label in ("name", "tags", "notes")]


def test_name_tags_and_notes_that_cannot_be_kept_stay_in_their_fields(open_page, held):
    record("a" * 16, FIRST)
    page = page_of(open_page, "compare")
    before = server_resources().store.run("a" * 16)
    other = held()
    written = {"name": "mine", "tags": "good, slow", "notes": "Look."}
    for field in fields(page):
        field.set_value(written[field.label])

    said = asked_for(page, button(page, "Keep").click())

    assert complaint("What you wrote could not be kept") in said
    assert {field.label: field.value for field in fields(page)} == written
    assert server_resources().store.run("a" * 16) == before
    other.execute("ROLLBACK")
    asked_for(page, button(page, "Keep").click())
    run = server_resources().store.run("a" * 16)
    assert (run.name, run.tags, run.notes) == ("mine", ("good", "slow"), "Look.")


def test_runs_that_cannot_be_deleted_or_brought_back_stay_as_they_are(open_page, held):
    record("a" * 16, FIRST)
    page = page_of(open_page, "compare")
    other = held()

    said = asked_for(page, button(page, "Delete 1").click())

    assert complaint("The runs could not be deleted") in said
    assert len(server_resources().store.lines()) == 1
    other.execute("ROLLBACK")
    assert "could not be deleted" not in asked_for(page, button(page, "Delete 1").click())
    assert server_resources().store.lines() == []

    other = held()
    assert complaint("The runs could not be brought back") in asked_for(page, button(page, "Undo delete").click())
    other.execute("ROLLBACK")
    asked_for(page, button(page, "Undo delete").click())
    assert len(server_resources().store.lines()) == 1


def test_a_run_that_cannot_go_on_now_stays_interrupted(open_page, held):
    page = open_page(**SLOW)
    page.button(key="fit").click().run()
    (run,) = server_resources().runner.active()
    wait_for(lambda: len(server_resources().store.epochs(run.uid)) >= 1)
    page.button(key="stop").click().run()
    until(page, "stopped")
    other = held()

    said = asked_for(page, page.button(key="pause").click())

    assert complaint("The run could not go on") in said
    assert server_resources().runner.active() == []
    other.execute("ROLLBACK")
    assert server_resources().store.run(run.uid).state == "stopped"
    assert "could not go on" not in asked_for(page, page.button(key="pause").click())
    assert [one.uid for one in server_resources().runner.active()] == [run.uid]


@pytest.fixture
def searched(open_page):
    """The Sweep page over a sweep that another process carries out, in this state."""

    def made(state):
        sweeps.create_sweep(
            server_resources().store,
            "s",
            name="other",
            recipe=_recipe().to_dict(),
            budget={"trials": 3, "seconds": None},
            writer=server_resources().writer.uid,
        )
        if state != "running":
            server_resources().store.write([SweepEnded(uid="s", state=state, seconds=1.0)])
        return page_of(open_page, "sweep", data__name="iris")

    return made


def _recipe():
    from fitdash.sweeps.config import make_sweep_config

    return make_sweep_config(FIRST, {"network.width": [4, 8]})


@pytest.mark.parametrize(
    ("state", "key", "undone"),
    [
        ("running", "stop_sweep", "The sweep could not be stopped"),
        ("stopped", "go_on_sweep", "The sweep could not go on"),
        ("stopped", "extend_sweep", "The sweep could not go on"),
        ("stopped", "delete_sweep", "The sweep could not be deleted"),
    ],
)
def test_what_cannot_be_done_with_a_sweep_now_is_said(searched, held, state, key, undone):
    page = searched(state)
    held()

    said = asked_for(page, page.button(key=key).click())

    assert complaint(undone) in said
    assert sweeps.find_sweep(server_resources().store, "s").state == state


def test_a_sweep_whose_end_waits_is_told_with_the_reason_and_ends_when_the_store_is_free(searched, held):
    page = searched("running")
    assert WAITS not in texts(page)
    other = held()
    server_resources().writer.put(SweepEnded(uid="s", state="finished", seconds=1.0))
    wait_for(lambda: server_resources().writer.trouble is not None)

    page.run()

    assert not page.exception
    assert f"{WAITS}: {server_resources().store.path} cannot be written: database is locked" in texts(page)
    assert "running" in texts(page)
    other.execute("ROLLBACK")
    assert server_resources().writer.flush(60)
    assert "finished" in texts(page.run())
    assert WAITS not in texts(page)


def test_a_sweep_that_cannot_begin_now_is_not_there(open_page, held):
    values = {"data.name": "iris", "fit.epochs": "2", "fit.validation_split": "0.2"} | VARIED
    page = page_of(open_page, "sweep", **{name.replace(".", "__"): value for name, value in values.items()})
    held()

    assert complaint("The sweep could not begin") in asked_for(page, page.button(key="start_sweep").click())
    assert sweeps.all_sweeps(server_resources().store) == []


def test_repeats_that_cannot_begin_now_are_not_there(open_page, held):
    record("a" * 16, FIRST)
    page = page_of(open_page, "compare")
    held()

    said = asked_for(page, page.button(key="start_repeats").click())

    assert complaint("The repeats could not begin") in said
    assert sweeps.all_sweeps(server_resources().store) == []


def test_runs_of_one_fit_are_still_together_after_the_store_was_locked(open_page, held):
    page = opened(open_page, **{"several.compile.learning_rate": "0.1, 0.01"})
    other = held()
    page.button(key="fit").click().run()
    assert not page.exception

    other.execute("ROLLBACK")
    for run in server_resources().runner.active():
        run.join(60)
    assert server_resources().writer.flush(60)

    first, second = server_resources().store.runs()
    assert first.tags == second.tags
    assert len(first.tags) == 1


def test_a_page_opens_on_a_store_that_is_held_though_a_process_died_with_its_run(open_page, held, home):
    with Store() as store:
        created = Created(uid="d" * 16, name="left", experiment=FIRST.to_dict(), writer="dead")
        store.write([created, Changed(uid="d" * 16, state="running")])
    other = held()
    server_resources.clear()

    page = open_page(run="d" * 16)

    assert "running" in texts(page)
    other.execute("ROLLBACK")
    server_resources().done.clear()
    until(page, "interrupted")
