import pytest

from fitdash.settings.data_facts import (
    DataFacts,
    balanced_class_weight,
    class_shares,
)

SORTED = DataFacts(rows=9, classes=("a", "b", "c"), counts=(3, 3, 3), first_rows=(0, 3, 6), last_rows=(2, 5, 8))


def test_classes_that_a_part_has_no_rows_of_are_named():
    assert SORTED.classes_without(0, 6) == ["c"]
    assert SORTED.classes_without(6, 9) == ["a", "b"]
    assert SORTED.classes_without(5, 9) == ["a"]
    assert DataFacts(rows=9, classes=("a",)).classes_without(0, 1) == []


def test_balanced_weights_give_each_class_the_same_sum():
    weights = balanced_class_weight((90, 10, 0))

    assert weights == {0: pytest.approx(100 / 180), 1: pytest.approx(5.0)}


def test_a_class_makes_up_its_rows_times_its_weight():
    assert class_shares((90, 10), {}) == (0.9, 0.1)
    assert class_shares((90, 10), {1: 9.0}) == (0.5, 0.5)
    assert class_shares((30, 10, 10), balanced_class_weight((30, 10, 10))) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert class_shares((5, 5), {0: 0.0, 1: 0.0}) == (0.0, 0.0)
