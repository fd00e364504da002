"""The charts of what was learned, as specifications that plotly accepts."""

import base64
import json

import numpy as np
import plotly.graph_objects as go
import pytest

from fitdash.charts import boundary, confusion, residuals, samples, sequence_strips

XS, YS = np.linspace(0, 1, 4), np.linspace(-1, 1, 4)
AXES = (("a", XS), ("b", YS))


def points(split="train", truth=(0, 1, 1), **more):
    given = {"x": np.array([0.1, 0.5, 0.9]), "y": np.array([0.0, 0.5, -0.5]), "truth": np.array(truth)}
    return boundary.SamplePoints(split=split, **given | more)


def numbers(packed, dtype="<f4"):
    return np.frombuffer(base64.b64decode(packed["bdata"]), dtype)


def accepted(spec):
    """As plotly takes it; it must also travel as JSON."""
    return go.Figure(json.loads(json.dumps(spec)))


@pytest.fixture
def classes_map():
    answers = np.array([[0, 0, 1, 1]] * 4, np.uint16)
    sureness = np.array([[1.0, 0.6, 0.5, 0.75]] * 4, np.float16)
    return boundary.boundary_chart(AXES, answers, sureness, ["no", "yes"], [points(), points("val")], run="r1")


def test_each_class_has_its_stretch_of_the_scale_and_the_sure_are_deeper(classes_map):
    ground = classes_map["data"][0]

    levels = numbers(ground["z"], "u1").reshape(4, 4)[0].tolist()

    half = boundary.LEVELS // 2
    assert levels[1] < levels[0] == half - 1
    assert levels[2] == half
    assert half < levels[3] < boundary.LEVELS
    scale = ground["meta"]["scale"]
    assert [color for _, color, _ in scale] == [0, 0, 1, 1]
    assert [at for at, _, _ in scale] == sorted(at for at, _, _ in scale)
    assert (scale[0][0], scale[-1][0]) == (0, 1)


def test_samples_of_both_splits_lie_over_the_map_with_one_entry_a_class(classes_map):
    accepted(classes_map)
    dots = classes_map["data"][1:]

    assert [(dot["name"], dot["showlegend"], len(numbers(dot["x"]))) for dot in dots] == [
        ("no", True, 1),
        ("yes", True, 2),
        ("no", False, 1),
        ("yes", False, 2),
    ]
    assert [dot["meta"]["edge"] for dot in dots] == ["paper", "paper", "ink", "ink"]
    assert len({dot["marker"]["symbol"] for dot in dots}) == 2


@pytest.mark.parametrize("count", [1, 2, 3, 10, 300])
def test_any_number_of_classes_has_a_scale_from_0_to_1(count):
    answers = (np.arange(16).reshape(4, 4) % count).astype(np.uint16)
    names = [str(index) for index in range(count)]

    spec = boundary.boundary_chart(AXES, answers, np.ones((4, 4)), names, [points(truth=(0, 0, 0))], run="r")

    places = [at for at, _, _ in spec["data"][0]["meta"]["scale"]]
    assert (places[0], places[-1]) == (0, 1)
    assert max(places) <= 1
    assert places == sorted(places)


def test_sureness_that_is_no_number_is_pale():
    answers = np.zeros((4, 4), np.uint16)

    spec = boundary.boundary_chart(AXES, answers, np.full((4, 4), np.nan), ["a", "b"], [points()], run="r")

    assert set(numbers(spec["data"][0]["z"], "u1")) == {0}


def test_many_samples_are_thinned():
    x = np.linspace(0, 1, 5000)

    spec = boundary.boundary_chart(
        AXES,
        np.zeros((4, 4)),
        np.ones((4, 4)),
        ["a"],
        [points(x=x, y=x, truth=np.zeros(5000, int))],
        run="r",
    )

    assert len(numbers(spec["data"][1]["x"])) == boundary.MOST_POINTS


def test_numbers_are_a_surface_and_samples_have_the_colour_of_their_truth():
    values = np.linspace(10, 20, 16).reshape(4, 4)
    both = [points(truth=(10.0, 15.0, 20.0)), points("val", truth=(12.0, 12.0, np.nan))]

    spec = boundary.surface_chart(AXES, values, "price", both, run="r1")

    accepted(spec)
    ground, train, held = spec["data"]
    assert numbers(ground["z"], "u1")[[0, -1]].tolist() == [0, 255]
    assert train["meta"]["markers"] == ground["meta"]["scale"]
    assert (train["marker"]["cmin"], held["marker"]["cmax"]) == (10.0, 20.0)
    assert [train["marker"]["showscale"], held["marker"]["showscale"]] == [True, False]


def test_the_maps_are_told_in_words():
    answers = np.array([[0, 0], [0, 1]])

    assert boundary.describe_boundary(answers, ["no", "yes"], "a", "b") == (
        "What is answered over a and b: no 75%, yes 25% of the plane."
    )
    assert boundary.describe_surface(np.array([[1.0, 2.0]]), "price", "a", "b") == (
        "price as predicted over a and b: from 1.000 to 2.000."
    )
    assert boundary.describe_surface(np.array([[np.nan]]), "price", "a", "b") == "price over a and b: nowhere a number."


