import numpy as np
import plotly.graph_objects as go
import pytest

from fitdash.charts.history_plot import history_chart, plot_history, smooth_history
from fitdash.engine.callbacks.history import History


def frame(epochs, **values):
    logs = [{name: column[i] for name, column in values.items()} for i in range(epochs)]
    return History.of(epochs=range(epochs), logs=logs).as_data_frame()


def chart(epochs=3, smooth=True, theme_bw=False, **values):
    values = values or {"accuracy": [0.1] * epochs, "loss": [1.0] * epochs, "val_loss": [2.0] * epochs}
    return history_chart(frame(epochs, **values), smooth=smooth, theme_bw=theme_bw)


def test_19_4_each_metric_has_its_panel_with_loss_on_top():
    layout = chart()["layout"]

    assert layout["yaxis1"]["title"]["text"] == "loss"
    assert layout["yaxis2"]["title"]["text"] == "accuracy"
    assert layout["yaxis1"]["domain"][0] > layout["yaxis2"]["domain"][1]
    assert layout["yaxis2"]["domain"][0] == pytest.approx(0)


def test_19_4_training_and_validation_share_a_panel_in_two_colours():
    loss, val_loss, accuracy = chart()["data"]

    assert (loss["yaxis"], val_loss["yaxis"], accuracy["yaxis"]) == ("y1", "y1", "y2")
    assert loss["marker"]["color"] == accuracy["marker"]["color"] != val_loss["marker"]["color"]
    assert [trace["showlegend"] for trace in (loss, val_loss, accuracy)] == [True, True, False]
    assert list(loss["x"]) == [1, 2, 3]


def test_19_4_there_is_a_point_per_epoch_and_ticks_are_whole():
    parts = chart()

    assert all("markers" in trace["mode"] for trace in parts["data"])
    assert parts["layout"]["xaxis"]["dtick"] == 1


def test_19_4_ten_epochs_are_smoothed_and_nine_are_not():
    assert len(chart(9)["data"]) == 3
    assert len(chart(10)["data"]) == 6
    assert len(chart(10, smooth=False)["data"]) == 3


def test_19_4_missing_values_are_left_out_of_the_smoothing():
    values = [float(i) if i % 2 else float("nan") for i in range(12)]

    line = chart(12, loss=values)["data"][1]

    assert np.isfinite(line["y"]).all()
    np.testing.assert_allclose(line["y"], line["x"] - 1, atol=1e-9)


def test_19_4_smoothing_averages_out_what_alternates():
    x = np.arange(20.0)

    y = smooth_history(x, np.where(x % 2, 1.0, -1.0), x)

    assert np.abs(y[3:-3]).max() < 0.2


def test_19_4_smoothing_follows_a_parabola_and_keeps_a_constant():
    x = np.arange(12.0)

    np.testing.assert_allclose(smooth_history(x, x**2, x + 0.5), (x + 0.5) ** 2, atol=1e-9)
    assert set(smooth_history(x, np.full(12, 0.1), x)) == {0.1}


def test_19_4_plot_gives_a_figure():
    history = History.of(epochs=[4, 5], logs=[{"loss": 1.0, "val_loss": 2.0}, {"loss": 0.5, "val_loss": 1.0}])
    history.draw = plot_history

    figure = history.plot(theme_bw=True)

    assert isinstance(figure, go.Figure)
    assert figure.layout.template.layout.plot_bgcolor == "white"
    assert list(figure.data[1].y) == [2.0, 1.0]


def test_19_4_plot_works_without_any_epoch():
    assert len(plot_history(frame(0)).data) == 0
