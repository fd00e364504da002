"""Checks the disk quota before each trial of a sweep, and pauses the sweep while the quota is used up."""

from collections.abc import Callable
from contextlib import suppress

from fitdash.errors import StoreError
from fitdash.runs.record import sweeps
from fitdash.runs.record.store import Store

# Share of the time that the checks may take: reading the file sizes of thousands of trials takes a while.
MOST_SHARE = 0.02


class CapacityCheck:
    """Checks for room, and records why a sweep waits.

    Args:
        store: Where the sweep is marked as paused, and as running again.
        uid: The sweep.
        refuse: Raises StoreError with the reason where there is no room; None: there always is room.
        clock: Monotonic seconds.

    Attributes:
        is_missing: True while no trial may begin.
    """

    def __init__(
        self, store: Store, uid: str, refuse: Callable[[], None] | None, *, clock: Callable[[], float]
    ) -> None:
        self.is_missing = False
        self._store, self._uid, self._refuse, self._clock = store, uid, refuse, clock
        self._next: float | None = None
        self._recorded_reason: str | None = None

    def is_there(self) -> bool:
        """True if another trial may begin."""
        if self._refuse is None:
            return True
        began = self._clock()
        if self._next is None or began >= self._next:
            self._check(self._refuse)
            now = self._clock()
            self._next = now + (now - began) / MOST_SHARE
        return not self.is_missing

    def _check(self, refuse: Callable[[], None]) -> None:
        why = None
        try:
            refuse()
        except StoreError as error:
            why = f"{error} The next trial begins when there is room."
        self.is_missing = why is not None
        if why != self._recorded_reason:
            with suppress(StoreError):  # the record cannot be written on a full disk; it is tried again
                sweeps.tell_pause(self._store, self._uid, why)
                self._recorded_reason = why
