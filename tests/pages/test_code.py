"""The code of the form, and calls that are pasted into it."""

import pytest

from fitdash.data.tables.loaded_dataset import load_dataset
from fitdash.export.fitdash_code import fitdash_code
from fitdash.export.keras_code import keras_code
from fitdash.export.r_code import r_code
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from tests.pages.conftest import texts
from tests.pages.test_form import by_key, fit_button
from tests.pasted.snippets_python import PYTHON
from tests.pasted.snippets_r import R


def codes(page):
    return [element.value for element in page.get("code")]


def paste(page, text):
    page.text_area(key="code.paste").set_value(text).run()
    assert not page.exception
    return page


def fill(page):
    page.button(key="code.fill").click().run()
    assert not page.exception
    return page


def test_the_form_stands_there_in_three_languages_and_follows_it(open_page):
    page = open_page(data__name="moons", fit__epochs="7")

    experiment = Experiment(data=DatasetArgs(name="moons"), fit=FitArgs(epochs=7))
    facts = load_dataset("moons").facts()
    written = [write(experiment, facts).strip() for write in (fitdash_code, keras_code, r_code)]
    assert [text for text in written if text not in map(str.strip, codes(page))] == []

    by_key(page, "fit.epochs").set_value(9).run()

    assert any("epochs=9" in text for text in codes(page))
    assert not any("epochs=7" in text for text in codes(page))


def test_code_waits_for_what_is_wrong(open_page):
    page = open_page(fit__epochs="0")

    assert "The code waits" in texts(page)
    assert not any("import fitdash" in text for text in codes(page))


def test_a_pasted_call_fills_the_form_and_what_is_not_understood_is_told(open_page):
    page = paste(
        open_page(data__name="iris", fit__shuffle="off"),
        "model %>% fit(x_train, y, epochs = 21L, batch_size = 8, class_weight = list('0' = 1, '2' = 4),\n"
        "  callbacks = list(callback_early_stopping(monitor = 'loss', patience = 2), callback_mine()))",
    )

    assert "callback_mine()" in texts(page)
    assert "x = x_train" in texts(page)
    assert "epochs 21 · batch_size 8" in texts(page)
    assert by_key(page, "fit.epochs").value == 10

    fill(page)

    assert by_key(page, "fit.epochs").value == 21
    assert by_key(page, "fit.batch_size").value == 8
    assert by_key(page, "fit.shuffle").value is True
    assert by_key(page, "fit.class_weight.2").value == 4
    assert by_key(page, "callbacks.EarlyStopping.patience").value == 2
    assert by_key(page, "data.name").value == "iris"
    assert not fit_button(page).disabled


def test_code_of_the_page_can_be_pasted_back(open_page):
    page = open_page(data__name="wine", fit__epochs="5", fit__validation_data="random", network__width="9")
    code = next(text for text in codes(page) if "library(keras)" in text)

    other = fill(paste(open_page(), code))

    assert next(text for text in codes(other) if "library(keras)" in text) == code


@pytest.mark.parametrize("text", ["", "   ", "]][[", "<b>x</b>", "hello", "fit(" * 500])
def test_nothing_that_is_pasted_breaks_the_page(open_page, text):
    page = paste(open_page(), text)

    assert page.button(key="code.fill").disabled or text.startswith("fit(")
    assert not fit_button(page).disabled


def test_tutorials_are_pasted_and_filled_in_without_a_crash(open_page):
    page = open_page(data__name="iris")

    for text, *_ in [*R, *PYTHON][::6]:
        paste(page, text)
        if not page.button(key="code.fill").disabled:
            fill(page)
