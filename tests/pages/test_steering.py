"""The action bar while a run is on, and controls that change it."""

import json

import pytest
from starlette.applications import Starlette

from fitdash.runs.protocol.events import Changed, Created, EpochEnded
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import Writer
from fitdash.settings.compile import CompileArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.ui.run import live_updates, live_view, run_controls
from fitdash.ui.session import live_endpoint
from fitdash.ui.session.server_resources import server_resources
from tests.pages.conftest import charts, sent, texts, until, wait_for
from tests.pages.test_form import by_key

STEERING = ("pause", "stop")
APPLYING = ["step size", "shrinking of weights", "samples per step", "stop after epoch"]
SLOW = {"data__name": "iris", "fit__epochs": "400", "pace": "1 epoch per second"}


@pytest.fixture
def training(open_page):
    """A page whose run trains, and the run."""
    page = open_page(**SLOW)
    page.button(key="fit").click().run()
    (run,) = server_resources().runner.active()
    wait_for(lambda: len(server_resources().store.epochs(run.uid)) >= 1)
    return page.run(), run


def disabled(page):
    return [page.button(key=key).disabled for key in STEERING] + [page.menu_button(key="step").proto.disabled]


def test_the_view_is_drawn_less_often_at_full_speed_than_where_it_is_watched(training, monkeypatch):
    page, run = training
    ticks = []
    fragment = live_view.st.fragment

    def noted(function, *, key, run_every=None):
        ticks.append(run_every)
        return fragment(function, run_every=run_every, key=key)

    monkeypatch.setattr(live_view.st, "fragment", noted)
    monkeypatch.setattr(live_updates, "planned_seconds", lambda run: 0.0)
    for pace, watched in ((20, 0), ("watchable", 400), ("watchable", 399), ("full", 400)):
        monkeypatch.setattr(live_updates, "WATCHED_EPOCHS", watched)
        run.control.pace = pace
        page.run()

    slow, full = live_updates.LEAST_SECONDS, live_updates.FULL_SECONDS
    assert [tick for tick in ticks if tick] == [slow, slow, full, full]

    ticks.clear()
    monkeypatch.setattr(live_updates, "planned_seconds", lambda run: live_updates.LONG_RUN_SECONDS)
    page.run()
    monkeypatch.setattr(live_endpoint, "_application", Starlette)
    page.run()
    run.control.pace = 20
    page.run()

    assert [tick for tick in ticks if tick] == [
        live_updates.LONG_SECONDS,
        live_view.DRAWN_SECONDS,
        live_view.DRAWN_SECONDS,
    ]


def test_nothing_can_be_steered_while_nothing_trains(open_page):
    page = open_page()

    assert disabled(page) == [True, True, True]
    assert page.button(key="pause").help == "Nothing trains."


def test_a_press_shows_what_it_did_without_another_look(training, monkeypatch):
    page, _ = training
    monkeypatch.setattr(run_controls, "SOON_SECONDS", 60)

    page.button(key="pause").click().run()

    assert not page.exception
    assert ":yellow-badge[paused]" in texts(page)
    assert page.button(key="pause").label == "Resume"
    page.button(key="pause").click().run()
    assert ":blue-badge[running]" in texts(page)
    assert page.button(key="pause").label == "Pause"
    page.button(key="stop").click().run()
    assert ":orange-badge[stopped]" in texts(page)


def test_a_run_pauses_steps_and_resumes(training):
    page, run = training

    page.button(key="pause").click().run()
    until(page, "paused")
    done = len(server_resources().store.epochs(run.uid))
    assert page.button(key="pause").label == "Resume"
    assert not page.button(key="fit").disabled

    page.menu_button(key="step").click("one epoch").run()
    wait_for(lambda: run.state == "paused" and len(server_resources().store.epochs(run.uid)) > done)
    assert len(server_resources().store.epochs(run.uid)) == done + 1

    page.button(key="pause").click().run()
    until(page, "running")
    assert page.button(key="pause").label == "Pause"
    page.button(key="stop").click().run()
    until(page, "stopped")


def test_a_live_setting_changes_the_run_and_is_marked_on_the_curve(training):
    page, run = training
    applying = [str(caption.value) for caption in page.caption if "applies now" in str(caption.value)]
    assert [text.partition(" ·")[0] for text in applying] == APPLYING

    by_key(page, "compile.learning_rate").set_value(0.25).run()
    wait_for(
        lambda: (
            [row.data["new"] for row in server_resources().store.events(run.uid, "told") if "new" in row.data] == [0.25]
        )
    )
    page.run()

    assert not page.exception
    assert "learning_rate is 0.25 since epoch" in texts(page)
    assert len([caption for caption in page.caption if "applies now" in str(caption.value)]) == len(APPLYING)
    told = next(one for one in sent(page) if one.get("name") == "chart-loss")
    assert "learning_rate 0.001 → 0.25 in epoch" in told["alt"]
    (sign,) = json.loads(told["spec"])["layout"]["annotations"]
    assert sign["hovertext"] in told["alt"]


