"""What a page is told between two drawings, against what the next drawing shows."""

import json
from types import SimpleNamespace
from unittest import mock

import pytest
from starlette.applications import Starlette

from fitdash.charts.diagnosis import Finding
from fitdash.runs.protocol.events import Changed, Created, EpochEnded
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.ui.run import diagnosis_chips, live_updates
from fitdash.ui.session import live_endpoint
from fitdash.ui.session.server_resources import server_resources
from tests.pages.conftest import sent, texts, until, wait_for

SLOW = {"data__name": "iris", "fit__epochs": "400", "pace": "20 epochs per second"}


@pytest.fixture
def served(monkeypatch):
    """A server that answers; it has no sessions of its own."""
    app = Starlette()
    monkeypatch.setattr(live_endpoint, "_application", lambda: app)


def asked(page):
    """The news."""
    secret = page.session_state["page"].secret
    return json.loads(server_resources().feeds.told(secret))


def test_the_news_are_what_the_next_drawing_shows(open_page, held_run, served):
    held_run(Experiment(fit=FitArgs(epochs=10)))
    page = open_page(view__x="by update", view__log="true")

    news = asked(page)

    marks = {"spec": news["charts"]["chart-loss"], "places": news["cursor"], "share": news["progress"]}
    assert list(news["charts"]) == ["chart-loss"]
    for mark, told in marks.items():
        (drawn,) = [one for one in sent(page) if mark in one]
        assert told.items() <= drawn.items()
    (feed,) = [one["feed"] for one in sent(page) if "feed" in one]
    assert feed.endswith(page.session_state["page"].secret)
    assert news["due"] is None


def test_the_news_go_on_with_the_run_while_nothing_is_drawn(open_page, served):
    page = open_page(**SLOW)
    page.button(key="fit").click().run()
    (run,) = server_resources().runner.active()
    page.run()
    shown = int(asked(page)["charts"]["chart-loss"]["rev"])
    wait_for(lambda: len(server_resources().store.epochs(run.uid)) > shown + 2)

    news = asked(page)

    assert int(news["charts"]["chart-loss"]["rev"]) > shown + 2
    assert news["cursor"]["done"] == int(news["charts"]["chart-loss"]["rev"])
    assert f"epoch {news['cursor']['done'] + 1} of 400" in news["progress"]["text"]


def test_what_it_has_learned_goes_on_too_but_not_with_every_asking(open_page, served):
    page = open_page(**SLOW | {"data__name": "moons"})
    page.button(key="fit").click().run()
    until(page, "after epoch 2")
    (run,) = server_resources().runner.active()
    run.pause()
    until(page, "paused")
    server_resources().writer.flush(10)
    asked(page)

    none = asked(page)
    page.session_state["page"].learned_at = 0.0
    news = asked(page)
    page.run()

    assert list(none["charts"]) == ["chart-loss", "chart-accuracy"]
    assert list(none["words"]) == ["log-lines"]
    lines = {one["name"]: one for one in sent(page) if "words" in one}
    (drawn,) = [one for one in sent(page) if one.get("name") == "panel-boundary"]
    assert news["charts"]["panel-boundary"].items() <= drawn.items()
    assert all(news["words"][name].items() <= lines[name].items() for name in ("panel-when", "panel-words"))

    (control,) = [one for one in page.get("button_group") if one.key and one.key.startswith("panel.view")]
    control.set_value("Mistakes").run()
    page.session_state["page"].learned_at, page.session_state["page"].said_at = 0.0, float("inf")
    assert list(asked(page)["words"]) == ["log-lines"]


@pytest.fixture
def chip(monkeypatch):
    """What the curves of every run show: one finding, whose name can be set and whose numbers go on."""
    shown = SimpleNamespace(name="It learns")

    def found(curves):
        text = f"So say {len(curves.loss)} epochs."
        return [Finding(kind="learns", epoch=None, is_sure=True, weight="note", name=shown.name, text=text)]

    monkeypatch.setattr(diagnosis_chips, "diagnose_curves", found)
    return shown


