"""The shape of a curve in numbers."""

import numpy as np
import pytest

from fitdash.charts import curve_statistics

LINE = np.linspace(2.0, 1.0, 21)


def test_smoothing_leaves_a_straight_line_as_it_is():
    assert curve_statistics.smooth(LINE) == pytest.approx(LINE)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 3.0]], ids=len)
def test_too_few_values_are_left_as_they_are(values):
    values = np.array(values)

    assert list(curve_statistics.smooth(values)) == list(values)
    assert curve_statistics.scatter(values) == curve_statistics.roughness(values) == 0


def test_scatter_is_the_deviation_from_the_curve_whatever_its_slope():
    noise = 0.1 * np.random.default_rng(0).standard_normal(4001)

    assert curve_statistics.scatter(np.linspace(9, 0, 4001) + noise) == pytest.approx(0.1, rel=0.05)


def test_one_leap_moves_the_roughness_and_not_the_scatter():
    leaping = LINE.copy()
    leaping[10] += 5

    assert curve_statistics.scatter(leaping) == pytest.approx(0, abs=1e-12)
    assert curve_statistics.roughness(leaping) > 0.1


def test_the_rise_is_counted_from_the_lowest_place():
    best, rise, times = curve_statistics.rise_after_best(np.concatenate([LINE, np.linspace(1.0, 1.6, 13)[1:]]))

    assert best in (19, 20, 21)
    assert rise == pytest.approx(0.5, abs=0.06)
    assert times > 100


def test_a_curve_that_still_falls_has_not_risen():
    assert curve_statistics.rise_after_best(LINE)[1] <= 0


def test_flat_begins_where_the_curve_enters_the_band_around_its_end():
    assert curve_statistics.flat_since(np.concatenate([LINE, np.full(30, 1.0)]), 0.01) == pytest.approx(21, abs=2)
    assert curve_statistics.flat_since(np.ones(9), 0.01) == 0


def test_slopes_are_those_of_the_first_and_the_last_third():
    first, last = curve_statistics.slopes(np.concatenate([np.linspace(3, 1, 11), np.full(20, 1.0)]))

    assert first == pytest.approx(-0.2, rel=0.1)
    assert last == pytest.approx(0)
