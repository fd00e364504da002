"""Dates as texts that sort in the order of time."""

import pandas as pd

IN_ORDER = r"\d{4}-\d{2}.*"
OTHERS = r"^(\d{1,2})[./-](\d{1,2})[./-](\d{4})(.*)$"
SAMPLED_ROWS = 100


def to_sortable_dates(column: pd.Series) -> pd.Series | None:
    """The dates of a column as texts that sort by time, 2026-03-31; gaps stay gaps. None if it holds anything else.

    A number above 12 decides which of the first two is the day; without one the first is, as in 31.3.2026.
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        return None
    known = column.dropna().astype("str")
    if known.head(SAMPLED_ROWS).str.fullmatch(IN_ORDER).all():
        return column
    parts = known.str.extract(OTHERS)
    if parts.isna().any(axis=None):
        return None
    first, second = (pd.to_numeric(parts[place]) for place in (0, 1))
    day, month = (second, first) if second.max() > 12 else (first, second)
    if month.max() > 12:
        return None
    months, days = (numbers.astype("str").str.zfill(2) for numbers in (month, day))
    return (parts[2] + "-" + months + "-" + days + parts[3]).reindex(column.index)
