"""The rows of a data set as one narrow picture: what each is, and on which side of the split it stands."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fitdash.data.tables.dataset import Dataset
from fitdash.data.tables.holdout import split_rows
from fitdash.settings.fit import FitArgs

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitPreview:
    """Rows in the order of the data, evenly picked where there are many.

    Attributes:
        values: (n,) class index, or the number scaled to 0 – 1; NaN where a number is missing.
        is_class: Whether `values` are classes.
        held: (n,) whether the row is held out for validation.
        rows: How many rows there are.
        held_rows: How many of them are held out.
    """

    values: Array
    is_class: bool
    held: Array
    rows: int
    held_rows: int


def make_split_preview(dataset: Dataset, fit: FitArgs, seed: int, most: int = 600) -> SplitPreview:
    """What the split takes, as `fit` would train with these settings.

    Raises:
        SettingError: one of the parts would be empty.
    """
    _, validation = split_rows(dataset, fit, seed)
    held = np.zeros(len(dataset), dtype=bool)
    held[validation] = True
    picked = np.unique(np.linspace(0, len(dataset) - 1, min(most, len(dataset))).astype(int))
    is_class = dataset.classes is not None
    values = dataset.codes[picked] if is_class else _scaled(dataset.target.to_numpy(dtype=np.float64))[picked]
    return SplitPreview(
        values=values, is_class=is_class, held=held[picked], rows=len(dataset), held_rows=len(validation)
    )


def _scaled(numbers: Array) -> Array:
    """From the lowest, 0, to the highest, 1."""
    low, high = np.nanmin(numbers), np.nanmax(numbers)
    return np.asarray((numbers - low) / ((high - low) or 1.0))
