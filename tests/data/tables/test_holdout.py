import numpy as np
import pandas as pd
import pytest

from fitdash.data.tables.catalogue import dataset_of
from fitdash.data.tables.data_facts import facts_of
from fitdash.data.tables.dataset import make_dataset
from fitdash.data.tables.holdout import is_representative_split, split_rows
from fitdash.errors import SettingError
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.fit import FitArgs, count_split_rows
from fitdash.settings.validation_data import HoldOut


def classes(rows=100):
    kind = np.where(np.arange(rows) % 10 == 0, "rare", "common")
    return make_dataset("t", pd.DataFrame({"x": np.arange(rows), "y": kind}), "y", "classification")


def numbers(rows=100):
    return make_dataset("t", pd.DataFrame({"x": np.arange(rows), "y": np.arange(rows) ** 2.0}), "y", "regression")


def test_validation_split_takes_the_last_rows():
    train, validation = split_rows(classes(10), FitArgs(validation_split=0.8), seed=0)

    assert train.tolist() == [0]
    assert validation.tolist() == list(range(1, 10))


def test_without_validation_all_rows_train():
    train, validation = split_rows(classes(10), FitArgs(), seed=0)

    assert train.tolist() == list(range(10))
    assert len(validation) == 0


@pytest.mark.parametrize("data", [classes(), numbers()])
@pytest.mark.parametrize("kind", ["stratified", "random", "last"])
@pytest.mark.parametrize("share", [0.2, 0.33, 0.9])
def test_held_out_rows_are_as_many_as_planned_and_in_order(data, kind, share):
    fit = FitArgs(validation_data=HoldOut(kind=kind, share=share))

    train, validation = split_rows(data, fit, seed=3)

    assert (len(train), len(validation)) == count_split_rows(len(data), fit, facts_of(data).counts)
    assert sorted([*train, *validation]) == list(range(100))
    assert (np.diff(train) > 0).all()
    assert (np.diff(validation) > 0).all()
    assert (kind == "last") == (validation.tolist() == list(range(len(train), 100)))


def test_the_seed_decides_the_rows_and_the_global_generator_is_left_alone():
    fit = FitArgs(validation_data=HoldOut(kind="random"))
    state = np.random.get_state()[1].copy()  # noqa: NPY002

    chosen = [split_rows(classes(), fit, seed)[1].tolist() for seed in (1, 1, 2)]

    assert chosen[0] == chosen[1] != chosen[2]
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_stratified_rows_hold_the_same_share_of_every_class_and_of_every_size():
    fit = FitArgs(validation_data=HoldOut(kind="stratified"))

    _, by_class = split_rows(classes(), fit, seed=0)
    _, by_size = split_rows(numbers(), fit, seed=0)

    assert np.bincount(classes().codes[by_class]).tolist() == [18, 2]
    assert np.bincount(by_size // 20).tolist() == [4, 4, 4, 4, 4]


def test_a_part_without_rows_is_refused():
    with pytest.raises(SettingError, match="validation_split must leave rows in both parts, got 0.9 of 4 samples"):
        split_rows(classes(4), FitArgs(validation_split=0.9), seed=0)


@pytest.mark.parametrize(
    ("name", "order", "even"),
    [
        ("iris", "shuffled", True),
        ("iris", "sorted", False),
        ("digits", "shuffled", True),
        ("diabetes", "shuffled", True),
        ("diabetes", "sorted", False),
        ("linnerud", "shuffled", True),
        ("regimes", "shuffled", True),
    ],
)
def test_a_split_of_sorted_rows_is_not_even(name, order, even):
    dataset = dataset_of(DatasetArgs(name=name, order=order))
    rows = np.arange(len(dataset))
    first = int(0.75 * len(rows))

    assert is_representative_split(dataset, rows[:first], rows[first:]) is even
    assert is_representative_split(dataset, rows, rows[:0])
