"""`save_freq` and `update_freq` of callbacks: something is due every so many training steps."""

from typing import Any

from fitdash.engine.callbacks.base import Moment
from fitdash.errors import SettingError


class StepInterval:
    """Counts steps, across epochs and fits.

    Args:
        steps: How many make it due; None: never.
    """

    def __init__(self, steps: int | None) -> None:
        self.steps = steps
        self.counted = 0

    def until_due(self) -> int | None:
        """Steps that may run before `is_due` has to be called; None: any number."""
        return None if self.steps is None else max(self.steps - self.counted, 1)

    def is_due(self, moment: Moment) -> bool:
        """Count the steps since the last moment; True where the number is reached, and the count starts anew."""
        if self.steps is None:
            return False
        self.counted += moment.last - moment.first + 1
        if self.counted < self.steps:
            return False
        self.counted = 0
        return True


def parse_frequency(where: str, freq: Any, *, words: tuple[str, ...] = ("epoch",)) -> int | None:
    """Steps from a frequency: "epoch" means none, a number that many.

    Raises:
        SettingError: anything else.
    """
    if freq == "batch" and "batch" in words:
        return 1
    if isinstance(freq, str) and freq in words:
        return None
    if isinstance(freq, int) and not isinstance(freq, bool) and freq > 0:
        return freq
    known = " or ".join(f'"{word}"' for word in words)
    raise SettingError(f"{where} must be {known} or a number of batches from 1, got {freq!r}.")
