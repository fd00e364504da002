"""Which rows are trained on, which are validated on, and how much classes and rows count."""

from typing import Any

import numpy as np

from fitdash.data.dataset import Dataset
from fitdash.errors import DataError
from fitdash.spec.facts import balanced, cut, stratified
from fitdash.spec.fit import FitArgs, HoldOut, parts_of

Array = np.ndarray[Any, Any]


def split_rows(dataset: Dataset, fit: FitArgs, seed: int) -> tuple[Array, Array]:
    """Indices of the training rows and of the validation rows, each in the order of the data.

    Args:
        dataset: The data.
        fit: `validation_data` decides, else `validation_split`, which takes the last rows.
        seed: Of the choice of rows; the global generators are left alone.

    Raises:
        DataError: one of the parts would be empty.
    """
    rows = np.arange(len(dataset))
    if not fit.validates:
        return rows, rows[:0]
    held = fit.validation_data
    if held is None or held.kind == "last":
        first, _ = parts_of(len(dataset), fit)
        train, validation = rows[:first], rows[first:]
    else:
        chosen = np.zeros(len(dataset), dtype=bool)
        chosen[_chosen(dataset, held, seed)] = True
        train, validation = rows[~chosen], rows[chosen]
    if not (len(train) and len(validation)):
        name = "validation_split" if held is None else "validation_data"
        raise DataError(f"{name} must leave rows on both sides, got {len(train)} and {len(validation)} rows.")
    return train, validation


def balanced_weights(dataset: Dataset, train: Array) -> dict[int, float]:
    """Weight of each class, so that all classes count the same among the training rows."""
    counts = np.bincount(dataset.codes[train], minlength=len(dataset.classes or ()))
    return balanced(tuple(int(count) for count in counts))


def row_weights(dataset: Dataset, column: str) -> Array:
    """How much each row counts, (n,) float32.

    Raises:
        DataError: the column is not there, or holds anything but numbers from 0 up, one of them above it.
    """
    if column not in dataset.numeric_columns:
        known = ", ".join(dataset.numeric_columns[:20])
        raise DataError(f"sample_weight must name a column of numbers, got {column!r}. Columns: {known}.")
    weights = dataset.table[column].to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        value, row = weights[bad[0]], bad[0] + 1
        raise DataError(f"sample_weight must be 0 or more in every row, got {value:g} in row {row} of {column!r}.")
    if not weights.any():
        raise DataError(f"sample_weight must be above 0 in one row, got only 0 in {column!r}.")
    return np.asarray(weights, dtype=np.float32)


def _chosen(dataset: Dataset, held: HoldOut, seed: int) -> Array:
    """Indices of the rows that are held out, by chance."""
    generator = np.random.default_rng(seed)
    rows = len(dataset)
    count = rows - cut(rows, held.share)
    if held.kind == "random":
        return generator.permutation(rows)[:count]
    if dataset.classes is None:
        return _spread(dataset.target.to_numpy(dtype=np.float64), count, generator)
    groups = [np.flatnonzero(dataset.codes == index) for index in range(len(dataset.classes))]
    counts = stratified(tuple(len(group) for group in groups), held.share)
    return np.concatenate([generator.permutation(group)[:k] for group, k in zip(groups, counts, strict=True)])


def _spread(numbers: Array, count: int, generator: np.random.Generator) -> Array:
    """So many rows over the whole range of the numbers: one by chance from each of as many equal groups by size."""
    edges = np.linspace(0, len(numbers), count + 1).astype(int)
    places = edges[:-1] + (generator.random(count) * np.diff(edges)).astype(int)
    return np.asarray(np.argsort(numbers, kind="stable")[places])