def looked_long_ago(page):
    """The time has come to look at what is said."""
    page.session_state["page"].said_at = 0.0


def test_words_go_on_with_the_run_too_the_log_each_time(open_page, served, chip):
    page = open_page(**SLOW)
    page.button(key="fit").click().run()
    (run,) = server_resources().runner.active()
    wait_for(lambda: len(server_resources().store.epochs(run.uid)) > 1)
    page.run()
    run.pause()
    wait_for(lambda: run.state == "paused")
    server_resources().writer.flush(10)

    page.session_state["page"].learned_at = page.session_state["page"].said_at = float("inf")
    at_once = asked(page)["words"]
    looked_long_ago(page)
    news = asked(page)["words"]
    page.run()

    lines = {one["name"]: one for one in sent(page) if "words" in one}
    assert list(at_once) == ["log-lines"]
    assert "Epoch 2/400" in at_once["log-lines"]["words"].splitlines()
    assert {"log-lines", "happened", "found-learns"} <= news.keys()
    assert "150" in news["happened"]["words"]
    assert f"{len(server_resources().store.epochs(run.uid))} epochs" in news["found-learns"]["words"]
    assert all(news[name].items() <= lines[name].items() for name in ("log-lines", "happened", "found-learns"))


def test_what_has_no_place_on_the_page_is_due_to_be_drawn(open_page, served, chip, drawn_by):
    page = open_page(**SLOW)
    page.button(key="fit").click().run()
    (run,) = server_resources().runner.active()
    until(page, "after epoch 2")
    run.pause()
    until(page, "paused")
    server_resources().writer.flush(10)
    page.run()
    looked_long_ago(page)
    before = asked(page)["due"]

    chip.name = "It has learned"
    soon = asked(page)["due"]
    looked_long_ago(page)
    due = asked(page)["due"]

    assert (before, soon) == (None, None)
    assert due == asked(page)["due"] is not None
    assert drawn_by(page) is None  # the view alone, which is what asks
    page.run()
    assert "It has learned" in texts(page)
    looked_long_ago(page)
    assert asked(page)["due"] is None


def test_the_first_epoch_has_a_place_as_soon_as_it_is_there_at_full_speed_too(open_page, held_run, served, monkeypatch):
    run, _ = held_run(Experiment(fit=FitArgs(epochs=10)), epochs=0)
    run.control.pace = "full"
    page = open_page()
    monkeypatch.setattr(live_updates, "SAID_SECONDS", 0.0)
    monkeypatch.setattr(live_updates, "SAID_FAST_SECONDS", float("inf"))
    before = asked(page)["due"]

    server_resources().store.write([EpochEnded(uid=run.uid, epoch=0, logs={"loss": 1.0}, seconds=1.0)])
    first = asked(page)["due"]
    page.run()
    server_resources().store.write([EpochEnded(uid=run.uid, epoch=1, logs={"loss": 1.0, "accuracy": 0.5}, seconds=1.0)])
    later = asked(page)

    assert before is None
    assert first
    assert later["due"] is None  # not so soon: each drawing costs training some epochs
    assert later["seconds"] == live_updates.FULL_SECONDS


@pytest.mark.parametrize(("took", "every"), [(0.01, live_updates.WATCHED_SECONDS), (1.0, live_updates.LEAST_SECONDS)])
def test_epochs_that_wait_to_be_watched_are_told_one_by_one(open_page, held_run, served, took, every):
    run, _ = held_run(Experiment(fit=FitArgs(epochs=10)), epochs=0)
    run.control.pace = 5
    page = open_page()
    before = asked(page)

    server_resources().store.write([EpochEnded(uid=run.uid, epoch=0, logs={"loss": 1.0}, seconds=took)])

    assert before["seconds"] == live_updates.LEAST_SECONDS
    assert asked(page)["seconds"] == every


def test_a_page_that_is_told_hears_that_the_process_of_its_run_is_gone(open_page, served):
    server_resources().done["reap"] = float("inf")
    created = Created(uid="gone", name="Net", experiment={}, writer="dead")
    server_resources().store.write([created, Changed(uid="gone", state="running")])
    page = open_page(run="gone")
    before = asked(page)["due"]

    server_resources().done.clear()

    assert before is None
    wait_for(lambda: asked(page)["due"])


