"""Curves as specifications that plotly accepts."""

import base64
import warnings

import numpy as np
import plotly.graph_objects as go
import pytest

from fitdash.charts.curve_chart import curve_chart
from fitdash.charts.curves import best_result, describe_panel, metric_panels

HISTORY = {
    "loss": [0.9, 0.5, 0.25],
    "accuracy": [0.5, 0.75, 0.7],
    "val_loss": [1.0, 0.4, 0.6],
    "val_accuracy": [0.4, 0.9, 0.8],
}


def numbers(packed):
    return np.frombuffer(base64.b64decode(packed["bdata"]), packed["dtype"])


def chart(history=HISTORY, planned=(1, 20)):
    return [
        curve_chart(panel, run="r1", planned=planned) for panel in metric_panels(range(len(history["loss"])), history)
    ]


def test_training_and_validation_share_a_chart_in_the_order_of_the_logs():
    found = metric_panels([0, 1, 2], HISTORY)

    assert [panel.metric for panel in found] == ["loss", "accuracy"]
    assert [curve.split for panel in found for curve in panel.curves] == ["train", "val", "train", "val"]


def test_plotly_accepts_every_specification():
    for spec in chart():
        assert go.Figure(spec).layout.uirevision == "r1"


def test_points_are_the_logs_with_epochs_from_one():
    loss = chart()[0]["data"]

    assert numbers(loss[0]["x"]).tolist() == [1, 2, 3]
    assert numbers(loss[0]["y"]) == pytest.approx([0.9, 0.5, 0.25])
    assert numbers(loss[1]["y"]) == pytest.approx([1.0, 0.4, 0.6])


def test_the_axis_spans_the_planned_epochs_from_the_first_point_on():
    spec = chart({"loss": [0.9]}, planned=(5, 20))[0]

    low, high = spec["layout"]["xaxis"]["range"]

    assert 4 < low < 5
    assert 20 < high < 21


def test_the_two_splits_differ_in_more_than_colour():
    train, val = chart()[0]["data"][:2]

    assert train["line"]["dash"] != val["line"]["dash"]
    assert train["marker"]["symbol"] != val["marker"]["symbol"]


def test_the_best_epoch_is_marked_on_the_validation_curve():
    loss, accuracy = metric_panels([0, 1, 2], HISTORY)

    assert best_result(loss) == (2, 0.4)
    assert best_result(accuracy) == (2, 0.9)
    assert numbers(chart()[0]["data"][-1]["x"]).tolist() == [2]


def test_an_epoch_without_validation_is_a_gap_with_its_neighbours_marked():
    history = {"loss": [3.0, 2.0, 1.0], "val_loss": [float("nan"), 2.5, float("nan")]}

    line = chart(history)[0]["data"][1]

    assert np.isnan(numbers(line["y"])).tolist() == [True, False, True]
    assert line["mode"] == "lines+markers"


def test_a_long_run_travels_thinned():
    spec = chart({"loss": list(np.random.default_rng(0).normal(size=10_000))}, planned=(1, 10_000))[0]

    assert len(numbers(spec["data"][0]["x"])) <= 1000
    assert spec["data"][0]["mode"] == "lines"


def test_a_diverged_run_is_drawn_and_told_without_a_warning():
    history = {"loss": [1e300, float("inf"), float("nan")]}

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spec = chart(history)[0]

    go.Figure(spec)
    assert describe_panel(metric_panels([0, 1, 2], history)[0]) == (
        "loss: training from 1e+300 at epoch 1 to infinite at epoch 2; best 1e+300 at epoch 1."
    )


def test_the_words_tell_the_curve():
    assert describe_panel(metric_panels([0, 1, 2], HISTORY)[0]) == (
        "loss: training from 0.9000 at epoch 1 to 0.2500 at epoch 3; "
        "validation from 1.000 at epoch 1 to 0.6000 at epoch 3; best 0.4000 at epoch 2."
    )


def test_a_run_without_epochs_is_an_empty_chart_with_its_axis():
    spec = curve_chart(metric_panels([], {"loss": []})[0], run="r", planned=(1, 3))

    assert [trace["name"] for trace in spec["data"]] == ["training", "best"]
    assert go.Figure(spec).layout.xaxis.range[1] > 3
    assert describe_panel(metric_panels([], {"loss": []})[0]) == "loss: training has no value yet."
