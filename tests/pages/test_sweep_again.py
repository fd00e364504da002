"""Sweeps go on: by themselves after a server's end, and when they are asked to."""

import hashlib

import pytest

from fitdash.runs.protocol.events import Changed, Created, SweepEnded
from fitdash.runs.record import sweeps
from fitdash.runs.record.writer import DASHBOARD_ROLE
from fitdash.sweeps.config import make_sweep_config
from fitdash.ui.session import identity
from fitdash.ui.session.server_resources import server_resources
from fitdash.ui.session.sweeper import sweeper
from tests.pages.conftest import SECONDS, texts, wait_for
from tests.pages.test_compare import FIRST
from tests.pages.test_visitors import KEY

GONE = f"{DASHBOARD_ROLE}gone"
UNBOUND = {"trials": None, "seconds": None}


@pytest.fixture
def cut(open_page):
    """The page over a sweep of four trials whose process is gone; its first trial was begun so often in vain."""

    def made(times=1, *, writer=GONE, budget=UNBOUND, owner=None, state="interrupted", seconds=1.0):
        recipe = make_sweep_config(FIRST, {"seed": [FIRST.seed, 1, 2, 3]}, sampler="grid", pruner="none").to_dict()
        store = server_resources().store
        sweeps.create_sweep(store, "s", name="seeds", recipe=recipe, budget=budget, writer=writer, owner=owner)
        for number in range(times):
            run = Created(uid=f"r{number}", name="", experiment=FIRST.to_dict(), writer=writer, sweep="s", trial=0)
            store.write([run, Changed(uid=run.uid, state="interrupted")])
        store.write([SweepEnded(uid="s", state=state, seconds=seconds)])
        page = open_page(data__name="iris").switch_page("pages/sweep.py").run()
        assert not page.exception
        return page

    yield made
    sweeper().shutdown(10)


def state():
    return sweeps.find_sweep(server_resources().store, "s").state


def trained():
    return sorted({run.trial for run in server_resources().store.runs(sweep="s", states=("finished",))})


def ended(page):
    """The page after the search has ended."""
    wait_for(lambda: sweeper().join("s", SECONDS))
    page.run()
    assert not page.exception
    return page


def test_a_sweep_that_a_server_cut_off_goes_on_by_itself(cut):
    page = cut()
    assert "has gone on by itself where it was" in texts(page) or state() == "finished"

    ended(page)

    assert state() == "finished"
    assert trained() == [0, 1, 2, 3]


def test_one_that_was_cut_off_again_and_again_in_the_same_trial_waits_for_its_owner(cut):
    page = cut(times=3)

    assert state() == "interrupted"
    assert "It does not go on by itself: 3 times the server ended" in texts(page)

    page.button(key="go_on_sweep").click().run()

    ended(page)
    assert trained() == [0, 1, 2, 3]


def test_one_of_the_command_line_is_left_to_it_and_goes_on_when_that_is_asked(cut):
    page = cut(writer="script")
    assert state() == "interrupted"
    assert page.button(key="go_on_sweep").label == "Go on: 4 left"

    page.button(key="go_on_sweep").click().run()

    ended(page)
    assert trained() == [0, 1, 2, 3]


@pytest.mark.parametrize("owner", ["mine", "theirs"])
def test_on_a_server_of_many_it_goes_on_when_its_owner_comes(cut, monkeypatch, owner):
    monkeypatch.setenv("FITDASH_SHARED", "true")
    monkeypatch.setattr(identity, "_cookie", lambda: KEY)

    page = cut(owner=hashlib.sha256(KEY.encode()).hexdigest()[:32] if owner == "mine" else "somebody")

    if owner == "theirs":
        assert state() == "interrupted"
        assert "No sweep yet" in page.info[0].value
        return
    ended(page)
    assert trained() == [0, 1, 2, 3]


def test_a_sweep_goes_on_for_as_many_seconds_again(cut):
    page = cut(writer="script", budget={"trials": None, "seconds": 60.0}, state="finished", seconds=60.5)
    assert "1 min 00 s of 1 min 00 s" in texts(page)
    assert "go_on_sweep" not in [button.key for button in page.button]
    assert page.button(key="extend_seconds").label == "1 min 00 s more"

    page.button(key="extend_seconds").click().run()

    assert sweeps.find_sweep(server_resources().store, "s").budget == {"trials": None, "seconds": 120.5}
    ended(page)
    assert trained() == [0, 1, 2, 3]


def test_nothing_said_of_trials_is_a_few_unless_the_search_ends_otherwise(open_page):
    page = open_page(**{"data.name": "iris", "several.network.width": "4..8"}).switch_page("pages/sweep.py").run()
    assert page.number_input(key="sweep.trials").placeholder == "not set → 30"
    assert "up to 30 trials" in texts(page)

    page.number_input(key="sweep.seconds").set_value(90).run()
    assert page.number_input(key="sweep.trials").placeholder == "no limit"
    assert "as many trials as fit in 1 min 30 s" in texts(page)

    page.number_input(key="sweep.seconds").set_value(None).run()
    page.selectbox(key="sweep.sampler").set_value("grid").run()
    assert "up to 5 trials" in texts(page)
    sweeper().shutdown(10)
