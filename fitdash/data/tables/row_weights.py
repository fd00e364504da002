"""Weights of rows, steps and classes, from a column, an expression or a name."""

from pathlib import Path
from typing import Any

import numpy as np

from fitdash.data.tables.dataset import Dataset
from fitdash.data.tables.weight_expressions import compute_expression
from fitdash.errors import DataError
from fitdash.settings.data_facts import STEP_WEIGHTS, balanced_class_weight
from fitdash.settings.weight_expressions import parse_weight_expression, shorten_sample_weight

Array = np.ndarray[Any, Any]


def compute_sample_weight(dataset: Dataset, name: str, uploads: Path | None = None, *, train: Any = None) -> Array:
    """Weight of each row, (n,) float32, or of each of its steps, (n, steps).

    Args:
        dataset: The data.
        name: A column; else one of the expressions of `settings.weight_expressions`; else of sequences "ramp" (from
            little at the first step to 1 at the last) or "last_steps" (the last third of the steps alone).
        uploads: The folder where uploads are kept; without it a file's name is its path.
        train: Indices of the training rows, as `compute_expression` takes them.

    Raises:
        DataError: the column or the file is missing, or a weight is not a number from 0 up, or all are 0.
    """
    if name in dataset.numeric_columns:
        return row_weights(dataset, name)
    if (meant := parse_weight_expression(name)) is not None:
        return _weights(
            compute_expression(dataset, meant, uploads, None if train is None else np.asarray(train)),
            shorten_sample_weight(name),
        )
    if not dataset.steps or name not in STEP_WEIGHTS:
        return row_weights(dataset, name)
    return np.tile(step_weights(name, dataset.steps), (len(dataset), 1))


def row_weights(dataset: Dataset, column: str) -> Array:
    """Weight of each row, (n,) float32.

    Raises:
        DataError: the column is missing, or a value is not a number from 0 up, or all are 0.
    """
    if column not in dataset.numeric_columns:
        known = ", ".join(dataset.numeric_columns[:20])
        raise DataError(f"sample_weight must name a column of numbers, got {column!r}. Columns: {known}.")
    return _weights(dataset.table[column].to_numpy(dtype=np.float64, na_value=np.nan), column)


def _weights(values: Array, name: str) -> Array:
    """The numbers as float32 weights; refused if one is missing or negative, or all are 0."""
    with np.errstate(over="ignore"):
        weights = values.astype(np.float32)
    bad = np.argwhere(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        value, row = values[tuple(bad[0])], bad[0][0] + 1
        came, remedy = ("a gap", " Fill it.") if np.isnan(value) else (f"{value:g}", "")
        raise DataError(f"sample_weight must be 0 or more in every row, got {came} in row {row} of {name!r}.{remedy}")
    if not weights.any():
        raise DataError(f"sample_weight must be above 0 in one row, got only 0 in {name!r}.")
    return np.asarray(weights)


def step_weights(name: str, steps: int) -> Array:
    """Weights of the steps of a sequence, (steps,) float32, the same for every row."""
    place = np.arange(1, steps + 1)
    weights = place / steps if name == "ramp" else place > steps - max(1, steps // 3)
    return np.asarray(weights, dtype=np.float32)


def balanced_weights(dataset: Dataset, train: Array) -> dict[int, float]:
    """Weight of each class with which all classes have the same total weight among the labels of the training rows."""
    counts = np.bincount(dataset.labels[train].ravel(), minlength=len(dataset.classes or ()))
    return balanced_class_weight(tuple(int(count) for count in counts))
