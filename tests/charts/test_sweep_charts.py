"""Pictures of a search."""

import plotly.graph_objects as go
import pytest

from fitdash.charts.sweep_charts import best_chart, importance_chart, spans_decades


def test_a_point_per_trial_and_the_best_so_far_as_steps():
    spec = best_chart(
        [0.5, None, 0.7, 0.4], [0.5, 0.5, 0.5, 0.4], pruned=[False, False, True, False], title="loss", key="k"
    )

    trial, pruned, best = go.Figure(spec).data
    assert (trial.x, trial.y) == ((1, 4), (0.5, 0.4))
    assert (pruned.x, pruned.y) == ((3,), (0.7,))
    assert pruned.marker.symbol != trial.marker.symbol
    assert best.y == (0.5, 0.5, 0.5, 0.4)
    assert "0.4000" in best.name


def test_before_the_first_result_there_is_no_best():
    spec = best_chart([None], [None], pruned=[False], title="loss", key="k")

    assert [trace.name for trace in go.Figure(spec).data] == ["best so far"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1e-4, 1.0], True), ([0.5, 1.0], False), ([-1.0, 5.0], False), ([], False), ([None], False)],
)
def test_numbers_over_decades_ask_for_ratios(values, expected):
    assert spans_decades(values) is expected


def test_the_most_important_setting_stands_on_top_with_its_spread():
    spec = importance_chart(["rate", "width"], [0.75, 0.25], [0.5, 0.125], [0.875, 0.5])

    [bars] = go.Figure(spec).data
    assert bars.y == ("width", "rate")
    assert bars.x == (0.25, 0.75)
    assert bars.error_x.array == (0.25, 0.125)
    assert bars.error_x.arrayminus == (0.125, 0.25)
