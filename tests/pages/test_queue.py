"""Runs that wait for their turn, and what can be done with a run that is over."""

from dataclasses import replace

import pytest

from fitdash.runs.record.records import RunRecord
from fitdash.ui.session.server_resources import server_resources
from tests.pages.conftest import texts, until, wait_for
from tests.pages.test_form import by_key
from tests.pages.test_steering import SLOW

QUICK = {"data__name": "iris", "fit__epochs": "3", "pace": "full"}


@pytest.fixture
def training(open_page):
    """A page whose run trains."""
    page = open_page(**SLOW)
    page.button(key="fit").click().run()
    (run,) = server_resources().runner.active()
    wait_for(lambda: len(server_resources().store.epochs(run.uid)) >= 1)
    return page.run(), run


@pytest.fixture
def finished(open_page):
    """A page whose run is over, and the run."""
    page = open_page(**QUICK)
    page.button(key="fit").click().run()
    until(page, "finished")
    return page, record(page)


def record(page) -> RunRecord:
    """The run that the page shows."""
    found = server_resources().store.run(page.session_state["page"].watch.uid)
    assert found is not None
    return found


def fit_again(page, seed):
    by_key(page, "seed").set_value(seed).run()
    page.button(key="fit").click().run()
    assert not page.exception


def test_fit_while_a_run_is_on_queues_the_draft_and_stays_with_the_run(training):
    page, run = training

    fit_again(page, 5)

    (waiting,) = server_resources().runner.waiting()
    assert record(page).uid == run.uid
    assert [text for text in texts(page).splitlines() if "waits" in text] == [
        "**1.** waits: iris · data iris · epochs 400 · seed 5"
    ]
    assert server_resources().store.run(waiting.uid).experiment["seed"] == 5
    assert server_resources().store.run(waiting.uid).state == "queued"


def test_a_run_that_waits_can_be_put_first_and_canceled(training):
    page, _ = training
    fit_again(page, 5)
    fit_again(page, 6)
    first, second = server_resources().runner.waiting()

    page.button(key=f"first-{second.uid}").click().run()
    assert server_resources().runner.waiting() == [second, first]
    assert page.button(key=f"first-{second.uid}").disabled

    page.button(key=f"cancel-{second.uid}").click().run()
    assert server_resources().runner.waiting() == [first]
    server_resources().writer.flush()
    assert server_resources().store.run(second.uid).state == "stopped"


def test_all_that_waits_can_be_canceled_at_once(training):
    page, run = training
    fit_again(page, 5)
    fit_again(page, 6)

    page.button(key="cancel_all").click().run()

    assert not page.exception
    assert server_resources().runner.active() == [run]


def test_a_run_that_was_stopped_goes_on_by_resume(training):
    page, run = training
    page.button(key="stop").click().run()
    wait_for(lambda: page.run().button(key="pause").label == "Resume")
    done = len(server_resources().store.epochs(run.uid))
    assert not page.button(key="pause").disabled

    page.button(key="pause").click().run()
    wait_for(lambda: len(server_resources().store.epochs(run.uid)) > done)

    assert record(page).uid == run.uid
    assert server_resources().runner.find(run.uid) is not None


def test_a_run_without_room_does_not_go_on(training):
    page, run = training
    page.button(key="stop").click().run()
    wait_for(lambda: page.run().button(key="pause").label == "Resume")
    object.__setattr__(server_resources(), "settings", replace(server_resources().settings, disk_gigabytes=1e-6))

    page.button(key="pause").click().run()

    assert not page.exception
    assert "The runs and uploads of this server must take at most 1e-06 GB" in texts(page)
    assert server_resources().store.run(run.uid).state == "stopped"


def test_what_cannot_go_on_is_said(training):
    page, run = training
    page.button(key="stop").click().run()
    wait_for(lambda: page.run().button(key="pause").label == "Resume")
    for path in (server_resources().store.path.parent / "runs" / run.uid / "checkpoints").iterdir():
        path.write_bytes(b"no checkpoint")
    with server_resources().store.write_transaction(durable=True) as db:
        db.execute("UPDATE runs SET parent = 'a'")

    page.button(key="pause").click().run()

    assert "A run that went on from another must have a checkpoint to go on, got none." in texts(page)
    assert server_resources().store.run(run.uid).state == "stopped"


def test_reset_trains_again_from_the_same_weights_as_a_new_run(finished):
    page, first = finished

    page.button(key="reset").click().run()
    until(page, "finished")

    again = record(page)
    assert again.uid != first.uid
    assert again.experiment == first.experiment
    rows = [[row.logs for row in server_resources().store.epochs(uid)] for uid in (first.uid, again.uid)]
    assert rows[0] == rows[1]


def test_other_weights_are_another_seed(open_page):
    page = open_page(seed="7")

    page.button(key="other_weights").click().run()

    assert by_key(page, "seed").value == 8


def test_a_branch_goes_on_after_an_epoch_that_is_kept(finished):
    page, first = finished
    choices = page.selectbox(key="start_from").options
    assert [*choices[:3], choices[-1]] == ["new weights", "continue", "after epoch 3", "after epoch 1"]

    page.selectbox(key="start_from").set_value(3).run()
    assert by_key(page, "fit.epochs").value == 6
    page.button(key="fit").click().run()
    until(page, "finished")

    branch = record(page)
    assert branch.parent == first.uid
    assert [row.epoch for row in server_resources().store.epochs(branch.uid)] == [3, 4, 5]
