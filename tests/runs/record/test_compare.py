"""Runs side by side, and the table for elsewhere."""

import io
import json

import pandas as pd
import pytest

from fitdash.errors import SettingError
from fitdash.runs.protocol.events import Began, Changed, Created, EpochEnded
from fitdash.runs.record.compare import compare_runs, visible_columns
from fitdash.runs.record.table_export import export_table, latex
from fitdash.settings.experiment import Experiment
from fitdash.settings.search_space import with_value


def add(store, uid, changes=None, values=((0.5, 0.7), (0.4, 0.9), (0.45, 0.8)), **more):
    experiment = Experiment()
    for address, value in (changes or {}).items():
        experiment = with_value(experiment, address, value)
    store.write(
        [
            Created(uid=uid, name=uid, experiment=experiment.to_dict(), writer="w", at=100.0, **more),
            Changed(uid=uid, state="running", at=100.0),
            Began(uid=uid, params={"samples": 1000, "steps": 32, "batch_size": 32, "epochs": 3}),
            *(
                EpochEnded(uid=uid, epoch=epoch, logs={"val_loss": loss, "val_accuracy": share}, seconds=1.0)
                for epoch, (loss, share) in enumerate(values)
            ),
            Changed(uid=uid, state="finished", at=110.0),
        ]
    )


def test_settings_that_differ_come_first_then_results_then_facts(store):
    add(store, "a")
    add(store, "b", {"network.width": 16, "compile.learning_rate": 0.01})

    found = compare_runs(store.runs(), now=200.0)

    assert list(found.frame)[:6] == ["run", "name", "state", "tags", "network.width", "compile.learning_rate"]
    assert found.settings == ["network.width", "compile.learning_rate"]
    assert found.results == ["val_loss", "val_loss best", "val_accuracy", "val_accuracy best", "val_accuracy min"]
    assert found.frame["network.width"].tolist() == [16, 64]
    assert found.shared["network.depth"] == 2
    assert "network.width" not in found.shared


def test_last_best_and_lowest_values_are_told(store):
    add(store, "a")

    (row,) = compare_runs(store.runs(), now=200.0).frame.to_dict("records")

    assert (row["val_loss"], row["val_loss best"]) == (0.45, 0.4)
    assert (row["val_accuracy"], row["val_accuracy best"], row["val_accuracy min"]) == (0.8, 0.9, 0.7)
    assert (row["epochs"], row["seconds"], row["samples_per_second"]) == (3, 3.0, 1000.0)


def test_a_run_without_an_epoch_has_gaps_and_one_that_trains_lasts_until_now(store):
    add(store, "a")
    store.write([Created(uid="b", name="", experiment={}, writer="w"), Changed(uid="b", state="running", at=150.0)])

    frame = compare_runs(store.runs(), now=200.0).frame.set_index("run")

    assert frame.loc["b", "seconds"] == 50.0
    assert pd.isna(frame.loc["b", "val_loss"])
    assert pd.isna(frame.loc["b", "samples_per_second"])


def test_what_people_wrote_and_where_a_run_comes_from_is_told(store):
    add(store, "a")
    add(store, "b", parent="a", sweep="s", trial=4)
    store.annotate("b", tags=["good", "slow"], notes="Look.")

    frame = compare_runs(store.runs(), now=200.0).frame.set_index("run")

    assert frame.loc["b", ["parent", "sweep", "trial", "tags", "notes"]].tolist() == [
        "a",
        "s",
        5,
        "good, slow",
        "Look.",
    ]


def test_columns_that_tell_nothing_apart_are_not_shown(store):
    add(store, "a")
    add(store, "b", {"network.width": 16})

    columns = visible_columns(compare_runs(store.runs(), now=200.0))

    assert columns[:4] == ["run", "name", "state", "network.width"]
    assert {"tags", "notes", "parent", "epochs"}.isdisjoint(columns)


def test_no_runs_make_an_empty_table():
    found = compare_runs([], now=0.0)

    assert len(found.frame) == 0
    assert found.settings == []


def test_lists_and_tables_become_words(store):
    add(store, "a", {"fit.class_weight": {0: 1.0, 1: 2.0}})
    add(store, "b", {"fit.class_weight": "balanced"})
    add(store, "c")

    frame = compare_runs(store.runs(), now=200.0).frame

    assert frame["fit.class_weight"].isna().tolist() == [True, False, False]
    assert frame["fit.class_weight"].tolist()[1:] == ["balanced", "{0: 1, 1: 2}"]


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_a_selection_is_exported_and_read_again(store, kind):
    add(store, "a", {"fit.shuffle": "batch"})
    add(store, "b")
    frame = compare_runs(store.runs(), now=200.0).frame

    file = export_table(frame, kind, columns=["run", "fit.shuffle", "val_loss", "created"])

    if kind == "json":
        rows = json.loads(file)
    else:
        rows = {"csv": pd.read_csv, "parquet": pd.read_parquet}[kind](io.BytesIO(file)).to_dict("records")
    assert [row["run"] for row in rows] == ["b", "a"]
    assert [str(row["fit.shuffle"]) for row in rows] == ["True", "batch"]
    assert [row["val_loss"] for row in rows] == [0.45, 0.45]


def test_latex_escapes_names_and_aligns_numbers():
    at = pd.to_datetime([0.5, 90.0], unit="s", utc=True)
    texts = ['50 % & more < "a"', None]
    frame = pd.DataFrame({"name_1": texts, "val_loss": [0.123456, float("nan")], "created": at})

    assert latex(frame).splitlines() == [
        r"\begin{tabular}{lrl}",
        r"\toprule",
        r"name\_1 & val\_loss & created \\",
        r"\midrule",
        r"50 \% \& more \textless{} \textquotedbl{}a\textquotedbl{} & 0.1235 & 1970-01-01 00:00 \\",
        r"-- & -- & 1970-01-01 00:01 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_an_unknown_kind_or_column_is_refused(store):
    add(store, "a")
    frame = compare_runs(store.runs(), now=200.0).frame

    with pytest.raises(SettingError, match="Unknown kind of file 'xlsx'. Known: csv, json, parquet, latex"):
        export_table(frame, "xlsx")
    with pytest.raises(SettingError, match="Unknown column 'val_los'. Did you mean 'val_loss'"):
        export_table(frame, "csv", columns=["val_los"])