COUNTS = np.array([[8, 2], [0, 5]])


def test_the_matrix_holds_what_is_right_and_what_is_wrong_apart():
    spec = confusion.confusion_chart(COUNTS, ["cat", "dog"], run="r1")

    figure = accepted(spec)
    right, wrong = figure.data
    assert [list(row) for row in right.z] == [[0.8, None], [None, 1.0]]
    assert [list(row) for row in wrong.z] == [[None, 0.4472], [None, None]]
    assert [list(row) for row in wrong.text] == [["", "2"], ["", ""]]
    assert [list(cell) for cell in right.customdata[0]] == [[8, 0.8], [2, 0.2]]
    assert figure.layout.yaxis.autorange == "reversed"
    assert (right.meta["scale"][0][1], wrong.meta["scale"][0][1]) == (0, 1)


def test_a_large_matrix_has_no_written_counts():
    spec = confusion.confusion_chart(np.eye(20, dtype=int), [str(i) for i in range(20)], run="r1")

    assert "texttemplate" not in spec["data"][0]
    accepted(spec)


def test_the_matrix_is_told_in_words():
    assert confusion.describe_confusion(COUNTS, ["cat", "dog"]) == (
        "Confusion matrix of 15 samples: 86.7% are right; most often cat is taken for dog, 2 times."
    )
    assert confusion.describe_confusion(np.eye(2, dtype=int), ["a", "b"]).endswith("no class is taken for another.")


def test_predictions_stand_against_the_truth_with_the_diagonal():
    truth, predicted = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])

    spec = residuals.predicted_chart(truth, predicted, "price", run="r1", split="val")

    figure = accepted(spec)
    (line,) = figure.layout.shapes
    assert (line.x0, line.y0, line.x1, line.y1) == (1.0, 1.0, 4.0, 4.0)
    assert numbers(spec["data"][0]["y"]).tolist() == [1.5, 2.0, 3.0]
    assert spec["data"][0]["meta"]["color"] == 1


def test_residuals_stand_over_the_prediction():
    truth, predicted = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])

    spec = residuals.residual_chart(truth, predicted, "price", run="r1", split="train")

    accepted(spec)
    assert numbers(spec["data"][0]["x"]).tolist() == [1.5, 2.0, 3.0]
    assert numbers(spec["data"][0]["y"]).tolist() == [-0.5, 0.0, 1.0]


def test_predictions_that_are_no_numbers_are_drawn_and_told():
    truth, predicted = np.array([1.0, 2.0]), np.full(2, np.nan)

    accepted(residuals.predicted_chart(truth, predicted, "price", run="r", split="val"))
    accepted(residuals.residual_chart(truth, predicted, "price", run="r", split="val"))
    assert residuals.describe_errors(truth, predicted) == "no prediction is a number"
    assert residuals.describe_errors(truth, np.array([1.0, 1.0])) == (
        "predictions differ from the truth by 0.5000 in the middle, by 1.000 at most; R² -1.000"
    )


def test_images_stand_in_rows_each_under_its_text():
    images = np.arange(3 * 4 * 2, dtype=float).reshape(3, 4, 2)

    spec = samples.images_chart(images, ["a", "b", "c"], run="r1", columns=2)

    figure = accepted(spec)
    sheet = np.array(spec["data"][0]["z"], float)
    assert sheet.shape == (2 * (4 + 2), 2 * (2 + 1))
    assert np.isfinite(sheet).sum() == 3 * 4 * 2
    assert (np.nanmin(sheet), np.nanmax(sheet)) == (0, 1)
    assert [note.text for note in figure.layout.annotations] == ["a", "b", "c"]
    assert sheet[2, 0] == 0


def test_an_image_of_one_grey_is_drawn():
    accepted(samples.images_chart(np.ones((1, 2, 2)), ["a"], run="r1"))


def test_sequences_are_pairs_of_strips_with_a_gap_between():
    truth, answers = np.array([[0, 1, 2], [1, 1, 1]]), np.array([[0, 1, 1], [1, 1, 1]])

    spec = sequence_strips.strips_chart(truth, answers, ["row 4", "row 9"], ["a", "b", "c"], run="r1")

    figure = accepted(spec)
    ground, *entries = figure.data
    lines = [list(line) for line in ground.z]
    assert lines == [[0, 1, 2], [0, 1, 1], [None, None, None], [1, 1, 1], [1, 1, 1]]
    assert list(figure.layout.yaxis.ticktext) == ["row 4 true", "predicted", "row 9 true", "predicted"]
    assert list(figure.layout.yaxis.tickvals) == [0, 1, 3, 4]
    assert [entry.name for entry in entries] == ["a", "b", "c"]
    assert ground.meta["scale"][-1][0] == 1
    assert sequence_strips.describe_strips(truth, answers).endswith("3 steps of 2 sequences: 83.3% agree.")
