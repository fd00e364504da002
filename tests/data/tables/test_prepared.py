import numpy as np
import pytest

from fitdash.data.tables.prepared import prepare_data
from fitdash.data.tables.upload import save_upload
from fitdash.errors import DataError, SettingError
from fitdash.settings.compile import CompileArgs
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.validation_data import HoldOut


def upload(folder, text, **settings):
    content = save_upload(text.encode(), folder, "data.csv")
    return DatasetArgs(name="upload", content=content, filename="data.csv", **settings)


def table(rows=20):
    lines = [f"{i},{i * i},{i % 3 + 1},{'ab'[i % 2]}" for i in range(rows)]
    return "x,z,w,y\n" + "\n".join(lines)


def test_with_validation_split_all_rows_are_given_and_the_head_is_learned_from():
    data = prepare_data(Experiment(data=DatasetArgs(name="iris"), fit=FitArgs(validation_split=0.2)))

    assert (data.x.shape, data.y.shape, data.y.dtype) == ((150, 4), (150,), np.int64)
    assert data.x[:120].mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-6)
    assert data.columns.rows == 120
    assert data.validation_data is None
    assert data.facts.inputs == 4


def test_held_out_rows_are_given_apart_with_what_was_learned_from_the_others():
    fit = FitArgs(validation_data=HoldOut(kind="random", share=0.3))

    data = prepare_data(Experiment(data=DatasetArgs(name="wine"), fit=fit))

    x, y = data.validation_data
    assert (len(data.x), len(x), len(y)) == (124, 54, 54)
    assert data.x.mean(axis=0) == pytest.approx(np.zeros(13), abs=1e-5)
    assert data.columns.encode(data.dataset.table)[data.validation] == pytest.approx(x)
    assert data.dataset.codes[data.validation].tolist() == y.tolist()


def test_the_column_of_weights_is_cut_like_the_rows_and_no_input(tmp_path):
    args = upload(tmp_path, table())

    held = prepare_data(
        Experiment(data=args, fit=FitArgs(sample_weight="w", validation_data=HoldOut(kind="last"))), tmp_path
    )
    whole = prepare_data(Experiment(data=args, fit=FitArgs(sample_weight="w", validation_split=0.2)), tmp_path)

    weights = [i % 3 + 1 for i in range(20)]
    assert held.columns.names == ["x", "z"]
    assert held.sample_weight.tolist() == weights[:16]
    assert held.validation_data[2].tolist() == weights[16:]
    assert whole.sample_weight.tolist() == weights


@pytest.mark.parametrize(
    ("name", "loss", "units", "activation", "shape"),
    [
        ("moons", "auto", 1, "sigmoid", (600,)),
        ("moons", "categorical_crossentropy", 2, "softmax", (600, 2)),
        ("iris", "auto", 3, "softmax", (150,)),
        ("iris", "categorical_crossentropy", 3, "softmax", (150, 3)),
        ("diabetes", "auto", 1, "linear", (442, 1)),
    ],
)
def test_targets_have_the_shape_that_the_loss_compares(name, loss, units, activation, shape):
    data = prepare_data(Experiment(data=DatasetArgs(name=name), compile=CompileArgs(loss=loss)))

    assert (data.output.units, data.output.activation, data.y.shape) == (units, activation, shape)


def test_arguments_without_effect_are_at_their_defaults():
    fit = FitArgs(class_weight={0: 2.0}, validation_split=0.3, validation_data=HoldOut(), validation_freq=2)

    data = prepare_data(Experiment(data=DatasetArgs(name="diabetes"), fit=fit))

    assert (data.fit.class_weight, data.fit.validation_split, data.fit.validation_freq) == (None, 0.0, 2)


def test_problems_are_told_all_at_once():
    experiment = Experiment(data=DatasetArgs(name="iris"), fit=FitArgs(epochs=0, validation_split=1.0))

    with pytest.raises(SettingError) as caught:
        prepare_data(experiment)

    assert str(caught.value) == "epochs must be at least 1, got 0.\nvalidation_split must be below 1, got 1.0."


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("a,b\n1,x\n2,x\n3,x\n", None, "The target 'b' must have at least 2 classes, got only 'x'."),
        ("a,b\n1,x\n2,\n3,y\n", None, "The target 'b' must have a value in every row, got 1 gap, the first in row 2."),
        ("a,b\n1,x\n2,y\n", "c", "target must name a column of data.csv, got 'c'."),
        ("a,b\nu,x\nv,y\nw,x\nz,y\n", None, "data.csv must have a column to learn from, got none: 'a' has 4 different"),
    ],
)
def test_an_upload_that_cannot_be_trained_on_is_refused_in_words(tmp_path, text, target, expected):
    args = upload(tmp_path, text, target=target)

    with pytest.raises(DataError) as caught:
        prepare_data(Experiment(data=args), tmp_path)

    assert str(caught.value).startswith(expected)


def test_ten_rows_are_enough(tmp_path):
    data = prepare_data(Experiment(data=upload(tmp_path, table(10)), fit=FitArgs(validation_split=0.2)), tmp_path)

    assert (len(data.train), len(data.validation), data.x.shape) == (8, 2, (10, 3))
    assert data.line == (
        "10 rows and 4 columns from data.csv. 3 number columns standardised; learned from 8 training rows."
    )
