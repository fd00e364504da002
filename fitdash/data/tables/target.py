"""The target column: classification or regression, the names of its classes, and checks that it can be learned."""

from typing import Any

import numpy as np
import pandas as pd

from fitdash.errors import DataError
from fitdash.settings.data_facts import Task

MOST_NUMBER_CLASSES = 20
"""A column of more distinct whole numbers is a regression target."""

MOST_CLASSES = 1000


def guess_task(target: pd.Series) -> Task:
    """Classification for text, booleans and a few whole numbers that repeat; else regression.

    Args:
        target: The column, (n,).
    """
    if pd.api.types.is_bool_dtype(target.dtype) or not pd.api.types.is_numeric_dtype(target.dtype):
        return "classification"
    values = target[np.isfinite(target.astype(float))]
    distinct = values.nunique()
    whole = bool((values == values.round()).all())
    return "classification" if whole and distinct <= min(MOST_NUMBER_CLASSES, len(values) / 2) else "regression"


def check_target(target: pd.Series, task: Task) -> None:
    """Refuse a column that cannot be a target.

    Raises:
        DataError: it has gaps, one value only, text for a regression, or too many classes.
    """
    name = f"The target {str(target.name)!r}"
    numeric = pd.api.types.is_numeric_dtype(target.dtype)
    empty = target.isna() | np.isinf(target.astype(float)) if numeric else target.isna()
    gaps = int(empty.sum())
    if gaps:
        first = int(np.argmax(empty.to_numpy())) + 1
        found = f"{gaps} gap{'s' * (gaps > 1)}, the first in row {first}"
        raise DataError(f"{name} must have a value in every row, got {found}. Fill them, or delete those rows.")
    if task == "regression" and not numeric:
        raise DataError(
            f"{name} must hold numbers for a regression, got {target.iloc[0]!r}. Set task to classification."
        )
    distinct = int(target.nunique())
    if distinct < 2:
        what = "at least 2 classes" if task == "classification" else "at least 2 different numbers"
        raise DataError(f"{name} must have {what}, got only {_label(target.iloc[0])!r}.")
    if task == "classification" and (distinct > MOST_CLASSES or distinct > max(2, len(target) / 2)):
        remedy = "Set task to regression." if numeric else "Choose another column."
        raise DataError(
            f"{name} must have classes that come again, got {distinct} different values in {len(target)} rows. {remedy}"
        )


def class_names(target: pd.Series) -> tuple[str, ...]:
    """Name of each class in the order of its index: numbers by size, words alphabetically."""
    return tuple(_label(value) for value in sorted(target.dropna().unique()))


def codes_of(target: pd.Series, classes: tuple[str, ...]) -> np.ndarray[Any, Any]:
    """Index of each row's class, (n,) int64.

    Raises:
        DataError: a row has none of these classes.
    """
    values = target.unique()
    places = {name: index for index, name in enumerate(classes)}
    table = {value: places.get(_label(value), -1) for value in values}
    if strange := [_label(value) for value, index in table.items() if index < 0]:
        raise DataError(
            f"The target {str(target.name)!r} must have one of the classes {', '.join(classes[:20])}, "
            f"got {strange[0]!r}."
        )
    return np.asarray(target.map(table), dtype=np.int64)


def _label(value: Any) -> str:
    """Name of a class as shown on screens: 3 for 3.0."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
