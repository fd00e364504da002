"""Curves of several runs, and settings against results."""

import numpy as np
import plotly.graph_objects as go
import pytest

from fitdash.charts.overlay import (
    MOST_NAMED,
    RunCurve,
    describe_overlay,
    line_styles,
    overlay_chart,
    parallel_chart,
    restyle_for_print,
    scatter_chart,
)


def line(name="a", values=(1.0, 0.5), **more):
    return RunCurve(run=name, name=name, epochs=np.arange(1.0, len(values) + 1), values=np.array(values), **more)


def test_a_line_per_run_names_it_and_its_last_value():
    spec = overlay_chart([line("slow <b>"), line("fast", (0.5, 0.1, np.nan))], title="loss", key="k")

    figure = go.Figure(spec)
    assert [trace.name for trace in figure.data] == ["slow &lt;b&gt;  <b>0.5000</b>", "fast  <b>0.1000</b>"]
    assert figure.layout.showlegend
    assert "loss" in figure.layout.yaxis.title.text


def test_many_lines_have_no_legend_that_would_hide_them():
    spec = overlay_chart([line(str(n)) for n in range(MOST_NAMED + 1)], title="loss", key="k", log=True)

    assert not go.Figure(spec).layout.showlegend
    assert spec["layout"]["yaxis"]["type"] == "log"


def test_lines_of_their_own_differ_in_colour_or_dash():
    looks = line_styles([None] * 20)

    assert len({(look["place"], look["dash"]) for look in looks}) == 20


def test_numbers_are_coloured_by_rank_and_the_same_number_the_same():
    looks = line_styles([0.1, 1e-5, 0.1, 1e-3])

    assert looks[0] == looks[2]
    assert len({look["color"] for look in looks}) == 3


def test_words_have_a_colour_each():
    looks = line_styles(["sgd", "adam", "sgd", None])

    assert looks[0] == looks[2] != looks[1]
    assert looks[3] not in looks[:3]


def test_a_pruned_run_stands_back():
    spec = overlay_chart([line(), line("b", faint=True)], title="loss", key="k")

    assert [trace["opacity"] for trace in spec["data"]] == [1.0, 0.3]


def test_parallel_axes_take_numbers_factors_and_words():
    columns = {"rate": [1e-4, 1e-2, 1e-1], "name": ["a", "b", "a"], "width": [8, 16, 8], "loss": [1.0, None, 0.5]}

    spec = parallel_chart(columns, result="loss", key="k")

    rate, name, width, loss = go.Figure(spec).data[0].dimensions
    assert list(rate["values"]) == [-4, -1]
    assert name.ticktext == ("a",)
    assert width.ticktext == ("8",)
    assert list(loss["values"]) == [1.0, 0.5]
    assert list(go.Figure(spec).data[0].line.color) == [1.0, 0.5]


@pytest.mark.parametrize(("x", "kind"), [([1e-4, 1e-1], "log"), ([1, 2], None), (["relu", "tanh"], "category")])
def test_a_setting_stands_on_the_axis_that_fits_it(x, kind):
    spec = scatter_chart(x, [1.0, 2.0], ["a", "b"], titles=("s", "r"), key="k")

    assert go.Figure(spec).layout.xaxis.type == kind


def test_the_picture_is_told_in_words():
    assert (
        describe_overlay([line("a"), line("b", ())], "loss") == "loss of 2 runs: a ends at 0.5000; b has no value yet."
    )


def test_on_paper_every_line_has_its_colour_and_its_name_in_the_legend():
    count = MOST_NAMED + 3
    spec = restyle_for_print(overlay_chart([line(str(n)) for n in range(count)], title="loss", key="k"))

    drawn = go.Figure(spec)

    assert drawn.layout.showlegend
    assert [trace.name.split()[0] for trace in drawn.data] == [str(n) for n in range(count)]
    assert len({(trace.line.color, trace.line.dash) for trace in drawn.data}) == count


def test_colours_of_a_setting_stay_on_paper():
    lines = [line(str(n), by=n) for n in (1, 2)]

    spec = restyle_for_print(overlay_chart(lines, title="loss", key="k"))

    assert [trace["line"]["color"] for trace in spec["data"]] == [look["color"] for look in line_styles([1, 2])]


def test_zoom_of_one_metric_is_not_that_of_another():
    one, other = (overlay_chart([line()], title=name, key="k") for name in ("loss", "accuracy"))

    assert one["layout"]["uirevision"] == other["layout"]["uirevision"]
    assert one["layout"]["yaxis"]["uirevision"] != other["layout"]["yaxis"]["uirevision"]
