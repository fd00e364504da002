"""A second file to validate on, from the page to the run."""

from fitdash.data.tables.builtin import load_bundled
from fitdash.data.tables.synthetic import make_toy
from fitdash.data.tables.upload import save_upload
from fitdash.runs.protocol.paths import home
from tests.pages.conftest import texts, trained
from tests.pages.test_acts_time import QUICK
from tests.pages.test_form import by_key, fit_button

IRIS = QUICK | {"data__name": "iris"}


def kept(table):
    return save_upload(table.to_csv(index=False).encode(), home() / "uploads")


def more(rows=12):
    """Rows of iris that are like no row of it."""
    table = load_bundled("iris").table.iloc[:rows].copy()
    return table.assign(**{"sepal length (cm)": table["sepal length (cm)"] + 0.01, "heavy": range(rows)})


def link(table):
    return {"fit__validation_data__content": kept(table), "fit__validation_data__filename": "more.csv"}


def test_validation_data_can_be_a_file_of_its_own(open_page, seen):
    page = open_page(**QUICK, **link(make_toy("moons", samples=12, noise=0.5).table))
    by_key(page, "fit.validation_data").set_value("upload").run()
    assert "trains on **60** rows" in texts(page)
    assert "validates on **12** rows" in texts(page)

    run, logs = trained(page)

    assert seen.validated(run) == 2 * [list(range(60, 72))]
    assert sorted(sum(seen.trained(run)[:2], [])) == list(range(60))
    assert "val_loss" in logs[0]


def test_a_column_of_the_file_weighs_the_validation_loss(open_page):
    page = open_page(**IRIS, **link(more()), fit__validation_data="upload")
    _, plain = trained(page)
    by_key(page, "fit.validation_data.sample_weight").set_value("heavy").run()

    _, weighed = trained(page)

    assert weighed[0]["loss"] == plain[0]["loss"]
    assert weighed[0]["val_loss"] > 2 * plain[0]["val_loss"]


def test_without_a_file_fit_waits_and_says_so(open_page):
    page = open_page(**IRIS, fit__validation_data="upload")

    assert "validation_data is upload but there is no file. Choose a CSV file, or other rows." in texts(page)
    assert fit_button(page).disabled


def test_a_file_that_does_not_fit_is_refused_at_its_field(open_page):
    page = open_page(**IRIS, **link(more().drop(columns=["petal width (cm)"])), fit__validation_data="upload")

    assert "more.csv must have the columns of iris, got a file without 'petal width (cm)'." in texts(page)
    assert fit_button(page).disabled


def test_rows_that_train_too_are_a_remark(open_page):
    page = open_page(**IRIS, **link(load_bundled("iris").table.iloc[:9]), fit__validation_data="upload")

    assert "9 of the 9 rows of the file are training rows too: the validation flatters." in texts(page)
    assert not fit_button(page).disabled


def test_the_last_rows_can_be_counted(open_page, seen):
    page = open_page(**QUICK, fit__validation_data="last")
    by_key(page, "fit.validation_data.rows").set_value(5).run()

    run, _ = trained(page)

    assert seen.validated(run)[0] == [55, 56, 57, 58, 59]
