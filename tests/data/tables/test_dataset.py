import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from fitdash.data.tables import builtin
from fitdash.data.tables.data_facts import facts_of
from fitdash.data.tables.dataset import make_dataset
from fitdash.data.tables.loaded_dataset import load_dataset
from fitdash.data.tables.prepared import prepare_data
from fitdash.data.tables.row_weights import balanced_weights
from fitdash.errors import DataError, SettingError
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.validation_data import HoldOut

SIZES = {
    "digits": (1797, 64, 10),
    "wine": (178, 13, 3),
    "breast_cancer": (569, 30, 2),
    "iris": (150, 4, 3),
    "diabetes": (442, 10, None),
    "spiral": (600, 2, 2),
    "moons": (600, 2, 2),
    "circles": (600, 2, 2),
    "blobs": (600, 2, 2),
}


@pytest.mark.parametrize("name", SIZES)
def test_named_data_is_there_without_a_network_and_always_the_same(name):
    state = np.random.get_state()[1].copy()  # noqa: NPY002

    first, again = load_dataset(name), load_dataset(name)

    assert (len(first), first.features.shape[1], facts_of(first).class_count) == SIZES[name]
    pd.testing.assert_frame_equal(first.table, again.table)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


@pytest.mark.parametrize("name", ["digits", "wine", "breast_cancer", "iris", "spiral", "blobs"])
def test_shuffled_data_has_every_class_in_its_last_fifth_and_sorted_data_has_not(name):
    shuffled, trap = load_dataset(name), load_dataset(name, order="sorted")

    first = int(0.8 * len(shuffled))
    assert set(shuffled.codes[first:]) == set(range(len(shuffled.classes)))
    assert len(set(trap.codes[first:])) < len(trap.classes)
    assert facts_of(trap).classes_without(first, len(trap)) != []
    assert facts_of(shuffled).classes_without(first, len(trap)) == []


@pytest.mark.parametrize("name", ["spiral", "blobs"])
def test_toys_have_the_classes_and_the_scatter_asked_for(name):
    clean = load_dataset(name, classes=3, samples=300, noise=0.0, order="sorted")
    noisy = load_dataset(name, classes=3, samples=300, noise=0.5, order="sorted")

    assert facts_of(clean).counts == (100, 100, 100)
    scatter = (noisy.features - clean.features).to_numpy().std()
    assert scatter == pytest.approx(0.5, rel=0.15)


def test_facts_tell_what_the_checks_need():
    table = pd.DataFrame({"size": [1.0, 2.0, 3.0], "word": ["a", "b", "c"], "kind": ["x", "y", "x"]})

    facts = facts_of(make_dataset("t", table, "kind", "classification"))

    assert (facts.rows, facts.classes, facts.counts) == (3, ("x", "y"), (2, 1))
    assert (facts.first_rows, facts.last_rows) == ((0, 1), (2, 1))
    assert (facts.features, facts.columns, facts.inputs) == (("size", "word"), ("size",), None)


def test_digits_know_that_they_are_images():
    digits = load_dataset("digits")

    assert digits.image_shape == (8, 8)
    assert digits.classes == tuple("0123456789")


def test_arrays_are_what_fit_takes_learned_from_the_rows_that_train():
    x, y = load_dataset("diabetes").arrays(validation_split=0.2)
    _, classes = load_dataset("iris").arrays()

    assert (x.shape, y.shape, x.dtype, y.dtype) == ((442, 10), (442, 1), np.float32, np.float32)
    assert x[:353].mean(axis=0) == pytest.approx(np.zeros(10), abs=1e-5)
    assert y[:353].std() == pytest.approx(1, rel=1e-5)
    assert (classes.shape, classes.dtype, set(classes)) == ((150,), np.int64, {0, 1, 2})


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_arrays_refuse_a_split_that_is_no_share(share):
    with pytest.raises(SettingError, match="validation_split must be from 0 to below 1 and leave rows, got"):
        load_dataset("iris").arrays(validation_split=share)


