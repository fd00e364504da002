"""Turns of several owners whose runs wait."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def order_round_robin(waiting: Sequence[T], owners: Sequence[str | None], served: Sequence[str | None]) -> list[T]:
    """The waiting items in the order of turns: the first of each owner, then the second of each, …

    Args:
        waiting: The items, those of each owner in their order.
        owners: The owner of each item.
        served: Owners that have had turns, the latest at the end; owners without a turn come first, in the order of
            their first item.
    """
    names = list(dict.fromkeys(owners))
    names.sort(key=lambda name: served.index(name) + 1 if name in served else 0)
    rounds: dict[str | None, int] = dict.fromkeys(names, 0)
    places = []
    for item, owner in zip(waiting, owners, strict=True):
        places.append((rounds[owner], names.index(owner), item))
        rounds[owner] += 1
    return [item for _, _, item in sorted(places, key=lambda place: place[:2])]
