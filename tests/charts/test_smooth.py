"""Smoothed curves."""

import numpy as np
import pytest

from fitdash.charts.smooth import running_mean


def test_the_first_value_has_no_pull_and_a_constant_stays_one():
    assert running_mean(np.full(5, 2.0), 10) == pytest.approx(np.full(5, 2.0))
    assert running_mean(np.array([1.0, 3.0]), 3)[0] == 1.0


def test_recent_values_weigh_more_and_later_ones_nothing():
    mean = running_mean(np.array([0.0, 0.0, 6.0]), 3)

    assert mean.tolist() == pytest.approx([0, 0, 6 * 4 / 7])


def test_gaps_stay_gaps_and_count_for_nothing():
    mean = running_mean(np.array([1.0, np.nan, np.inf, 1.0]), 3)

    assert np.isnan(mean).tolist() == [False, True, True, False]
    assert mean[3] == 1.0
