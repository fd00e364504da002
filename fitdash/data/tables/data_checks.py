"""Checks of columns before a run: rows in the order of time or of the target, values far from all others."""

from typing import Any

import numpy as np
import pandas as pd

from fitdash.data.tables.dataset import Dataset
from fitdash.data.tables.dates import SAMPLED_ROWS, to_sortable_dates

DATE = r"\d{4}-\d{2}(-\d{2})?([T ].*)?|\d{1,2}[./-]\d{1,2}[./-]\d{4}( .*)?"
FEWEST_ROWS = 20
FAR = 20.0
"""Standard deviations. The bundled data stays below 13, and no normal column of a trillion rows comes near it."""


def detect_order_and_outliers(dataset: Dataset) -> dict[str, Any]:
    """Fields of `DataFacts`: rising, dates, sorted_target, far."""
    if len(dataset) < FEWEST_ROWS or dataset.image_shape or dataset.steps:
        return {}
    columns = [name for name in map(str, dataset.table.columns) if name not in dataset.predicted]
    dates = [name for name in columns if _holds_dates(dataset.table[name])]
    return {
        "rising": next((name for name in columns if _rises(dataset.table[name], is_date=name in dates)), None),
        "dates": next(iter(dates), None),
        "sorted_target": dataset.classes is None and _rises(dataset.target, is_date=False, of_rows=0),
        "far": () if dataset.parts else tuple(_far(dataset)),
    }


def _rises(column: pd.Series, *, is_date: bool, of_rows: float = 0.5) -> bool:
    """True if it only rises, or only falls, with the rows, and has distinct values in such a share of them."""
    if is_date:
        dates = to_sortable_dates(column)
        if dates is None:
            return False
        values = dates.dropna()
    elif pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        values = column.dropna()
    else:
        return False
    if len(values) < len(column) / 2 or not (values.is_monotonic_increasing or values.is_monotonic_decreasing):
        return False
    return bool(values.nunique() >= max(2, of_rows * len(values)))


def _holds_dates(column: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    values = column.dropna().astype("str").head(SAMPLED_ROWS)
    return bool(len(values) and values.str.fullmatch(DATE).all())


def _far(dataset: Dataset) -> list[tuple[str, float]]:
    """Input columns and how far their farthest value lies from the mean, in standard deviations."""
    found = []
    for name in dataset.inputs:
        column = dataset.table[name]
        if not pd.api.types.is_numeric_dtype(column.dtype):
            continue
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        values = values[np.isfinite(values)]
        if not len(values):
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            deviation = values.std()
            reach = float(np.abs(values - values.mean()).max() / deviation) if deviation > 0 else 0.0
        if FAR < reach < np.inf and column.nunique() > 2:  # a rarely true column has far values by its nature
            found.append((name, reach))
    return found
