"""Whether A beats B beyond the noise: against numbers worked out elsewhere."""

import math

import numpy as np
import pytest
from scipy import stats

from fitdash.sweeps.significance import EXACT, WELCH, needed_repeats, significance_test


def test_two_groups_that_do_not_overlap_differ_by_as_much_as_their_number_can_say():
    found = significance_test([1.0, 2.0, 3.0, 4.0], [11.0, 12.0, 13.0, 14.0], rises=False)

    assert (found.answer, found.test) == ("a", EXACT)
    assert found.p == pytest.approx(2 / math.comb(8, 4))
    assert found.n == (4, 4)
    assert found.means == (2.5, 12.5)


def test_the_exact_test_is_that_of_scipy():
    a, b = [0.31, 0.28, 0.36, 0.33, 0.30], [0.34, 0.37, 0.29, 0.40, 0.38]

    found = significance_test(a, b, rises=False)

    known = stats.permutation_test(
        (np.array(a), np.array(b)), lambda x, y, axis: x.mean(axis) - y.mean(axis), vectorized=True, n_resamples=np.inf
    )
    assert found.p == pytest.approx(known.pvalue)
    assert found.answer == "neither"


def test_many_results_are_compared_by_welch():
    draw = np.random.default_rng(0)
    a, b = draw.normal(0.0, 1.0, 20), draw.normal(2.0, 3.0, 30)

    found = significance_test(a, b, rises=True)

    known = stats.ttest_ind(a, b, equal_var=False)
    interval = known.confidence_interval()
    assert (found.test, found.answer) == (WELCH, "b")
    assert found.p == pytest.approx(known.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_three_of_each_are_too_few_whatever_they_say():
    found = significance_test([1.0, 1.1, 1.2], [9.0, 9.1, 9.2], rises=False, what="val_loss")

    assert found.answer == "too few"
    assert found.words == (
        "n = 3 and 3 is too small to say: val_loss 1.1 ± 0.1 against 9.1 ± 0.1, and no result of so few could be told "
        "from chance. Train 4 or more of each."
    )


@pytest.mark.parametrize(("n", "more"), [(1, 4), (3, 4), (4, 4), (10, 2)])
def test_it_is_told_how_many_are_enough(n, more):
    assert needed_repeats(n) == more
    assert 2 / math.comb(more + max(n, more), more) <= 0.05


def test_one_result_each_says_nothing():
    assert significance_test([1.0], [2.0], rises=True).answer == "too few"
    assert significance_test([], [2.0], rises=True) is None
    assert significance_test([math.nan], [2.0], rises=True) is None


def test_the_effect_is_hedges_g_and_positive_where_a_is_better():
    a, b = [2.0, 4.0, 7.0, 3.0, 4.0], [1.0, 2.0, 2.0, 3.0, 0.0]

    up, down = significance_test(a, b, rises=True), significance_test(a, b, rises=False)

    pooled = math.sqrt((4 * np.var(a, ddof=1) + 4 * np.var(b, ddof=1)) / 8)
    known = (np.mean(a) - np.mean(b)) / pooled * (1 - 3 / (4 * 8 - 1))
    assert up.effect == pytest.approx(known)
    assert down.effect == pytest.approx(-known)


def test_equal_results_do_not_differ():
    found = significance_test([1.0] * 5, [1.0] * 5, rises=True)

    assert (found.answer, found.p, found.effect) == ("neither", 1.0, None)


def test_the_words_name_the_test_its_n_and_its_effect():
    found = significance_test(
        [0.9, 0.92, 0.91, 0.93], [0.8, 0.82, 0.81, 0.83], rises=True, what="val_accuracy", names=("wide", "narrow")
    )

    assert found.words == (
        "wide beats narrow beyond the noise of the seeds: val_accuracy 0.915 ± 0.013 against 0.815 ± 0.013 "
        "(exact permutation test of the means, n = 4 and 4, p = 0.029, Hedges' g 6.7)."
    )


def test_chance_is_rarely_taken_for_a_difference():
    draw = np.random.default_rng(1)

    verdicts = [significance_test(draw.normal(size=5), draw.normal(size=5), rises=True).answer for _ in range(400)]

    assert 0.01 < 1 - verdicts.count("neither") / 400 < 0.09
