"""Whose turn it is."""

import pytest

from fitdash.runs.scheduling.round_robin import order_round_robin


@pytest.mark.parametrize(
    ("waiting", "served", "order"),
    [
        ("a1 a2 a3", "", "a1 a2 a3"),
        ("a1 a2 a3 b1", "", "a1 b1 a2 a3"),
        ("a1 a2 b1 c1 b2", "", "a1 b1 c1 a2 b2"),
        ("a1 a2 b1", "a", "b1 a1 a2"),
        ("a1 b1 c1", "b a", "c1 b1 a1"),
        ("a1 a2 b1 b2", "b a", "b1 a1 b2 a2"),
        ("", "a", ""),
    ],
)
def test_each_owner_has_one_turn_after_the_other(waiting, served, order):
    runs = waiting.split()

    assert order_round_robin(runs, [run[0] for run in runs], served.split()) == order.split()
