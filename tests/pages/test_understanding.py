"""What the page shows of what a network has learned."""

import json

import pytest

from fitdash.runs.checkpoints import prediction_files
from fitdash.runs.protocol.events import PredictionsTaken
from fitdash.runs.protocol.paths import home
from tests.pages.conftest import sent, texts, until

FAST = {"pace": "full speed", "fit__epochs": "3"}


def panels(page):
    """The charts of the panel by their names, as sent to the browser."""
    return {one["name"]: one for one in sent(page) if "spec" in one and one["name"].startswith("panel-")}


def finished(open_page, **values):
    page = open_page(**FAST | values)
    page.button(key="fit").click().run()
    until(page, "finished")
    return page


def uid_of(page):
    (uid,) = [page.query_params["run"]] if isinstance(page.query_params["run"], str) else page.query_params["run"]
    return uid


def choose(page, view):
    """Press a view of the panel."""
    (control,) = [one for one in page.get("button_group") if one.key and one.key.startswith("panel.view")]
    control.set_value(view).run()
    assert not page.exception


@pytest.mark.parametrize(
    ("data", "first", "views"),
    [
        ("moons", "panel-boundary", {"Confusion": "panel-confusion", "Mistakes": None}),
        ("digits", "panel-confusion", {"Mistakes": "panel-mistakes"}),
        ("iris", "panel-confusion", {"Boundary": "panel-boundary", "Mistakes": None}),
        ("regimes", "panel-sequences", {"Confusion": "panel-confusion", "Mistakes": None}),
        ("digits_halves", "panel-confusion", {"Mistakes": None}),
        ("linnerud", "panel-predicted", {"Residuals": "panel-residuals", "Map": "panel-map", "Worst rows": None}),
        ("diabetes", "panel-predicted", {"Residuals": "panel-residuals", "Map": "panel-map", "Worst rows": None}),
    ],
)
def test_each_task_has_its_views(open_page, data, first, views):
    page = finished(open_page, data__name=data, fit__validation_split="0.2")
    assert first in panels(page)
    assert "**Learned** after epoch 3" in texts(page)

    for view, chart in views.items():
        choose(page, view)
        assert chart is None or chart in panels(page)
        if chart is None:
            assert any("predicted" in table.value.columns for table in page.dataframe)


def test_the_boundary_of_other_columns_can_be_chosen(open_page):
    page = finished(open_page, data__name="iris")
    choose(page, "Boundary")
    (across,) = [one for one in page.selectbox if one.key.startswith("panel.across")]
    before = json.loads(panels(page)["panel-boundary"]["spec"])["layout"]["xaxis"]["title"]["text"]

    across.set_value("sepal width (cm)").run()

    after = json.loads(panels(page)["panel-boundary"]["spec"])["layout"]["xaxis"]["title"]["text"]
    assert (before, after) == ("petal length (cm)", "sepal width (cm)")
    assert "all other columns stay at their median" in texts(page)


def test_the_samples_of_a_cell_can_be_chosen_without_a_mouse(open_page):
    page = finished(open_page, data__name="digits", fit__validation_split="0.2")
    (cell,) = [one for one in page.selectbox if one.key == "panel.cell.10"]

    cell.set_value((3, 3)).run()

    assert not page.exception
    assert "True **3**, rightly predicted: " in texts(page)
    assert panels(page)["panel-cell"]["alt"].startswith("8 samples as images")


def test_of_several_targets_one_is_shown_and_another_can_be_chosen(open_page):
    page = finished(open_page, data__name="linnerud")
    assert "predicted Weight" in panels(page)["panel-predicted"]["spec"]

    (control,) = [one for one in page.get("button_group") if one.key == "panel.target"]
    control.set_value("Pulse").run()

    assert not page.exception
    assert "predicted Pulse" in panels(page)["panel-predicted"]["spec"]
    choose(page, "Map")
    assert "Pulse" in panels(page)["panel-map"]["alt"]


def test_it_says_whose_rows_they_are_and_what_guessing_would_give(open_page):
    page = finished(open_page, data__name="moons", fit__validation_split="0.25")

    assert "150 held-out rows: " in texts(page)
    assert "always answering the most common class: 5" in texts(page)


def test_it_follows_the_cursor_back_in_time(open_page):
    page = finished(open_page, data__name="moons")
    page.session_state["page"].epoch_at = (uid_of(page), 0)

    page.run()

    assert "**Learned** after epoch 1" in texts(page)
    assert panels(page)["panel-boundary"]["rev"] == "1"


def test_a_run_without_looks_and_a_network_without_weights_have_no_map(open_page):
    page = finished(open_page, data__name="moons")
    folder = prediction_files.predictions_folder(home(), uid_of(page))
    for epoch in prediction_files.saved_epochs(folder):
        look = prediction_files.read(folder, epoch)
        rest = {"rows": look.rows, "answers": look.answers, "sureness": look.sureness}
        prediction_files.write(folder, PredictionsTaken(uid="r", epoch=epoch, weights={}, **rest))
    page.run()
    assert list(panels(page)) == ["panel-confusion"]

    for path in folder.iterdir():
        path.unlink()
    page.run()
    assert not page.exception
    assert panels(page) == {}


def test_data_that_is_gone_is_said(open_page, own_server):
    page = finished(open_page, data__name="moons")
    server, uid = own_server(), uid_of(page)
    upload = {"name": "upload", "content": "0" * 64, "filename": "gone.csv"}
    other = server.runner.submit(
        lambda recorder, control: None,
        experiment=dict(server.store.run(uid).experiment) | {"data": upload},
        name="gone",
    )
    assert other.join(60)
    server.writer.flush(10)
    (home() / "runs" / uid).rename(home() / "runs" / other.uid)

    page = open_page(run=other.uid)

    assert "What it has learned cannot be shown" in texts(page)


def test_the_example_shows_what_its_network_answered_at_the_epoch_of_the_cursor(open_page):
    page = open_page()
    assert "panel-confusion" in panels(page)
    assert "**Learned** after epoch 20" in texts(page)
    assert "360 held-out rows: 96.7% right" in texts(page)

    page.session_state["page"].epoch_at = ("example", 0)
    page.run()

    assert "**Learned** after epoch 1" in texts(page)
    assert "360 held-out rows: 82.8% right" in texts(page)
