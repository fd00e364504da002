"""Every way to weigh rows acts: chosen on the page, seen in the loss."""

import numpy as np
import pytest

from fitdash.data.tables.prepared import prepare_data
from fitdash.data.tables.upload import save_upload
from fitdash.runs.protocol.paths import home
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.ui.form.fill import to_query_params
from fitdash.ui.form.widget_values import to_widget_values
from tests.pages.conftest import texts, trained
from tests.pages.seen import per_sample
from tests.pages.test_acts_rows import STILL
from tests.pages.test_acts_time import QUICK
from tests.pages.test_form import by_key, fit_button

IRIS = QUICK | STILL | {"data__name": "iris", "fit__epochs": "1"}
LENGTH = "petal length (cm)"


def kept(text):
    return save_upload(text.encode(), home() / "uploads", "weights.csv", least_columns=1)


def link(text):
    return {"fit__sample_weight__content": kept(text), "fit__sample_weight__filename": "weights.csv"}


@pytest.mark.parametrize(
    ("form", "column", "value", "expected"),
    [
        ("inverse", LENGTH, None, lambda x, y: 1 / x),
        ("rarity", "species", None, lambda x, y: np.ones(150)),
        ("recency", None, None, lambda x, y: np.arange(1, 151) / 150),
        ("above", LENGTH, "4", lambda x, y: np.where(x > 4, 3, 1)),
        ("equal", "species", "virginica", lambda x, y: np.where(y == 2, 3, 1)),
    ],
)
def test_an_expression_weighs_the_loss_of_each_row(open_page, seen, form, column, value, expected):
    page = open_page(**IRIS)
    by_key(page, "fit.sample_weight").set_value("an expression …").run()
    by_key(page, "fit.sample_weight.form").set_value(form).run()
    for name, given in (("column", column), ("value", value)):
        if given is not None:
            by_key(page, f"fit.sample_weight.{name}").set_value(given).run()

    run, logs = trained(page)

    data = prepare_data(Experiment.from_dict(run.experiment))
    weights = expected(data.dataset.table[LENGTH].to_numpy(), data.y)
    assert data.x.shape == (150, 4)
    assert logs[0]["loss"] == pytest.approx((weights * per_sample(seen, data)).mean(), rel=1e-4)


def test_an_expression_that_lacks_something_keeps_fit_waiting(open_page):
    page = open_page(**IRIS, fit__sample_weight="an expression …")
    assert "sample_weight must name a column for inverse(column), got none." in texts(page)
    assert fit_button(page).disabled

    by_key(page, "fit.sample_weight.column").set_value("petal width (cm)").run()

    assert not fit_button(page).disabled
    assert "weights of 150 rows: from 0.4 to 10, 2.02 on average" in texts(page)


def test_weights_that_cannot_be_are_told_before_fit(open_page):
    page = open_page(**IRIS | {"data__name": "moons", "fit__sample_weight": "an expression …"})
    by_key(page, "fit.sample_weight.column").set_value("x1").run()

    assert "sample_weight must be 0 or more in every row, got" in texts(page)
    assert fit_button(page).disabled


def test_a_file_weighs_the_rows_and_is_cut_by_the_split(open_page, seen):
    text = "weight\n" + "\n".join(str(row % 4) for row in range(150)) + "\n"
    page = open_page(**IRIS, **link(text), fit__validation_split="0.2", fit__sample_weight="a file of rows …")
    assert "weighs by weights.csv" in texts(page)

    run, logs = trained(page)

    data = prepare_data(Experiment.from_dict(run.experiment), home() / "uploads")
    losses = (np.arange(150) % 4) * per_sample(seen, data)
    assert logs[0]["loss"] == pytest.approx(losses[:120].mean(), rel=1e-4)
    assert logs[0]["val_loss"] == pytest.approx(losses[120:].mean(), rel=1e-4)


def test_a_file_of_another_length_keeps_fit_waiting(open_page):
    page = open_page(**IRIS, **link("weight\n1\n2\n"), fit__sample_weight="a file of rows …")

    assert "weights.csv must have a weight for each of 150 rows, before any split, got 2 rows." in texts(page)
    assert fit_button(page).disabled


def test_steps_of_sequences_are_weighed_by_their_place_or_a_file(open_page):
    text = "\n".join([",".join(f"s{step}" for step in range(30)), *([",".join(["0"] * 29 + ["1"])] * 60)])
    page = open_page(**IRIS | {"data__name": "regimes"}, **link(text), fit__sample_weight="an expression …")
    by_key(page, "fit.sample_weight.form").set_value("last_steps").run()
    by_key(page, "fit.sample_weight.count").set_value(1).run()
    _, last = trained(page)

    by_key(page, "fit.sample_weight").set_value("a file of steps …").run()

    _, filed = trained(page)
    assert filed[0] == last[0]
    assert last[0]["loss"] < 0.2


def test_rows_that_are_no_sequences_have_no_weights_of_steps(open_page):
    page = open_page(**IRIS, fit__sample_weight="an expression …")

    assert "a file of steps …" not in by_key(page, "fit.sample_weight").options
    assert "last_steps" not in by_key(page, "fit.sample_weight.form").options


def test_other_data_asks_for_the_column_anew(open_page):
    page = open_page(**IRIS, fit__sample_weight="an expression …", fit__sample_weight__column=LENGTH)
    assert not fit_button(page).disabled

    by_key(page, "data.name").set_value("moons").run()

    assert not page.exception
    assert "sample_weight must name a column for inverse(column), got none." in texts(page)
    by_key(page, "fit.sample_weight").set_value(None).run()
    assert not fit_button(page).disabled


def test_a_link_brings_back_an_expression(open_page):
    experiment = Experiment(fit=FitArgs(sample_weight="above(petal length (cm), 4, 2.5)"))
    values = to_query_params(to_widget_values(experiment))

    page = open_page(**IRIS, **{key.replace(".", "__"): value for key, value in values.items()})

    assert "weights of 150 rows: from 1 to 2.5" in texts(page)
    assert by_key(page, "fit.sample_weight.form").value == "above"


def test_the_weights_that_are_shown_are_told_from_the_rows_that_train(open_page):
    page = open_page(**IRIS, fit__sample_weight="an expression …", fit__validation_split="0.5")

    by_key(page, "fit.sample_weight.form").set_value("recency").run()

    assert not page.exception
    assert "weights of 150 rows: from 0.0133 to 1, 0.753 on average" in texts(page)
    run, _ = trained(page)
    given = prepare_data(Experiment.from_dict(run.experiment)).sample_weight
    assert given[:75].tolist() == pytest.approx((np.arange(1, 76) / 75).tolist())
    assert given[75:].tolist() == [1.0] * 75
