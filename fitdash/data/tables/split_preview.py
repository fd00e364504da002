"""Rows of a data set for the preview of the split: the target of each, and whether it is held out."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fitdash.data.tables.dataset import Dataset
from fitdash.data.tables.holdout import split_rows
from fitdash.settings.fit import FitArgs

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitPreview:
    """Rows in the order of the data, sampled evenly if there are many.

    Attributes:
        values: (n,) class index, or the number scaled to 0–1; NaN if a number is missing.
        is_class: True if `values` are class indices.
        held: (n,) True if the row is held out for validation.
        rows: Number of rows of the data.
        held_rows: Number of them that are held out.
    """

    values: Array
    is_class: bool
    held: Array
    rows: int
    held_rows: int


def make_split_preview(dataset: Dataset, fit: FitArgs, seed: int, most: int = 600) -> SplitPreview:
    """The split that `fit` would make with these settings.

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
    """The numbers scaled to 0–1."""
    low, high = np.nanmin(numbers), np.nanmax(numbers)
    return np.asarray((numbers - low) / ((high - low) or 1.0))
