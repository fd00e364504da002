"""Computes the weights of rows or steps that an expression of sample_weight describes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fitdash.data.tables.csv_reader import CsvTable, read_table
from fitdash.data.tables.data_facts import facts_of
from fitdash.data.tables.dataset import Dataset
from fitdash.data.tables.dates import to_sortable_dates
from fitdash.data.tables.upload import check_size, read_upload
from fitdash.errors import DataError, SettingError
from fitdash.settings.declaration import problems_in
from fitdash.settings.weight_expressions import FILE_EXPRESSIONS, WeightExpression

Array = np.ndarray[Any, Any]


def compute_expression(
    dataset: Dataset, meant: WeightExpression, uploads: Path | None = None, train: Array | None = None
) -> Array:
    """The numbers that an expression gives, (n,) or (n, steps) float64, not yet checked to be weights.

    Args:
        dataset: The data.
        meant: The expression.
        uploads: The folder where uploads are kept; without it a file's name is its path.
        train: Indices of the training rows, from which alone rarity and recency are learned; None: all rows.

    Raises:
        SettingError: the expression lacks a column, a value or a file.
        DataError: a column or a file is missing, holds no numbers, or not one for each row.
    """
    needs_file = meant.form in FILE_EXPRESSIONS
    by_name = meant.content is None and meant.filename and uploads is None
    problems = problems_in(meant, facts_of(dataset))
    problems = [one for one in problems if not (by_name and one.where.endswith(".content"))]
    if problems:
        raise SettingError("\n".join(problem.text for problem in problems))
    if needs_file:
        return _from_file(dataset, meant, uploads)
    if meant.form == "last_steps":
        steps = dataset.steps or 0
        return np.tile(np.arange(steps) >= steps - meant.count, (len(dataset), 1)).astype(np.float64)
    rows = np.arange(len(dataset))
    if meant.column is None:
        return _recency(pd.Series(rows), rows if train is None else train)
    if meant.column not in dataset.table.columns:
        known = ", ".join(map(str, list(dataset.table.columns)[:20]))
        raise DataError(f"sample_weight must name a column of the data, got {meant.column!r}. Columns: {known}.")
    if meant.form in LEARNED:
        return LEARNED[meant.form](dataset.table[meant.column], rows if train is None else train)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return np.asarray(MADE[meant.form](dataset.table[meant.column], meant), dtype=np.float64)


def _numbers(column: pd.Series) -> Array:
    """(n,) float64.

    Raises:
        DataError: the column holds words.
    """
    if not (pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype)):
        raise DataError(f"sample_weight must be made of numbers, got {column.iloc[0]!r} in {str(column.name)!r}.")
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))


def _rarity(column: pd.Series, train: Array) -> Array:
    """Rows / (values * rows of the value), of the training rows; a gap counts as a value.

    A value that no training row has counts as one that a single row has.

    Source: scikit-learn `compute_class_weight`, as for the class_weight "balanced".
    """
    codes, values = pd.factorize(column, use_na_sentinel=False)
    counts = np.bincount(codes[train], minlength=len(values))
    return np.asarray(len(train) / (np.count_nonzero(counts) * np.maximum(counts, 1)[codes]))


def _recency(column: pd.Series, train: Array) -> Array:
    """Rank of each row among the training rows in the order of the column, from 1 / rows to 1; gaps come first.

    Equal values share their rank. Dates sort by time, other words by their characters. A held-out row ranks between its
    neighbours among the training rows, and at 1 behind the last of them.
    """
    dates = to_sortable_dates(column)
    ordered = column if dates is None else dates
    if pd.api.types.is_string_dtype(ordered.dtype):  # pandas 3.0.0 ranks texts with what PyArrow 25 deprecates
        ordered = ordered.astype(object)
    places = ordered.rank(method="dense", na_option="top").to_numpy(dtype=np.int64)
    counts = np.bincount(places[train], minlength=places.max() + 1)
    before = np.cumsum(counts) - counts
    return np.asarray(np.minimum((before + (counts + 1) / 2)[places] / len(train), 1.0))


def _compared(column: pd.Series, meant: WeightExpression) -> Array:
    values, threshold = _numbers(column), meant.threshold
    assert threshold is not None  # `compute_expression` has refused the others
    found = values > threshold if meant.form == "above" else values < threshold
    return np.where(found, meant.factor, 1.0)


def _equal(column: pd.Series, meant: WeightExpression) -> Array:
    """`factor` for the rows that equal the value, 1 for others; numbers compare as numbers, words as text."""
    if pd.api.types.is_numeric_dtype(column.dtype) and meant.threshold is not None:
        found = _numbers(column) == meant.threshold
    else:
        found = (column.astype("str") == meant.value).to_numpy(dtype=bool, na_value=False)
    if not found.any():
        raise DataError(f"sample_weight must hold {meant.column!r} against one of its values, got {meant.value!r}.")
    return np.where(found, meant.factor, 1.0)


def _from_file(dataset: Dataset, meant: WeightExpression, uploads: Path | None) -> Array:
    """One number for each row, or for each of its steps."""
    name = Path(meant.filename or "").name or "The file of weights"
    table = _table(meant, name, uploads).frame
    if meant.form == "upload":
        named = [column for column in table.columns if str(column).lower() in ("weight", "sample_weight")]
        if table.shape[1] > 1 and len(named) != 1:
            raise DataError(
                f"{name} must have one column, or one named weight or sample_weight, got {table.shape[1]} columns."
            )
        table = table[named or list(table.columns)]
    elif table.shape[1] != dataset.steps:
        raise DataError(f"{name} must have a column for each of {dataset.steps} steps, got {table.shape[1]}.")
    if len(table) != len(dataset):
        raise DataError(
            f"{name} must have a weight for each of {len(dataset)} rows, before any split, got {len(table)} rows."
        )
    values = np.stack([_numbers(table[column]) for column in table.columns], axis=1)
    return values[:, 0] if meant.form == "upload" else values


def _table(meant: WeightExpression, name: str, uploads: Path | None) -> CsvTable:
    if meant.content is not None:
        if uploads is None:
            raise DataError("A file of weights must be kept here to be read, got no folder of uploads.")
        return read_upload(meant.content, uploads, name, least_columns=1)
    path = Path(meant.filename or "")
    if not path.is_file():
        raise DataError(f"{path} must be a file of weights, got a path where none is.")
    check_size(path.stat().st_size, name)
    return read_table(path.read_bytes(), name, least_columns=1)


MADE: dict[str, Callable[[pd.Series, WeightExpression], Array]] = {
    "absolute": lambda column, meant: np.abs(_numbers(column)),
    "square": lambda column, meant: _numbers(column) ** 2,
    "inverse": lambda column, meant: 1 / _numbers(column),
    "above": _compared,
    "below": _compared,
    "equal": _equal,
}

LEARNED: dict[str, Callable[[pd.Series, Array], Array]] = {"rarity": _rarity, "recency": _recency}
"""Expressions in which the weight of a row depends on other rows; they learn from the training rows alone."""
