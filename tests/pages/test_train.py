"""The Train page: a run from Fit to its end, and what is shown of it."""

import io

import pandas as pd
import pytest
import streamlit as st

from fitdash.export.run_files import history_csv, history_json
from fitdash.runs.record.history import history_of
from fitdash.settings.compile import CompileArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.ui.form import form
from fitdash.ui.session.server_resources import server_resources
from tests.pages.conftest import charts, sent, texts, until, wait_for


def downloads(page):
    """Labels of the buttons that give something of the run."""
    return [button.label for button in page.get("download_button") if "history" in button.label]


def menus(page):
    """Labels of what opens."""
    return [menu.proto.popover.label for menu in page.get("popover")]


def test_before_the_first_run_a_finished_example_is_drawn_and_marked(open_page):
    page = open_page()

    assert "Example: a finished run on digits" in texts(page)
    assert charts(page) == ["loss", "accuracy"]
    assert downloads(page) == []
    assert "Download" not in menus(page)


def test_what_answers_a_change_is_drawn_before_the_long_form(open_page, monkeypatch):
    page = open_page(data__name="iris")
    monkeypatch.setattr(form, "_draw", lambda draft, around: st.stop())

    page.number_input(key="fit.validation_split").set_value(0.2).run()

    assert "validates on **30** rows" in texts(page)
    assert not page.button(key="fit").disabled
    assert page.button(key="pause")


def test_a_link_is_read_whole_before_it_is_answered(open_page, monkeypatch):
    monkeypatch.setattr(form, "_draw", lambda draft, around: st.stop())

    page = open_page(data__name="iris", fit__epochs="7")

    assert "Plan" not in texts(page)


def test_fit_trains_what_the_form_says_and_the_page_shows_it(open_page):
    page = open_page(data__name="iris", fit__epochs="4", fit__validation_split="0.2", seed="5", pace="full speed")

    page.button(key="fit").click().run()
    until(page, "finished")

    (run,) = server_resources().store.runs()
    assert page.query_params["run"] == run.uid
    assert run.experiment["fit"]["validation_split"] == 0.2
    assert run.experiment["seed"] == 5
    assert list(server_resources().store.epochs(run.uid)[-1].logs) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert charts(page) == ["loss", "accuracy"]
    assert "learned from 120 training rows" in texts(page)
    assert "Epoch 4/4" in texts(page)


def test_the_downloads_are_the_history_number_for_number(open_page):
    page = open_page(data__name="iris", fit__epochs="3", pace="full speed")
    page.button(key="fit").click().run()
    until(page, "finished")
    (run,) = server_resources().store.runs()

    table = pd.read_csv(io.StringIO(history_csv(server_resources().store, run.uid)))

    assert downloads(page) == ["Download history (CSV)", "Download history (JSON)"]
    assert "Download" in menus(page)
    assert table["epoch"].tolist() == [1, 2, 3]
    assert table["loss"].tolist() == [row.logs["loss"] for row in server_resources().store.epochs(run.uid)]
    assert history_json(server_resources().store, run.uid) == history_of(server_resources().store, run.uid).to_json()


def test_a_run_is_followed_and_stopped_from_any_session(open_page, held_run):
    run, gate = held_run(Experiment())

    first, second = open_page(), open_page(run=run.uid)

    for page in (first, second):
        assert "epoch 3 of 10" in texts_of_progress(page)
        assert not page.button(key="fit").disabled
        assert not page.button(key="stop").disabled
    second.button(key="stop").click().run()
    assert run.control.stop_is_wanted
    gate.set()
    until(first, "stopped")


def test_the_pace_applies_to_the_run_that_is_on(open_page, held_run):
    run, _ = held_run(Experiment())
    page = open_page()

    page.selectbox(key="pace").set_value(5).run()

    assert not page.exception
    assert run.control.pace == 5


def test_a_failed_run_shows_its_first_line_and_keeps_its_traceback(open_page):
    def job(recorder, control):
        raise ValueError("the columns do not fit\nand more")

    run = server_resources().runner.submit(job, experiment={}, name="broken")
    run.join()
    server_resources().writer.flush()
    page = open_page(data__name="iris", fit__epochs="2", pace="full speed")

    assert [error.value for error in page.error] == ["ValueError: the columns do not fit".replace(":", "\\:")]
    assert "Traceback (most recent call last)" in page.code[0].value

    page.button(key="fit").click().run()
    until(page, "finished")


def test_an_unknown_run_is_named_and_the_last_one_shown(open_page):
    page = open_page(run="nowhere")

    assert "There is no run nowhere here." in [warning.value for warning in page.warning]
    assert charts(page)


@pytest.mark.parametrize(
    ("experiment", "reason"),
    [
        (Experiment(fit=FitArgs(view_metrics=False)), "view_metrics is off"),
        (Experiment(fit=FitArgs(view_metrics="auto", verbose=0)), "verbose is 0"),
        (Experiment(fit=FitArgs(view_metrics="auto", epochs=1)), "epochs is not above 1"),
        (Experiment(compile=CompileArgs(metrics=())), "compile was given no metrics"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_view_metrics_names_what_hides_the_chart_until_the_run_is_over(open_page, held_run, experiment, reason):
    run, gate = held_run(experiment, epochs=1)
    page = open_page()

    assert not charts(page)
    assert reason in texts(page)

    page.button(key="show_anyway").click().run()
    assert charts(page) == ["loss"]

    other = open_page()
    gate.set()
    until(other, "finished")
    assert charts(other) == ["loss"]


def test_view_metrics_on_shows_the_chart_against_every_condition(open_page, held_run):
    fit = FitArgs(view_metrics=True, verbose=0, epochs=1)
    held_run(Experiment(fit=fit, compile=CompileArgs(metrics=())), epochs=1)

    assert charts(open_page()) == ["loss"]


def test_going_on_starts_where_the_last_run_ended(open_page):
    page = open_page(data__name="iris", fit__epochs="3", pace="full speed")
    page.button(key="fit").click().run()
    until(page, "finished")

    page.selectbox(key="start_from").set_value("continue").run()
    assert (page.number_input(key="fit.initial_epoch").value, page.number_input(key="fit.epochs").value) == (3, 6)
    page.button(key="fit").click().run()
    wait_for(lambda: len(server_resources().store.runs(states=["finished"])) == 2)

    second, first = server_resources().store.runs()
    assert second.parent == first.uid
    assert [row.epoch for row in server_resources().store.epochs(second.uid)] == [3, 4, 5]
    last, going_on = (server_resources().store.epochs(run.uid)[i].logs["loss"] for run, i in ((first, -1), (second, 0)))
    assert going_on < last


def texts_of_progress(page):
    return "\n".join(one["text"] for one in sent(page) if "share" in one)
