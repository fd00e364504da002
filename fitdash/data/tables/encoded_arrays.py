"""Encodes columns as the arrays of x and y: steps in an axis of their own, several inputs or targets by name."""

from typing import Any, Literal

import numpy as np
import pandas as pd

from fitdash.data.tables.dataset import Dataset
from fitdash.data.tables.encoders import TableEncoder

Array = np.ndarray[Any, Any]
Form = Literal["number", "index", "one_hot"]


def encode_inputs(dataset: Dataset, columns: TableEncoder, table: pd.DataFrame) -> Any:
    """(n, inputs) float32; of sequences (n, steps, inputs); of several inputs a dict of (n, inputs).

    Args:
        dataset: Its steps, parts and targets decide the shape.
        columns: The learned encoders.
        table: The rows.

    Raises:
        DataError: a column is missing, or holds text where numbers were learned.
    """
    numbers = columns.encode(table)
    if dataset.steps:
        return numbers.reshape(len(table), dataset.steps, -1)
    if not dataset.parts:
        return numbers
    places = {name: place for place, name in enumerate(columns.names)}
    return {part: numbers[:, [places[n] for n in names if n in places]] for part, names in dataset.parts.items()}


def encode_targets(dataset: Dataset, columns: TableEncoder, table: pd.DataFrame, form: Form) -> Any:
    """Targets as `TargetEncoder.encode` gives them; of sequences with an axis of steps; of several targets a dict.

    Raises:
        DataError: a class is unknown, or a column holds text where numbers were learned.
    """
    if dataset.step_targets:
        return np.stack([columns.target.encode(table[name], form) for name in dataset.step_targets], axis=1)
    if dataset.targets:
        return {one.name: one.encode(table[one.name], form) for one in (columns.target, *columns.more_targets)}
    return columns.target.encode(table[dataset.target_name], form)


def take_rows(structure: Any, rows: Array) -> Any:
    """These rows of an array, or of each array of a dict."""
    if isinstance(structure, dict):
        return {name: part[rows] for name, part in structure.items()}
    return structure[rows]