@pytest.mark.parametrize("share", [0.999, 1e-20])
def test_arrays_need_rows_in_both_parts_as_fit_does(share):
    with pytest.raises(SettingError, match=f"validation_split must leave rows in both parts, got {share} of 150"):
        load_dataset("iris").arrays(validation_split=share)


def test_only_the_chosen_features_are_inputs():
    assert load_dataset("moons", features=("x2",)).features.columns.tolist() == ["x2"]


def test_a_path_of_a_csv_file_is_data_too(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("size,kind\n" + "1,a\n2,b\n" * 5)

    dataset = load_dataset(str(path))

    assert (dataset.name, dataset.target_name, dataset.classes) == ("mine.csv", "kind", ("a", "b"))


@pytest.mark.parametrize(
    ("name", "settings", "error", "text"),
    [
        ("iriss", {}, SettingError, "Unknown name 'iriss'. Did you mean 'iris'?"),
        ("blobs", {"classes": 9}, SettingError, "classes must be at most 4, got 9."),
        ("iris", {"sample": 9}, SettingError, "Unknown setting of a data set, 'sample'. Did you mean 'samples'?"),
        ("moons", {"features": ("x3",)}, DataError, "features must name columns of moons, got 'x3'. Columns: x1, x2."),
        ("none.csv", {}, DataError, "none.csv must be a file, got a path where none is."),
        ("upload", {"target": "y"}, SettingError, "name is upload but there is no file."),
    ],
)
def test_data_that_is_not_there_is_refused_in_words(name, settings, error, text):
    with pytest.raises(error) as caught:
        load_dataset(name, **settings)

    assert str(caught.value).startswith(text)


def test_digits_are_those_of_scikit_learn_though_it_is_not_imported(monkeypatch):
    quick = builtin._read.__wrapped__("digits")
    monkeypatch.setattr(builtin, "_digits_file", lambda: None)
    slow = builtin._read.__wrapped__("digits")

    pd.testing.assert_frame_equal(quick, slow)


def test_the_first_page_needs_no_scikit_learn():
    code = (
        "import sys; from fitdash import load_dataset; load_dataset('digits').facts(); "
        "sys.exit('sklearn' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("kind", ["stratified", "random", "last"])
def test_held_out_rows_are_those_of_the_form_and_arrays_learn_from_the_others(kind):
    iris = load_dataset("iris")

    train, validation = iris.hold_out(0.3, kind=kind, seed=5)

    fit = FitArgs(validation_data=HoldOut(kind=kind, share=0.3))
    ours = prepare_data(Experiment(data=DatasetArgs(name="iris"), fit=fit, seed=5))
    x, y = iris.arrays(train=train)
    assert (x[train] == ours.x).all()
    assert (x[validation] == ours.validation_data[0]).all()
    assert (y[validation] == ours.validation_data[1]).all()
    assert iris.balanced_weights(train=train) == balanced_weights(iris, ours.train)


def test_arrays_give_one_column_per_class_and_the_weights_of_the_rows(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("size,w,kind\n" + "1,1,a\n2,3,b\n" * 5)

    x, y, weight = load_dataset(str(path)).arrays(one_hot=True, sample_weight="w")

    assert x.shape == (10, 1)
    assert y[:2].tolist() == [[1, 0], [0, 1]]
    assert (weight[:2].tolist(), weight.dtype) == ([1, 3], np.float32)


def test_balanced_weights_look_at_the_rows_that_train():
    trap = load_dataset("iris", order="sorted")

    assert trap.balanced_weights(validation_split=0.5) == {0: 0.75, 1: 1.5}
    with pytest.raises(DataError, match="must have classes"):
        load_dataset("diabetes").balanced_weights()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"share": 1.0}, "validation_data share must be below 1, got 1.0."),
        ({"kind": "first"}, "validation_data kind must be 'stratified', 'random', 'last' or 'upload', got 'first'."),
    ],
)
def test_rows_that_cannot_be_held_out_are_refused(given, text):
    with pytest.raises(SettingError) as caught:
        load_dataset("iris").hold_out(**given)

    assert str(caught.value) == text
