"""Hold-out: the indices of the training rows and of the validation rows."""

from typing import Any

import numpy as np

from fitdash.data.tables.dataset import Dataset
from fitdash.settings.fit import FitArgs, count_split_rows, split_argument
from fitdash.settings.validation_data import HoldOut
from fitdash.settings.validation_split import count_stratified_rows, refuse_empty_part, validation_start

Array = np.ndarray[Any, Any]
UNEVEN = 0.25
"""Difference of a class's share between the two parts from which they count as unlike each other."""

UNEVEN_MEAN = 0.75
"""The same for the means of numbers, in standard deviations: twenty random rows stay well below."""


def split_rows(dataset: Dataset, fit: FitArgs, seed: int) -> tuple[Array, Array]:
    """Indices of the training rows and of the validation rows, each in the order of the data.

    Args:
        dataset: The data.
        fit: `validation_data` decides, else `validation_split`, which takes the last rows; if the validation rows are
            those of a file, all rows train.
        seed: Seed of the random choice of rows; the global generators are not used.

    Raises:
        SettingError: one of the parts would be empty.
    """
    rows = np.arange(len(dataset))
    if not fit.validates:
        return rows, rows[:0]
    held = fit.validation_data
    if held is not None and held.kind == "upload":
        return rows, rows[:0]
    if held is None or held.kind == "last":
        first, _ = count_split_rows(len(dataset), fit)
        train, validation = rows[:first], rows[first:]
    else:
        chosen = np.zeros(len(dataset), dtype=bool)
        chosen[_chosen(dataset, held, seed)] = True
        train, validation = rows[~chosen], rows[chosen]
    refuse_empty_part(*split_argument(fit), len(rows), len(train))
    return train, validation


def _chosen(dataset: Dataset, held: HoldOut, seed: int) -> Array:
    """Indices of the rows that are held out, chosen at random."""
    generator = np.random.default_rng(seed)
    rows = len(dataset)
    count = rows - validation_start(rows, held.share)
    if held.kind == "random":
        return generator.permutation(rows)[:count]
    if dataset.classes is None:
        return _spread(dataset.target.to_numpy(dtype=np.float64), count, generator)
    groups = [np.flatnonzero(dataset.codes == index) for index in range(len(dataset.classes))]
    counts = count_stratified_rows(tuple(len(group) for group in groups), held.share)
    return np.concatenate([generator.permutation(group)[:k] for group, k in zip(groups, counts, strict=True)])


def _spread(numbers: Array, count: int, generator: np.random.Generator) -> Array:
    """`count` rows over the whole range of the numbers: a random one from each of as many equal groups by size."""
    edges = np.linspace(0, len(numbers), count + 1).astype(int)
    places = edges[:-1] + (generator.random(count) * np.diff(edges)).astype(int)
    return np.asarray(np.argsort(numbers, kind="stable")[places])


def is_representative_split(dataset: Dataset, train: Array, validation: Array) -> bool:
    """True if the targets of the held-out rows are distributed much like those of the training rows.

    Args:
        dataset: The data.
        train, validation: Indices of the rows of each part.
    """
    if not len(validation):
        return True
    if dataset.classes is not None:
        count = len(dataset.classes)
        shares = [np.bincount(dataset.labels[rows].ravel(), minlength=count) for rows in (train, validation)]
        one, other = (part / part.sum() for part in shares)
        return bool(np.abs(one - other).max() < UNEVEN)
    learned, held = (dataset.target.to_numpy(dtype=np.float64)[rows] for rows in (train, validation))
    spread = max(float(learned.std()), 1e-12)
    return bool(abs(learned.mean() - held.mean()) < UNEVEN_MEAN * spread and 0.5 < held.std() / spread < 2)
