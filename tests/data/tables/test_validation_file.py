"""A second file to validate on: the same columns, its own weights, refused in words."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fitdash.data.tables.data_facts import facts_of
from fitdash.data.tables.loaded_dataset import load_dataset
from fitdash.data.tables.prepared import prepare_data
from fitdash.data.tables.upload import save_upload
from fitdash.data.tables.validation_file import add_validation_facts, join_validation_rows
from fitdash.errors import DataError, SettingError
from fitdash.settings.advice import advice_in
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.declaration import inert_in, problems_in
from fitdash.settings.experiment import Experiment, plan_run
from fitdash.settings.fit import FitArgs
from fitdash.settings.validation_data import HoldOut

OWN = "size,colour,trust,kind\n" + "".join(
    f"{i * 0.5},{'red' if i % 3 else 'blue'},{i % 4 + 1},{'ab'[i % 2]}\n" for i in range(40)
)
MORE = "kind,colour,size,heavy\n" + "".join(
    f"{'ba'[i % 2]},{'red' if i % 2 else 'green'},{i + 0.1},{i}\n" for i in range(9)
)


def kept(text, home, name="more.csv"):
    return save_upload(text.encode(), home / "uploads", name)


def recipe(home, more=MORE, held=None, **fit):
    data = DatasetArgs(
        name="upload", content=kept(OWN, home, "own.csv"), filename="own.csv", features=("size", "colour")
    )
    file = HoldOut(kind="upload", content=kept(more, home), filename="more.csv", **(held or {}))
    return Experiment(data=data, fit=FitArgs(validation_data=file, **fit))


def test_all_rows_train_and_those_of_the_file_validate(home):
    ours = prepare_data(recipe(home), home / "uploads")

    x_val, y_val = ours.validation_data
    assert (ours.x.shape, x_val.shape) == ((40, 3), (9, 3))
    assert y_val[:2].tolist() == [1, 0]
    sizes = np.arange(40) * 0.5
    assert np.allclose(x_val[:, 0], (np.arange(9) + 0.1 - sizes.mean()) / sizes.std(), atol=1e-5)
    assert x_val[0, 1:].tolist() == [0, 0], "green was never trained on"
    assert (ours.facts.rows, ours.facts.validation_rows, len(ours.validation)) == (40, 9, 9)


def test_the_plan_counts_the_rows_of_the_file(home):
    experiment = recipe(home, batch_size=4)
    data = load_dataset("iris")
    facts = DataFacts(rows=40, validation_rows=9)

    numbers = plan_run(experiment, facts)

    assert (numbers.train_rows, numbers.val_rows, numbers.val_batches) == (40, 9, 3)
    assert add_validation_facts(facts_of(data), data, FitArgs(), home) == facts_of(data)


def test_a_column_of_the_file_weighs_its_rows(home):
    ours = prepare_data(recipe(home, held={"sample_weight": "heavy"}), home / "uploads")

    assert ours.validation_data[2].tolist() == list(range(9))
    assert ours.sample_weight is None
    with pytest.raises(SettingError, match="validation_data sample_weight must name a column of numbers from 0 up"):
        prepare_data(recipe(home, held={"sample_weight": "trust"}), home / "uploads")


def test_weights_of_the_training_rows_are_not_asked_of_the_file(home):
    ours = prepare_data(recipe(home, sample_weight="trust"), home / "uploads")

    assert ours.sample_weight.tolist() == [i % 4 + 1 for i in range(40)]
    assert len(ours.validation_data) == 2


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (
            MORE.replace("size", "length"),
            "more.csv must have the columns of own.csv, got a file without 'size'. "
            "Columns of the file: kind, colour, length, heavy.",
        ),
        (
            MORE.replace("ba", "bx").replace("a,", "c,"),
            "'kind' of more.csv must have the classes of own.csv (a, b), got 'c'.",
        ),
        ("kind,colour,size\na,red,x\nb,red,y\n", "'size' of more.csv must hold numbers, as in own.csv, got 'x'."),
        ("kind,colour,size\n,red,1\nb,red,2\n", "'kind' of more.csv must have a value in every row, got 1 gap."),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_words(home, more, text):
    with pytest.raises(DataError) as caught:
        prepare_data(recipe(home, more), home / "uploads")

    assert str(caught.value) == text


def test_a_feature_that_weighs_the_rows_is_not_asked_of_the_file(home):
    both = recipe(home, sample_weight="trust")
    both = replace(both, data=replace(both.data, features=("size", "colour", "trust")))

    ours = prepare_data(both, home / "uploads")

    assert ours.validation_data[0].shape == (9, 3)
    assert ours.sample_weight.tolist() == [i % 4 + 1 for i in range(40)]


def test_rows_that_train_too_are_told(home):
    own = OWN.splitlines()
    experiment = recipe(home, "\n".join([own[0], *own[3:8], "99,red,1,a"]) + "\n")

    facts = prepare_data(experiment, home / "uploads").facts

    assert (facts.overlap, facts.validation_rows) == (5, 6)
    texts = [note.text for note in advice_in(experiment, facts) if note.where == "fit.validation_data"]
    assert texts == ["5 of the 6 rows of the file are training rows too: the validation flatters."]


def test_a_named_set_takes_a_file_with_its_columns():
    iris = load_dataset("iris")

    both = join_validation_rows(iris, iris.table.iloc[:7])

    assert (len(both.train), both.validation.tolist()) == (150, list(range(150, 157)))
    assert both.dataset.codes[150:].tolist() == iris.codes[:7].tolist()


def test_scripts_get_the_rows_of_a_file_too(tmp_path):
    iris = load_dataset("iris")
    iris.table.iloc[:7].to_csv(tmp_path / "more.csv", index=False)

    data, train, val = iris.with_file(tmp_path / "more.csv")
    x, y = data.arrays(train=train)

    assert (len(x), len(train), len(val)) == (157, 150, 7)
    assert (y[val] == iris.codes[:7]).all()


def test_upload_needs_a_file():
    (problem,) = problems_in(FitArgs(validation_data=HoldOut(kind="upload")))

    assert problem.where == "fit.validation_data.content"
    assert problem.text == "validation_data is upload but there is no file. Choose a CSV file, or other rows."


def test_each_kind_of_held_out_rows_says_what_it_needs():
    def inert(**held):
        found = inert_in(FitArgs(validation_data=HoldOut(**held)))
        return {where.rpartition(".")[2] for where in found if "validation_data" in where}

    upload = {"content", "filename", "sample_weight"}
    assert inert() == inert(kind="random") == {"rows", *upload}
    assert inert(kind="last") == upload
    assert inert(kind="last", rows=5) == {"share", *upload}
    assert inert(kind="upload", content="0" * 64) == {"share", "rows"}


def test_the_last_rows_can_be_counted():
    iris = load_dataset("iris")

    ours = prepare_data(
        Experiment(data=DatasetArgs(name="iris"), fit=FitArgs(validation_data=HoldOut(kind="last", rows=7)))
    )

    assert ours.validation.tolist() == list(range(143, 150))
    assert iris.hold_out(kind="last", rows=7)[1].tolist() == list(range(143, 150))
    many = FitArgs(validation_data=HoldOut(kind="last", rows=150))
    (problem,) = problems_in(many, facts_of(iris))
    assert problem.text == (
        "validation_data must leave rows in both parts, got 150 of 150 samples, which leaves none for training."
    )


def test_columns_of_the_data_that_nobody_needs_may_be_missing():
    iris = load_dataset("iris").table.assign(note="x")
    data = load_dataset("iris")

    assert pd.isna(join_validation_rows(data, iris.iloc[:2]).dataset.table.get("note", pd.Series([np.nan])).iloc[-1])
