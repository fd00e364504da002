"""The strip shows the rows that the split takes."""

import numpy as np
import pandas as pd

from fitdash.data.tables.dataset import make_dataset
from fitdash.data.tables.holdout import split_rows
from fitdash.data.tables.split_preview import make_split_preview
from fitdash.settings.fit import FitArgs
from fitdash.settings.validation_data import HoldOut


def sorted_classes(rows=100):
    table = pd.DataFrame({"x": np.arange(rows), "y": np.repeat(["a", "b"], rows // 2)})
    return make_dataset("t", table, "y", "classification")


def test_every_row_is_a_column_where_they_are_few():
    strip = make_split_preview(sorted_classes(), FitArgs(validation_split=0.2), seed=0)

    assert strip.is_class
    assert strip.values.tolist() == [0] * 50 + [1] * 50
    assert strip.held.tolist() == [False] * 80 + [True] * 20
    assert (strip.rows, strip.held_rows) == (100, 20)


def test_held_rows_are_those_that_fit_would_hold_out():
    fit = FitArgs(validation_data=HoldOut(kind="stratified", share=0.3))

    strip = make_split_preview(sorted_classes(), fit, seed=4)

    assert np.flatnonzero(strip.held).tolist() == split_rows(sorted_classes(), fit, 4)[1].tolist()


def test_many_rows_are_picked_evenly_from_the_first_to_the_last():
    strip = make_split_preview(sorted_classes(10_000), FitArgs(validation_split=0.25), seed=0, most=600)

    assert len(strip.values) == 600
    assert abs(strip.held.mean() - 0.25) < 0.01
    assert strip.held_rows == 2500


def test_numbers_are_scaled_and_gaps_stay_gaps():
    table = pd.DataFrame({"x": range(5), "y": [10.0, 20.0, np.nan, 30.0, 10.0]})

    strip = make_split_preview(make_dataset("t", table, "y", "regression"), FitArgs(), seed=0)

    assert not strip.is_class
    np.testing.assert_allclose(strip.values, [0, 0.5, np.nan, 1, 0])
