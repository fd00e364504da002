"""`Dataset`: named columns as they were read, one of them the target."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from fitdash.data.tables.target import class_names, codes_of
from fitdash.errors import DataError
from fitdash.settings.data_facts import Task


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Raw data to train on; nothing is encoded yet.

    Attributes:
        name: Its name on screens and in messages.
        table: All columns, (n, columns).
        target_name: The column to predict.
        inputs: The columns to predict it from.
        task: Classification or regression.
        classes: Name of each class in the order of its index; None for numbers.
        image_shape: Height and width, if the inputs are the pixels of an image.
        steps: Time steps of a row, if it is a sequence; its input columns stand step after step.
        step_targets: The column of each step's class, if a row is a sequence; `target_name` then holds the row's most
            common class.
        parts: The columns of each input, if there are several inputs.
        targets: The columns to predict, if there are several; `target_name` is the first.
        line: One sentence that describes it.
    """

    name: str
    table: pd.DataFrame
    target_name: str
    inputs: tuple[str, ...]
    task: Task
    classes: tuple[str, ...] | None = None
    image_shape: tuple[int, int] | None = None
    steps: int | None = None
    step_targets: tuple[str, ...] = ()
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    line: str = ""

    def __len__(self) -> int:
        return len(self.table)

    @property
    def features(self) -> pd.DataFrame:
        """The input columns, raw: (n, features)."""
        return self.table[list(self.inputs)]

    @property
    def target(self) -> pd.Series:
        """The target column, raw: (n,)."""
        return self.table[self.target_name]

    @cached_property
    def codes(self) -> np.ndarray[Any, Any]:
        """Class index of each row, (n,) int64.

        Raises:
            DataError: the target is a number.
        """
        if self.classes is None:
            raise DataError(f"{self.name} must have classes for that, its target {self.target_name!r} is a number.")
        return codes_of(self.target, self.classes)

    @property
    def labels(self) -> np.ndarray[Any, Any]:
        """Class index of each row, (n,), or of each of its steps, (n, steps); int64.

        Raises:
            DataError: the target is a number.
        """
        if self.classes is None or not self.step_targets:
            return self.codes
        return np.stack([codes_of(self.table[name], self.classes) for name in self.step_targets], axis=1)

    @property
    def predicted(self) -> tuple[str, ...]:
        """Every column that is predicted: the target, the targets of steps, further targets."""
        return (self.target_name, *self.step_targets, *self.targets)

    @cached_property
    def numeric_columns(self) -> tuple[str, ...]:
        """The numeric columns that are not targets."""
        numeric = self.table.select_dtypes(["number", "bool"]).columns
        return tuple(str(name) for name in numeric if name not in self.predicted)

    @cached_property
    def weight_columns(self) -> tuple[str, ...]:
        """The columns that can be a sample_weight: numbers from 0 up, but no pixels, steps or parts of inputs."""
        fixed = self.inputs if self.image_shape or self.steps or self.parts else ()
        return tuple(name for name in self.numeric_columns if name not in fixed and _can_weigh(self.table[name]))


def make_dataset(name: str, table: pd.DataFrame, target: str, task: Task, **more: Any) -> Dataset:
    """A data set whose inputs are all columns but the targets, unless `inputs` is given."""
    predicted = (target, *more.get("targets", ()), *more.get("step_targets", ()))
    inputs = more.pop("inputs", None) or tuple(str(column) for column in table.columns if column not in predicted)
    classes = class_names(table[target]) if task == "classification" else None
    return Dataset(name=name, table=table, target_name=target, inputs=inputs, task=task, classes=classes, **more)


def select_features(dataset: Dataset, features: tuple[str, ...] | None) -> tuple[str, ...]:
    """The chosen input columns; all inputs for None.

    Raises:
        DataError: a chosen column is missing, or is the target.
    """
    if features is None:
        return dataset.inputs
    known = [str(name) for name in dataset.table.columns if name not in dataset.predicted]
    if strange := [name for name in features if name not in known]:
        raise DataError(f"features must name columns of {dataset.name}, got {strange[0]!r}. Columns: {_some(known)}.")
    return tuple(dict.fromkeys(features))


def _can_weigh(column: pd.Series) -> bool:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return bool(np.isfinite(values).all() and (values >= 0).all() and values.any())


def _some(names: list[str]) -> str:
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