def test_a_control_that_is_not_live_waits_for_the_next_fit(training):
    page, _ = training

    assert "units per layer · next fit" in texts(page)
    page.number_input(key="network.width").set_value(8).run()

    assert "For the next fit, changed since the run below: width 64 → 8" in texts(page)


def test_a_change_that_cannot_be_says_so_at_its_control(training):
    page, run = training
    wait_for(lambda: len(server_resources().store.epochs(run.uid)) >= 2)

    by_key(page, "fit.epochs").set_value(1).run()

    assert any("epochs must be at least" in caption.value for caption in page.caption if ":orange[" in caption.value)


def test_a_batch_size_that_the_network_cannot_normalize_is_refused_at_its_control(open_page):
    page = open_page(**SLOW, network__kind="layers", layers=["Dense", "BatchNormalization"])
    page.button(key="fit").click().run()
    (run,) = server_resources().runner.active()
    wait_for(lambda: len(server_resources().store.epochs(run.uid)) >= 1)
    page.run()

    by_key(page, "fit.batch_size").set_value(149).run()
    wait_for(lambda: [row for row in server_resources().store.events(run.uid, "told") if row.data["kind"] == "refused"])
    page.run()

    assert not page.exception
    assert run.state == "running"
    refused = [caption.value for caption in page.caption if "got 149 for 150 rows" in caption.value]
    assert len([text for text in refused if text.startswith(":orange[batch")]) == 1
    by_key(page, "fit.batch_size").set_value(50).run()
    wait_for(lambda: [row for row in server_resources().store.events(run.uid, "told") if row.data["kind"] == "setting"])
    page.run()
    assert not [caption for caption in page.caption if caption.value.startswith(":orange[batch")]


def test_a_run_of_another_process_is_shown_but_cannot_be_steered(open_page, home):
    with Store() as store:
        writer = Writer(store)
        writer.put(Created(uid="script", name="Net", experiment=SCRIPT, writer=writer.uid, state="running"))
        writer.put(EpochEnded(uid="script", epoch=0, logs={"loss": 1.0}, seconds=0.1))
        writer.flush()

        page = open_page(run="script")

        assert disabled(page) == [True, True, True]
        assert "Another process trains this run" in page.button(key="pause").help
        assert "applies now" not in texts(page)
        assert charts(page) == ["loss"]
        assert page.expander(key="arguments").label.replace("\\", "") == "**Arguments** " + SAID
        writer.close()


SCRIPT = {
    "compile": {"optimizer": "SGD(learning_rate=0.1, momentum=None)", "loss": "mse", "run_eagerly": False},
    "fit": {"x": "array of shape (9, 2)", "epochs": 3, "shuffle": False, "callbacks": ["<a.b.Mine object at 0x7f>"]},
}
SAID = "optimizer SGD(learning_rate=0.1) · loss mse · x array of shape (9, 2) · epochs 3 · shuffle off · callbacks Mine"


def test_a_page_that_shows_a_finished_run_tells_of_one_that_began_elsewhere(open_page, held_run):
    first = server_resources().runner.submit(lambda recorder, control: None, experiment={}, name="first")
    first.join()
    server_resources().writer.flush()
    page = open_page(run=first.uid)
    assert "Another run is on" not in texts(page)

    run, _ = held_run(Experiment())
    page.run()

    assert "Another run is on" in texts(page)
    assert page.button(key="pause").help == "Another run is on: show it first."
    page.button(key="show_other").click().run()
    assert page.query_params["run"] in (run.uid, [run.uid])


def test_a_run_whose_process_died_is_marked_while_it_is_shown(open_page):
    server_resources().store.write(
        [
            Created(uid="gone", name="Net", experiment=SCRIPT, writer="dead"),
            Changed(uid="gone", state="running"),
        ]
    )

    page = open_page(run="gone")

    assert "interrupted" in texts(page)


def test_the_arguments_of_a_run_are_what_differs_from_the_defaults(open_page, held_run):
    held_run(Experiment(fit=FitArgs(epochs=60, shuffle=False), compile=CompileArgs(learning_rate=0.01), seed=4))

    page = open_page()

    assert page.expander(key="arguments").label.replace("\\", "") == (
        "**Arguments** learning_rate 0.01 · epochs 60 · shuffle off · seed 4"
    )
