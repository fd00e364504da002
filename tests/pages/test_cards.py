"""Callbacks as cards: add, order, remove."""

from fitdash.settings.callbacks import EarlyStoppingArgs
from fitdash.settings.experiment import Experiment
from fitdash.ui.form.widget_values import to_widget_values
from tests.pages.conftest import adder, texts
from tests.pages.test_form import by_key, fit_button


def slots(page):
    return page.query_params.get("callbacks", [])


def add(page, kind):
    adder(page, "callbacks").set_value(kind).run()
    assert not page.exception


def test_a_card_is_added_and_stands_in_the_link(open_page):
    page = open_page(data__name="iris")

    add(page, "EarlyStopping")
    add(page, "EarlyStopping")

    assert slots(page) == ["EarlyStopping", "EarlyStopping~2"]
    assert by_key(page, "callbacks.EarlyStopping.patience").value == 0
    assert by_key(page, "callbacks.EarlyStopping~2.patience").value == 0
    assert "EarlyStopping is there already" in texts(page)
    assert adder(page, "callbacks").value is None


def test_cards_change_places_and_keep_what_is_set_in_them(open_page):
    page = open_page(data__name="iris", fit__validation_split="0.2")
    add(page, "EarlyStopping")
    add(page, "CSVLogger")
    by_key(page, "callbacks.EarlyStopping.patience").set_value(7).run()

    page.button(key="down-EarlyStopping").click().run()

    assert slots(page) == ["CSVLogger", "EarlyStopping"]
    assert by_key(page, "callbacks.EarlyStopping.patience").value == 7
    assert page.button(key="up-CSVLogger").disabled
    assert page.button(key="down-EarlyStopping").disabled


def test_a_removed_card_takes_its_problems_with_it(open_page):
    page = open_page(callbacks="CSVLogger")
    by_key(page, "callbacks.CSVLogger.filename").set_value("../x").run()
    assert fit_button(page).disabled

    page.button(key="remove-CSVLogger").click().run()

    assert slots(page) == []
    assert not fit_button(page).disabled


def test_a_schedule_shows_its_course(open_page):
    page = open_page(callbacks="LearningRateScheduler", fit__epochs="20")

    assert "learning rate 0.001 in epoch 1, 0.0001 in epoch 20" in texts(page)


def test_the_form_is_filled_from_an_experiment_and_the_link_says_it(open_page):
    page = open_page(fit__epochs="3")
    experiment = Experiment(callbacks=(EarlyStoppingArgs(patience=3), EarlyStoppingArgs(patience=5)), seed=9)

    page.session_state["page"].filling = to_widget_values(experiment)
    page.run()

    assert by_key(page, "callbacks.EarlyStopping~2.patience").value == 5
    assert by_key(page, "fit.epochs").value == 10
    assert page.query_params["callbacks.EarlyStopping~2.patience"] == "5"
    assert page.query_params["seed"] == "9"
    assert "fit.epochs" not in page.query_params
