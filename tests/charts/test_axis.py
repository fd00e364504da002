"""Where epochs stand on the x axis."""

import numpy as np
import pytest

from fitdash.charts.axis import axis_of


def test_by_epoch_a_place_is_the_number_of_epochs_that_are_over():
    axis = axis_of("epoch", [4, 5], [1.0, 1.0], start=4, ahead=1.0)

    assert axis.places(np.array([4.0, 4.5, 6.0, 9.0])).tolist() == [4.0, 4.5, 6.0, 9.0]


def test_by_update_epochs_are_as_long_as_they_were_and_those_to_come_as_they_are_now():
    axis = axis_of("update", [0, 1, 2], [10.0, 10.0, 40.0], start=0, ahead=40.0)

    assert axis.places(np.array([0.0, 1.0, 2.0, 2.5, 3.0, 5.0])).tolist() == [0, 10, 20, 40, 60, 140]
    assert axis.place(2.25) == 30


def test_before_the_first_epoch_the_axis_is_made_of_what_is_ahead():
    axis = axis_of("samples", [], [], start=2, ahead=100.0)

    assert axis.places(np.array([2.0, 3.0, 12.0])).tolist() == [0, 100, 1000]


@pytest.mark.parametrize(("kind", "sizes"), [("update", [10.0] * 50 + [40.0] * 50), ("seconds", [1.0, 2.0] * 50)])
def test_few_knots_tell_every_place(kind, sizes):
    axis = axis_of(kind, range(100), sizes, start=0, ahead=1.0)

    over, x = axis.knots()

    assert len(over) <= 102
    everywhere = np.linspace(0, 100, 333)
    assert np.interp(everywhere, over, x) == pytest.approx(axis.places(everywhere))
    assert kind != "update" or len(over) == 3
