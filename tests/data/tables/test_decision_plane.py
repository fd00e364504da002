"""A plane through the inputs."""

import numpy as np
import pandas as pd
import pytest

from fitdash.data.tables.decision_plane import ROOM, axes_of, make_decision_plane, rank_columns
from fitdash.data.tables.prepared import prepare_data
from fitdash.data.tables.upload import save_upload
from fitdash.runs.protocol.paths import home
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs

ROWS = "size,colour,weight,kind\n" + "1,red,5,cat\n3,green,,dog\n,green,7,cat\n5,green,9,dog\n" * 10


@pytest.fixture
def pets():
    content = save_upload(ROWS.encode(), home() / "uploads", "pets.csv")
    args = DatasetArgs(name="upload", content=content, filename="pets.csv", target="kind")
    return prepare_data(Experiment(data=args), home() / "uploads")


def test_axes_are_the_columns_of_numbers(pets):
    assert axes_of(pets.columns) == ("size", "weight")


def test_two_columns_vary_over_their_range_and_the_others_stay_in_the_middle(pets):
    made = make_decision_plane(pets, "weight", "size", cells=5)

    assert (made.xs[0], made.xs[-1]) == pytest.approx((5 - ROOM * 4, 9 + ROOM * 4))
    assert (made.ys[0], made.ys[-1]) == pytest.approx((1 - ROOM * 4, 5 + ROOM * 4))
    table = pd.DataFrame({"size": np.repeat(made.ys, 5), "colour": "green", "weight": np.tile(made.xs, 5)})
    assert made.inputs == pytest.approx(pets.columns.encode(table))


def test_rows_that_are_held_out_are_in_sight_too():
    data = prepare_data(Experiment(data=DatasetArgs(name="diabetes"), fit=FitArgs(validation_split=0.5)))

    made = make_decision_plane(data, "bmi", "bp", cells=3)

    whole = data.dataset.table["bmi"]
    assert made.xs[0] < whole.min()
    assert made.xs[-1] > whole.max()


def test_a_column_that_is_the_same_everywhere_has_room(pets):
    pets.dataset.table["size"] = 3.0

    assert np.ptp(make_decision_plane(pets, "weight", "size", cells=3).ys) == pytest.approx(2.0)


def test_columns_that_tell_most_of_the_target_come_first():
    classes = prepare_data(Experiment(data=DatasetArgs(name="iris")))
    numbers = prepare_data(Experiment(data=DatasetArgs(name="diabetes")))

    assert set(rank_columns(classes, axes_of(classes.columns))[:2]) == {"petal length (cm)", "petal width (cm)"}
    assert set(rank_columns(numbers, axes_of(numbers.columns))[:2]) == {"bmi", "s5"}


def test_gaps_do_not_hide_what_a_column_tells(pets):
    assert rank_columns(pets, axes_of(pets.columns)) == ["size", "weight"]
