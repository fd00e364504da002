"""A server of many: whose runs a visitor sees, steers and shares."""

import pytest
import streamlit as st

from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.ui.session import identity
from fitdash.ui.session.server_resources import server_resources
from tests.pages.conftest import texts, until, wait_for
from tests.pages.test_steering import SLOW, disabled

KEY = "k" * 43


@pytest.fixture(autouse=True)
def _shared(monkeypatch, own_server):
    monkeypatch.setenv("FITDASH_SHARED", "true")
    st.cache_resource.clear()


@pytest.fixture
def training(open_page):
    """A page of one visitor whose run trains, and the run."""
    page = open_page(**SLOW)
    page.button(key="fit").click().run()
    (run,) = server_resources().runner.active()
    wait_for(lambda: len(server_resources().store.epochs(run.uid)) >= 1)
    return page.run(), run


def test_a_run_belongs_to_the_visitor_who_started_it(training, open_page):
    page, run = training
    assert "running" in texts(page)
    assert len(run.owner) == 32
    assert server_resources().store.run(run.uid).owner == run.owner

    other = open_page(**SLOW)

    assert "Example" in texts(other)
    assert disabled(other) == [True, True, True]
    assert other.button(key="pause").help == "Nothing trains."


def test_another_visitor_gets_nothing_from_the_link_of_a_run_that_is_not_shared(training, open_page):
    _, run = training

    other = open_page(run=run.uid)

    assert f"There is no run {run.uid} here." in texts(other)
    assert "Example" in texts(other)


def test_a_shared_run_can_be_looked_at_and_not_steered(training, open_page):
    page, run = training
    page.toggle(key=f"share-{run.uid}").set_value(True).run()

    other = open_page(run=run.uid)
    assert "running" in texts(other)
    assert "shared by its link" in texts(other)
    assert disabled(other) == [True, True, True]
    assert other.button(key="reset").disabled
    assert "applies now" not in texts(other)
    assert f"share-{run.uid}" not in [toggle.key for toggle in other.toggle]

    page.toggle(key=f"share-{run.uid}").set_value(False).run()
    other.run()
    assert "Example" in texts(other)


@pytest.mark.parametrize("key", ["stop", "pause", "reset"])
def test_who_may_steer_is_asked_when_a_button_is_pressed_too(training, key):
    page, run = training
    page.session_state["visitor.key"] = KEY

    page.button(key=key).click().run()

    assert not run.control.stop_is_wanted
    assert not run.control.is_paused
    assert len(server_resources().store.lines()) == 1


def test_the_pace_of_a_visitor_is_not_that_of_others(training, open_page):
    _, run = training

    open_page(data__name="iris").selectbox(key="pace").set_value("full").run()

    assert run.control.pace == 1


def test_the_key_of_the_browser_survives_a_reload(monkeypatch, open_page):
    monkeypatch.setattr(identity, "_cookie", lambda: KEY)
    page = open_page(**SLOW)
    page.button(key="fit").click().run()
    (run,) = server_resources().runner.active()

    again = open_page()

    assert run.uid == again.session_state["page"].watch.uid
    assert not again.button(key="stop").disabled
    until(again, "running")


@pytest.mark.parametrize("cookie", ["", "short", "k" * 44, "<script>" + "k" * 35])
def test_a_key_that_cannot_be_one_is_replaced(monkeypatch, open_page, cookie):
    monkeypatch.setattr(identity, "_cookie", lambda: cookie)

    page = open_page()

    assert identity.KEY.fullmatch(page.session_state["visitor.key"])


def test_visitors_take_turns(training, open_page):
    page, run = training
    for seed in (1, 2):
        page.number_input(key="seed").set_value(seed).run()
        page.button(key="fit").click().run()
    other = open_page(**SLOW)

    other.button(key="fit").click().run()

    owners = [waiting.owner == run.owner for waiting in server_resources().runner.waiting()]
    assert owners == [False, True, True]
    assert [text for text in texts(page.run()).splitlines() if "waits" in text][0].startswith("**2.** waits")
    assert [text for text in texts(other).splitlines() if "waits" in text] == [
        "**1.** waits: iris · data iris · epochs 400"
    ]


def test_a_script_s_run_is_seen_by_its_link(open_page):
    run = server_resources().runner.submit(
        lambda recorder, control: None, experiment=Experiment(data=DatasetArgs(name="iris")).to_dict(), name="script"
    )
    run.join()
    server_resources().writer.flush()

    assert "script" in texts(open_page(run=run.uid))
    assert "script" not in texts(open_page())
