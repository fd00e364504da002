import numpy as np
import pandas as pd
import pytest

from fitdash.data.tables.data_facts import facts_of
from fitdash.data.tables.dataset import make_dataset
from fitdash.data.tables.loaded_dataset import load_dataset
from fitdash.data.tables.row_weights import balanced_weights, compute_sample_weight, row_weights, step_weights
from fitdash.errors import DataError
from tests.data.tables.test_holdout import classes


def test_balanced_weights_come_from_the_training_rows():
    assert balanced_weights(classes(), np.arange(40)) == {0: 40 / (2 * 36), 1: 40 / (2 * 4)}


def test_a_column_weighs_the_rows():
    data = make_dataset("t", pd.DataFrame({"w": [1, 0, 2.5], "y": [0, 1, 0]}), "y", "classification")

    assert row_weights(data, "w").tolist() == [1, 0, 2.5]


@pytest.mark.parametrize(
    ("weights", "column", "expected"),
    [
        ([1.0, 2.0], "v", "sample_weight must name a column of numbers, got 'v'. Columns: w."),
        ([1.0, -2.0], "w", "sample_weight must be 0 or more in every row, got -2 in row 2 of 'w'."),
        ([np.nan, 2.0], "w", "sample_weight must be 0 or more in every row, got a gap in row 1 of 'w'. Fill it."),
        ([0.0, 0.0], "w", "sample_weight must be above 0 in one row, got only 0 in 'w'."),
    ],
)
def test_weights_that_cannot_be_are_refused_in_words(weights, column, expected):
    data = make_dataset("t", pd.DataFrame({"w": weights, "y": [0, 1]}), "y", "classification")

    with pytest.raises(DataError) as caught:
        row_weights(data, column)

    assert str(caught.value) == expected


def test_weights_of_steps_are_the_same_for_every_row():
    data = load_dataset("regimes", samples=5)

    ramp, last = compute_sample_weight(data, "ramp"), compute_sample_weight(data, "last_steps")

    assert ramp.shape == last.shape == (5, 30)
    assert np.allclose(ramp[3], np.arange(1, 31) / 30)
    assert last[4].tolist() == [0.0] * 20 + [1.0] * 10
    assert step_weights("last_steps", 2).tolist() == [0.0, 1.0]


def test_a_column_of_rows_weighs_sequences_too():
    data = load_dataset("regimes", samples=5)

    assert compute_sample_weight(data, "clarity").tolist() == data.table["clarity"].astype("float32").tolist()


def test_only_columns_that_can_weigh_are_offered():
    data = make_dataset("t", pd.DataFrame({"a": [1, -1], "b": [0, 0], "c": [0, 2], "y": [0, 1]}), "y", "classification")

    assert facts_of(data).weights == ("c",)
    assert load_dataset("digits").facts().weights == ()
    assert load_dataset("regimes").facts().weights == ("clarity",)


def test_balanced_weights_of_sequences_count_the_labels_of_all_steps():
    data = load_dataset("regimes", samples=50)

    weights = balanced_weights(data, np.arange(50))

    counts = np.bincount(data.labels.ravel())
    assert weights == {index: pytest.approx(1500 / (3 * count)) for index, count in enumerate(counts)}
