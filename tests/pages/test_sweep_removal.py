"""Deleting a sweep on its page, with the runs of its trials or without, and bringing it back."""

import pytest
import streamlit as st

from fitdash.runs.protocol.events import Changed, Created, SweepEnded
from fitdash.runs.record import sweeps
from fitdash.sweeps.config import make_sweep_config
from fitdash.ui.session import identity
from fitdash.ui.session.server_resources import server_resources
from fitdash.ui.session.sweeper import sweeper
from tests.pages.conftest import texts
from tests.pages.test_compare import FIRST
from tests.pages.test_visitors import KEY


@pytest.fixture
def sweep_of(open_page):
    """The page over a sweep with two trials, in this state."""

    def made(state="finished", owner=None, **changed):
        recipe = make_sweep_config(FIRST, {"network.width": [4, 8]}).to_dict() | changed
        store, writer = server_resources().store, server_resources().writer.uid
        sweeps.create_sweep(store, "s", name="widths", recipe=recipe, budget={"trials": 2}, writer=writer, owner=owner)
        for number, uid in enumerate("ab"):
            created = Created(
                uid=uid, name="", experiment=FIRST.to_dict(), writer=writer, sweep="s", trial=number, owner=owner
            )
            store.write([created, Changed(uid=uid, state="finished")])
        if state != "running":
            store.write([SweepEnded(uid="s", state=state, seconds=1.0)])
        page = open_page(data__name="iris").switch_page("pages/sweep.py").run()
        assert not page.exception
        return page

    yield made
    sweeper().shutdown(10)


def left():
    return [one.uid for one in sweeps.all_sweeps(server_resources().store)], [
        run.uid for run in server_resources().store.runs()
    ]


def press(page, key):
    page.button(key=key).click().run()
    assert not page.exception


def test_a_sweep_goes_with_its_runs_says_how_many_and_comes_back(sweep_of):
    page = sweep_of()
    assert page.button(key="delete_sweep").label == "Delete the sweep and 2 runs"

    press(page, "delete_sweep")

    assert left() == ([], [])
    assert "No sweep yet" in page.info[0].value

    press(page, "undelete_sweep")

    assert left() == (["s"], ["b", "a"])
    assert "undelete_sweep" not in [button.key for button in page.button]
    assert "finished" in texts(page)


def test_its_runs_stay_where_that_is_chosen(sweep_of):
    page = sweep_of()

    page.toggle(key="delete_runs.s").set_value(False).run()
    assert page.button(key="delete_sweep").label == "Delete the sweep, keep 2 runs"
    press(page, "delete_sweep")

    assert left() == ([], ["b", "a"])


def test_a_sweep_that_trains_cannot_be_deleted(sweep_of):
    assert sweep_of("running").button(key="delete_sweep").disabled


def test_a_sweep_that_goes_on_elsewhere_meanwhile_stays(sweep_of):
    page = sweep_of()
    sweeps.claim_sweep(server_resources().store, "s", server_resources().writer.uid, {"trials": 9})

    press(page, "delete_sweep")

    said = [error.value.replace("\\", "") for opened in page.get("popover") for error in opened.get("error")]
    assert said == ["A sweep must have ended to be deleted, got s, which is running. Stop it first."]
    assert left() == (["s"], ["b", "a"])


def test_a_sweep_that_cannot_be_read_can_be_deleted(sweep_of):
    page = sweep_of(space={"network.breadth": {"choices": [4, 8]}})
    assert "This sweep cannot be read" in page.error[0].value

    press(page, "delete_sweep")

    assert left() == ([], [])


def test_on_a_server_of_many_only_the_owner_deletes_a_sweep(sweep_of, monkeypatch):
    monkeypatch.setenv("FITDASH_SHARED", "true")
    st.cache_resource.clear()
    monkeypatch.setattr(identity, "_cookie", lambda: KEY)
    page = sweep_of(owner=identity.hashlib.sha256(KEY.encode()).hexdigest()[:32])
    page.session_state["visitor.key"] = "j" * 43

    page.button(key="delete_sweep").click().run()
    assert left() == (["s"], ["b", "a"])

    page.session_state["visitor.key"] = KEY
    page.run()
    press(page, "delete_sweep")
    assert left() == ([], [])
    assert "undelete_sweep" not in [button.key for button in page.button]
