"""Answers counted and sorted."""

import numpy as np
import pytest

from fitdash.charts import prediction_counts

TRUTH = np.array([0, 0, 1, 1, 2, 2, 2])
GIVEN = np.array([0, 1, 1, 1, 2, 0, 0])


def test_rows_are_true_classes_and_columns_answers():
    counts = prediction_counts.count_predictions(TRUTH, GIVEN, 3)

    assert counts.tolist() == [[1, 1, 0], [0, 2, 0], [2, 0, 1]]
    assert prediction_counts.row_shares(counts)[2].tolist() == pytest.approx([2 / 3, 0, 1 / 3])
    assert prediction_counts.accuracy(counts) == pytest.approx(4 / 7)
    assert prediction_counts.most_confused_pair(counts) == (2, 0)


def test_a_class_without_samples_has_no_share_and_nothing_wrong_is_none():
    counts = np.diag([3, 0])

    assert prediction_counts.row_shares(counts).tolist() == [[1, 0], [0, 0]]
    assert prediction_counts.most_confused_pair(counts) is None
    assert np.isnan(prediction_counts.accuracy(np.zeros((2, 2), int)))


def test_mistakes_come_by_sureness_and_what_is_no_number_last():
    sureness = np.array([0.9, 0.6, 0.5, 0.5, 0.9, np.nan, 0.8], np.float16)

    assert prediction_counts.confident_mistakes(TRUTH, GIVEN, sureness).tolist() == [6, 1, 5]


def test_the_worst_numbers_come_first_and_what_is_no_number_last():
    assert prediction_counts.largest_errors(np.array([1.0, 2.0, 3.0]), np.array([np.nan, 5.0, 2.0])).tolist() == [
        1,
        2,
        0,
    ]
