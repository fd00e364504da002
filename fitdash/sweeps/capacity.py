"""Whether there is room for another trial: asked before each of them, and told while there is none."""

from collections.abc import Callable
from contextlib import suppress

from fitdash.errors import StoreError
from fitdash.runs.record import sweeps
from fitdash.runs.record.store import Store

# Of the time, at most so much is spent on asking: to look at the files of thousands of trials takes a while.
MOST_SHARE = 0.02


class CapacityCheck:
    """Asks for room, and keeps in the record why a sweep waits.

    Args:
        store: Where the sweep is told as paused, and as running again.
        uid: The sweep.
        refuse: Raises StoreError, in words, where there is no room; None: there always is.
        clock: Seconds that only grow.

    Attributes:
        is_missing: No trial may begin now.
    """

    def __init__(
        self, store: Store, uid: str, refuse: Callable[[], None] | None, *, clock: Callable[[], float]
    ) -> None:
        self.is_missing = False
        self._store, self._uid, self._refuse, self._clock = store, uid, refuse, clock
        self._next: float | None = None
        self._told: str | None = None

    def is_there(self) -> bool:
        """Another trial may begin."""
        if self._refuse is None:
            return True
        began = self._clock()
        if self._next is None or began >= self._next:
            self._ask(self._refuse)
            now = self._clock()
            self._next = now + (now - began) / MOST_SHARE
        return not self.is_missing

    def _ask(self, refuse: Callable[[], None]) -> None:
        why = None
        try:
            refuse()
        except StoreError as error:
            why = f"{error} The next trial begins when there is room."
        self.is_missing = why is not None
        if why != self._told:
            with suppress(StoreError):  # a full disk cannot be written either; it is told later
                sweeps.tell_pause(self._store, self._uid, why)
                self._told = why
