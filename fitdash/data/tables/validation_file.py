"""A second file to validate on: its rows, appended to those of the data by column name."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fitdash.data.tables.dataset import Dataset
from fitdash.data.tables.target import class_names
from fitdash.data.tables.upload import read_upload
from fitdash.errors import DataError
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.fit import FitArgs
from fitdash.settings.validation_data import HoldOut

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Joined:
    """The data and the validation file as one data set.

    Attributes:
        dataset: The rows of the data, then those of the file.
        train, validation: Indices of the rows of the data, and of those of the file.
    """

    dataset: Dataset
    train: Array
    validation: Array


def join_validation_rows(
    dataset: Dataset, more: pd.DataFrame, name: str = "The file", *, without: str | None = None
) -> Joined:
    """The data set with the rows of a file appended.

    Args:
        dataset: The training data; the file may have no other classes.
        more: The rows to validate on; columns that the data does not have are dropped.
        name: Name of the file in messages.
        without: A column that is not an input: the sample_weight.

    Raises:
        DataError: a column is missing or of another type, or a target has gaps or an unknown class.
    """
    dataset = replace(dataset, inputs=tuple(column for column in dataset.inputs if column != without))
    needed = tuple(dict.fromkeys((*dataset.inputs, *dataset.predicted)))
    if missing := [column for column in needed if column not in more.columns]:
        raise DataError(
            f"{name} must have the columns of {dataset.name}, got a file without {missing[0]!r}. "
            f"Columns of the file: {', '.join(map(str, list(more.columns)[:20]))}."
        )
    for column in needed:
        _check(dataset, more[column], column, name)
    below = more.assign(**{column: more[column].astype("str") for column in needed if _is_text(dataset, column)})
    own = dataset.table
    table = pd.concat([own[list(needed)], below[list(needed)]], ignore_index=True)
    for column in own.columns:
        if column not in needed:
            table[column] = pd.concat([own[column], more.get(column, pd.Series([np.nan] * len(more)))]).to_numpy()
    rows = np.arange(len(table))
    return Joined(dataset=replace(dataset, table=table), train=rows[: len(own)], validation=rows[len(own) :])


def read_validation_file(held: HoldOut, uploads: Path | None) -> pd.DataFrame:
    """The rows of the stored file.

    Raises:
        DataError: the file is missing.
    """
    if uploads is None:
        raise DataError("A validation file must be kept here to be read, got no folder of uploads.")
    return read_upload(held.content or "", uploads, held.filename or "The validation file").frame


def add_validation_facts(facts: DataFacts, dataset: Dataset, fit: FitArgs, uploads: Path | None) -> DataFacts:
    """The facts with those of the validation file added, if there is one: rows, weight columns, overlap.

    Args:
        facts: Facts of the data.
        dataset: The data.
        fit: Its `sample_weight` is not an input, so the file needs no such column.
        uploads: The folder where uploads are kept.

    Raises:
        DataError: the file is missing, or does not fit the data.
    """
    held = fit.validation_data
    if held is None or held.kind != "upload" or held.content is None:
        return facts
    more = read_validation_file(held, uploads)
    both = join_validation_rows(dataset, more, held.filename or "The validation file", without=fit.sample_weight)
    return replace(
        facts,
        validation_rows=len(more),
        validation_weights=tuple(str(name) for name in more.columns if _can_weigh(more[name])),
        overlap=_overlap(both),
    )


def _check(dataset: Dataset, column: pd.Series, name: str, file: str) -> None:
    is_number = pd.api.types.is_numeric_dtype(column.dtype)
    if not _is_text(dataset, name) and not is_number:
        raise DataError(f"{name!r} of {file} must hold numbers, as in {dataset.name}, got {column.iloc[0]!r}.")
    if name not in dataset.predicted:
        return
    if gaps := int(column.isna().sum()):
        raise DataError(f"{name!r} of {file} must have a value in every row, got {gaps} gap{'s' * (gaps > 1)}.")
    classes = dataset.classes
    if classes is not None and (strange := [one for one in class_names(column) if one not in classes]):
        known = ", ".join(classes[:20])
        raise DataError(f"{name!r} of {file} must have the classes of {dataset.name} ({known}), got {strange[0]!r}.")


def _is_text(dataset: Dataset, name: str) -> bool:
    return not pd.api.types.is_numeric_dtype(dataset.table[name].dtype)


def _can_weigh(column: pd.Series) -> bool:
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return False
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return bool(np.isfinite(values).all() and (values >= 0).all() and values.any())


def _overlap(both: Joined) -> int:
    """Number of rows of the file that are training rows too."""
    columns = list(dict.fromkeys((*both.dataset.inputs, *both.dataset.predicted)))
    marks = pd.util.hash_pandas_object(both.dataset.table[columns], index=False).to_numpy()
    return int(np.isin(marks[both.validation], marks[both.train]).sum())
