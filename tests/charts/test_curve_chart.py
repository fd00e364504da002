"""What is drawn beside the values: smoothing, running values, marks."""

import base64
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go

from fitdash.charts.annotations import SIGNS, Annotation
from fitdash.charts.axis import axis_of
from fitdash.charts.curve_chart import CurveStyle, curve_chart
from fitdash.charts.curves import Curve, best_result, metric_panels

HISTORY = {"loss": [0.9, 0.5, 0.25], "val_loss": [1.0, 0.4, 0.6], "accuracy": [0.5, 0.75, 0.7]}
LOSS, ACCURACY = metric_panels([0, 1, 2], HISTORY)


def numbers(packed):
    return np.frombuffer(base64.b64decode(packed["bdata"]), packed["dtype"])


def traces(panel, **how):
    spec = curve_chart(panel, run="r", planned=(1, 20), **how)
    go.Figure(spec)
    return {trace["uid"]: trace for trace in spec["data"]}


def test_a_smoothed_line_never_replaces_the_values_but_stands_over_them():
    found = traces(LOSS, look=CurveStyle(smoothing=3))

    assert numbers(found["train"]["y"]).tolist() == numbers(traces(LOSS)["train"]["y"]).tolist()
    assert found["train"]["opacity"] < 0.5
    assert found["train smoothed"]["name"].startswith("training, smoothed")
    assert list(found).index("train") < list(found).index("train smoothed")
    assert "key" not in found["train smoothed"]["meta"]


def test_log_y_is_for_what_shall_be_small():
    def kind(panel):
        return curve_chart(panel, run="r", planned=(1, 3), look=CurveStyle(log=True))["layout"]["yaxis"]["type"]

    assert (kind(LOSS), kind(ACCURACY)) == ("log", "linear")


def test_running_values_are_drawn_from_the_beginning_of_their_epoch():
    within = Curve(split="train", epochs=np.array([0.5, 1.0]), x=np.array([0.5, 1.0]), values=np.array([2.0, 1.0]))
    panel = replace(LOSS, within=within)

    spec = curve_chart(panel, run="r", planned=(1, 20))

    assert spec["layout"]["xaxis"]["range"][0] < 0
    assert numbers(traces(panel)["within"]["y"]).tolist() == [2.0, 1.0]


def test_marks_stand_where_the_axis_has_their_place_with_a_sign_of_their_kind():
    axis = axis_of("update", [0, 1, 2], [10.0] * 3, start=0, ahead=10.0)
    marks = [
        Annotation(at=1.5, text="lr"),
        Annotation(at=2.0, text="ended", kind="early_stop"),
        Annotation(at=2.0, text="b", kind="nan"),
    ]

    layout = curve_chart(LOSS, run="r", planned=(1, 20), axis=axis, marks=marks)["layout"]

    assert [shape["x0"] for shape in layout["shapes"]] == [15, 20]
    signs = [SIGNS[kind] for kind in ("setting", "early_stop", "nan")]
    assert [(note["text"], note["hovertext"]) for note in layout["annotations"]] == list(
        zip(signs, ["lr", "ended", "b"], strict=True)
    )
    assert layout["annotations"][1]["yshift"] != layout["annotations"][2]["yshift"]
    assert len(set(signs)) == 3


def test_places_for_the_legend_stand_before_the_first_epoch():
    (empty,) = metric_panels([], {"loss": []})

    assert [trace["name"] for trace in traces(empty).values()] == ["training", "best"]


def test_a_rate_that_is_set_has_no_best_value_and_is_not_smoothed():
    (rate,) = metric_panels([0, 1], {"learning_rate": [0.1, 0.01]})

    assert list(traces(rate, look=CurveStyle(smoothing=3))) == ["train"]
    assert best_result(rate) is None


def test_a_run_before_that_diverged_does_not_flatten_this_one():
    def ghost(values):
        (before,) = metric_panels([0, 1, 2], {"loss": values})
        return traces(replace(LOSS, ghost=before.curves))["previous train"]

    near, far = ghost([1.2, 0.8, 50.0]), ghost([60.0, 70.0, float("nan")])

    assert numbers(near["y"])[:2].tolist() == [np.float32(1.2), np.float32(0.8)]
    assert np.isnan(numbers(near["y"])[2])
    assert (near["name"], far["name"]) == ("previous run", "previous run, far off")
