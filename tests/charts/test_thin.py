"""Thinning keeps what a reader would look for."""

import numpy as np

from fitdash.charts.thin import thin_curve


def test_a_short_series_is_left_alone():
    x, y = np.arange(1000.0), np.random.default_rng(0).normal(size=1000)

    kept_x, kept_y = thin_curve(x, y, most=1000)

    assert kept_x is x
    assert kept_y is y


def test_a_long_series_keeps_every_spike_and_its_ends():
    y = np.zeros(100_000)
    y[[31_415, 77_777]] = 9.0, -9.0

    x, kept = thin_curve(np.arange(100_000.0), y, most=1000)

    assert len(kept) <= 1000
    assert {31_415.0, 77_777.0, 0.0, 99_999.0} <= set(x)
    assert (kept.max(), kept.min()) == (9.0, -9.0)
    assert (np.diff(x) > 0).all()


def test_a_gap_stays_a_gap_and_hides_no_neighbour():
    y = np.ones(10_000)
    y[5_000] = np.nan
    y[5_001] = 5.0

    x, kept = thin_curve(np.arange(10_000.0), y, most=100)

    assert np.isnan(kept[x == 5_000]).all()
    assert 5.0 in kept
    assert len(kept) <= 100


def test_a_stretch_without_any_value_is_one_gap():
    y = np.concatenate([np.full(5_000, np.nan), np.ones(5_000)])

    _, kept = thin_curve(np.arange(10_000.0), y, most=100)

    assert np.isnan(kept).sum() <= 26
    assert np.nanmax(kept) == 1.0
