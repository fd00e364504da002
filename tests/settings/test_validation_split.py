"""Which rows validate (contract 11.1 to 11.4)."""

import pytest

from fitdash.errors import SettingError
from fitdash.settings.validation_split import (
    count_stratified_rows,
    describe_empty_part,
    refuse_empty_part,
    validation_start,
)


@pytest.mark.parametrize(
    ("rows", "share", "first"),
    [(10, 0.25, 7), (10, 0.33, 6), (10, 0.8, 1), (10, 0.9, 0), (10, 0.0, 10), (100, 0.2, 80)],
)
def test_11_1_validation_starts_at_the_floor_in_floating_point(rows, share, first):
    assert validation_start(rows, share) == first


def test_stratified_rows_leave_one_of_each_class_on_both_sides():
    assert count_stratified_rows((100, 10, 2, 1), 0.2) == (20, 2, 1, 0)
    assert count_stratified_rows((4, 4), 0.9) == (3, 3)


@pytest.mark.parametrize(("value", "training", "empty"), [(0.9, 0, "training"), (1e-20, 10, "validation")])
def test_11_3_an_empty_part_is_refused_with_the_numbers(value, training, empty):
    with pytest.raises(SettingError) as caught:
        refuse_empty_part("validation_split", value, 10, training)

    assert str(caught.value) == (
        f"validation_split must leave rows in both parts, got {value} of 10 samples, which leaves none for {empty}."
    )


def test_a_split_with_two_parts_is_let_through():
    assert describe_empty_part("validation_data", 0.2, 10, 8) is None
    assert refuse_empty_part("validation_data", 1, 10, 9) is None
