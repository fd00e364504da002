"""Which rows train and which validate."""

import math

from fitdash.errors import SettingError


def require_validation_start(rows: int, validation_split: float) -> int:
    """Index of the first validation row: training is [0, cut), validation [cut, rows).

    Computed in floating point, as the reference does: 10 rows at 0.8 give 1, because 1 − 0.8 is below 0.2.

    Raises:
        SettingError: one of the parts would be empty.

    Source: R keras `fit`, validation_split: the last samples, before shuffling.
    """
    first = math.floor(rows * (1.0 - validation_split))
    if first in (0, rows):
        empty = "training" if first == 0 else "validation"
        raise SettingError(
            f"validation_split must leave rows in both parts, got {validation_split} of {rows} samples, "
            f"which leaves none for {empty}."
        )
    return first
