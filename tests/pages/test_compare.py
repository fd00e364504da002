"""The Compare page: runs are listed, chosen, told apart, deleted and loaded."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from fitdash.runs.protocol.events import Changed, Created, EpochEnded
from fitdash.settings.compile import CompileArgs
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.ui.compare import charts as compare_charts
from fitdash.ui.compare import downloads
from fitdash.ui.session.server_resources import server_resources
from tests.pages.conftest import charts, texts

FIRST = Experiment(fit=FitArgs(validation_split=0.2, epochs=7))
SECOND = replace(FIRST, compile=CompileArgs(learning_rate=0.1))


def record(uid, experiment, losses=(1.0, 0.5, 0.75), name="iris"):
    """A finished run with these losses."""
    events = [Created(uid=uid, name=name, experiment=experiment.to_dict(), writer="w", at=10.0)]
    events += [Changed(uid=uid, state="running", at=11.0)]
    events += [
        EpochEnded(uid=uid, epoch=e, logs={"loss": v, "val_accuracy": 1 - v}, seconds=0.5) for e, v in enumerate(losses)
    ]
    server_resources().store.write([*events, Changed(uid=uid, state="finished", at=99.0)])


@pytest.fixture
def compared(open_page):
    """The page over two runs."""
    page = open_page()
    record("a" * 16, FIRST)
    record("b" * 16, SECOND, losses=[0.9, 0.2])
    page.switch_page("pages/compare.py").run()
    assert not page.exception
    return page


def button(page, label):
    return next(one for one in page.button if one.label == label)


def test_without_runs_it_says_so(open_page):
    page = open_page()

    page.switch_page("pages/compare.py").run()

    assert not page.exception
    assert "There is no run yet" in page.info[0].value


def test_new_runs_are_chosen_and_drawn_and_the_difference_is_said(compared):
    assert "Only learning_rate not set → 0.1 changed." in texts(compared).replace("**", "")
    assert [name for name in charts(compared) if name] == []
    names = [json.loads(one.proto.json).get("name") for one in compared.get("bidi_component")]
    assert names == ["compare-val_accuracy", "compare-parallel", "compare-scatter"]


def test_filters_leave_the_others_out(compared):
    compared.text_input(key="compare.find").set_value("bbbb").run()

    assert not compared.exception
    assert len(compared.dataframe[0].value) == 1


def test_runs_are_found_by_their_data_whatever_they_are_called(open_page):
    page = open_page()
    for number in range(3):
        record(f"trial {number}", replace(FIRST, seed=number), name=f"sweep {number}")
    record("c" * 16, replace(FIRST, data=DatasetArgs(name="wine")))
    page.switch_page("pages/compare.py").run()

    assert page.multiselect(key="compare.data").options == ["wine", "digits"]
    page.multiselect(key="compare.data").set_value(["digits"]).run()

    assert page.dataframe[0].value["run"].str.startswith("trial").tolist() == [True] * 3


def test_small_settings_are_not_shown_as_0(open_page):
    page = open_page()
    record("a" * 16, FIRST)
    record("b" * 16, replace(FIRST, compile=CompileArgs(learning_rate=3.6e-5)))
    page.switch_page("pages/compare.py").run()

    columns = json.loads(page.dataframe[0].proto.columns)

    assert columns["compile.learning_rate"]["type_config"]["format"] == "%.6g"


def test_a_figure_names_every_run_in_its_legend(compared):
    for number in range(7):
        record(f"{number}" * 16, replace(FIRST, seed=number + 1))
    records = server_resources().store.runs()

    drawn = compare_charts.overlay_figure(server_resources().store, records, "loss")
    page = downloads.figure_file(server_resources().store, records, "loss", "html")

    assert drawn.layout.showlegend
    assert len({trace.name for trace in drawn.data}) == len(records) == 9
    assert "<script" in page


def test_deleted_runs_come_back(compared):
    button(compared, "Delete 2").click().run()
    assert server_resources().store.runs() == []

    button(compared, "Undo delete").click().run()

    assert not compared.exception
    assert len(server_resources().store.runs()) == 2


def test_files_hold_what_the_store_holds(compared):
    import io

    records = server_resources().store.runs()

    table = pd.read_parquet(io.BytesIO(downloads.table_file(records, "parquet")))
    curves = pd.read_csv(io.StringIO(downloads.curves_csv(server_resources().store, records)))
    told = json.loads(downloads.runs_json(server_resources().store, records))

    assert table["loss best"].tolist() == [0.2, 0.5]
    assert b"learning\\_rate" in downloads.table_file(records, "latex", "val_accuracy")
    assert b"val\\_loss" not in downloads.table_file(records, "latex", "val_accuracy")
    assert curves[curves.name == "loss"].value.tolist() == [0.9, 0.2, 1.0, 0.5, 0.75]
    assert [one["history"]["history"]["loss"] for one in told] == [[0.9, 0.2], [1.0, 0.5, 0.75]]
    assert Experiment.from_dict(told[0]["experiment"]) == SECOND
