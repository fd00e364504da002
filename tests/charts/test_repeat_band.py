"""Mean and band of repeats."""

import base64

import numpy as np
import plotly.graph_objects as go

from fitdash.charts.repeat_band import RepeatBand, band_chart, describe_bands


def band(name="a", shift=0.0):
    epochs = np.arange(1.0, 4.0)
    mean = np.array([1.0, 0.5, 0.25]) + shift
    return RepeatBand(name=name, n=5, epochs=epochs, mean=mean, low=mean - 0.1, high=mean + 0.1)


def numbers(packed):
    return np.frombuffer(base64.b64decode(packed["bdata"]), "<f4")


def test_a_group_is_a_line_within_a_band():
    low, high, mean = go.Figure(band_chart([band()], title="loss", key="k")).data

    assert high.fill == "tonexty"
    assert not low.showlegend
    assert mean.name == "a, n = 5  <b>0.2500</b>"
    np.testing.assert_allclose(numbers(high.y), numbers(mean.y) + 0.1, rtol=1e-6)
    np.testing.assert_allclose(numbers(low.y), numbers(mean.y) - 0.1, rtol=1e-6)


def test_groups_differ_in_colour_and_dash():
    figure = go.Figure(band_chart([band(), band("b", 1.0)], title="loss", key="k"))

    first, second = figure.data[2], figure.data[5]
    assert first.line.color != second.line.color
    assert first.line.dash != second.line.dash


def test_the_band_is_told_in_words():
    assert describe_bands([band()], "loss") == "loss over seeds: a ends at 0.2500 on average of 5."
