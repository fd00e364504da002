"""Whose turn it is where several wait."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def order_round_robin(waiting: Sequence[T], owners: Sequence[str | None], served: Sequence[str | None]) -> list[T]:
    """What waits in the order of turns: one of each owner, then a second of each, …

    Args:
        waiting: Each owner's in their order.
        owners: Whose each of them is.
        served: Owners who have had turns, the last one at the end; the others come before them, as they came.
    """
    names = list(dict.fromkeys(owners))
    names.sort(key=lambda name: served.index(name) + 1 if name in served else 0)
    rounds: dict[str | None, int] = dict.fromkeys(names, 0)
    places = []
    for one, owner in zip(waiting, owners, strict=True):
        places.append((rounds[owner], names.index(owner), one))
        rounds[owner] += 1
    return [one for _, _, one in sorted(places, key=lambda place: place[:2])]