def test_a_run_that_stands_otherwise_than_the_buttons_say_is_due_to_be_drawn(open_page, served):
    page = open_page(**SLOW)
    page.button(key="fit").click().run()
    (run,) = server_resources().runner.active()
    until(page, "running")
    before = asked(page)["due"]

    run.pause()
    wait_for(lambda: asked(page)["due"])
    wait_for(lambda: run.state == "paused")
    until(page, "paused")

    assert before is None
    assert asked(page)["due"] is None


def test_a_page_whose_run_is_over_is_told_alone_that_another_one_has_begun(open_page, served):
    page = open_page(data__name="iris", fit__epochs="2", pace="full speed")
    page.button(key="fit").click().run()
    until(page, "finished")
    asked(page)
    before = asked(page)

    other = open_page(**SLOW)
    other.button(key="fit").click().run()
    (run,) = server_resources().runner.active()
    first, second = asked(page), asked(page)
    page.run()

    assert before == {}
    assert list(first) == ["due"]
    assert first["due"]
    assert second == first
    assert page.button(key="show_other").label == "Show it"
    assert asked(page).get("due") is None
    run.stop()


def test_the_page_of_the_example_is_told_that_the_first_run_has_begun(open_page, served):
    page = open_page()
    asked(page)

    other = open_page(**SLOW)
    other.button(key="fit").click().run()
    (run,) = server_resources().runner.active()

    assert asked(page)["due"]
    run.stop()


@pytest.fixture
def drawn_by(monkeypatch):
    """What a page draws when something is due: names of fragments, () for all of it, None for what asked."""

    class Drawn(Exception):
        pass

    def rerun(*scope):
        raise Drawn(*scope)

    def drawn(page):
        secret, feeds_here = page.session_state["page"].secret, server_resources().feeds
        _, session, at = feeds_here.offered[secret]
        monkeypatch.setitem(
            feeds_here.offered, "followed", (lambda: live_updates.rerun_what_changed(server_resources()), session, at)
        )
        with monkeypatch.context() as patch:
            patch.setattr("streamlit.rerun", rerun)
            try:
                feeds_here.told("followed")
            except Drawn as how:
                return how.args
        return None

    return drawn


def test_what_is_due_draws_the_queue_alone_where_nothing_else_has_changed(open_page, served, drawn_by):
    page = open_page(**SLOW)
    for _ in range(3):
        page.button(key="fit").click().run()
    first, second, third = server_resources().runner.active()
    before = asked(page)["due"], drawn_by(page)

    second.stop()
    moved = asked(page)["due"], drawn_by(page)
    page.run()
    after = asked(page)["due"], page.session_state["page"].queue
    first.pause()
    wait_for(lambda: asked(page)["due"])

    assert before == (None, None)
    assert moved == (mock.ANY, (["queue"],))
    assert moved[0]
    assert after == (None, ((1, third.uid),))
    assert drawn_by(page) == ()
    first.stop()
    third.stop()


def test_a_run_that_waits_is_told_when_its_turn_has_come(open_page, served):
    page, other = open_page(**SLOW), open_page(**SLOW)
    page.button(key="fit").click().run()
    (first,) = server_resources().runner.active()
    other.button(key="fit").click().run()
    (second,) = server_resources().runner.waiting()
    other.query_params["run"] = second.uid
    other.run()
    before = asked(other)["due"]

    first.stop()
    wait_for(lambda: second.state == "running")
    server_resources().writer.flush(10)

    assert before is None
    assert asked(other)["due"]
    second.stop()


def test_what_is_no_longer_shared_is_no_longer_told(open_page, held_run, served, monkeypatch):
    held_run(Experiment(fit=FitArgs(epochs=10)))
    page = open_page()
    monkeypatch.setattr("fitdash.ui.run.live_updates.may_see", lambda server, run: False)

    assert asked(page) == {"due": "gone"}
