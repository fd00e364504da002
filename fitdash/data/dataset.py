"""Named data: columns as they came, one of them the target."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from fitdash.data.target import class_names, codes_of
from fitdash.errors import DataError, SettingError
from fitdash.spec.arg import problems_in
from fitdash.spec.facts import STEP_WEIGHTS, Facts, Task, cut
from fitdash.spec.fit import FitArgs, HoldOut


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Data to train on, nothing learned from it yet.

    Attributes:
        name: What people call it.
        table: All columns, (n, columns).
        target_name: The column to predict.
        inputs: The columns to predict it from.
        task: Whether the target is a class or a number.
        classes: Name of each class in the order of its index; None for numbers.
        image_shape: Height and width, where the inputs are the pixels of an image.
        steps: How many steps a row has, where it is a sequence; its inputs stand step after step.
        step_targets: The column of each step's class, where a row is a sequence; `target_name` is then the most
            common one of the row.
        parts: The input columns of each input, where there are several.
        targets: The columns to predict, where there are several; `target_name` is the first.
        line: One sentence of what it is.
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
        """Every column that is to be predicted, or follows from those."""
        return (self.target_name, *self.step_targets, *self.targets)

    @cached_property
    def numeric_columns(self) -> tuple[str, ...]:
        """The columns that hold numbers, beside the targets."""
        numeric = self.table.select_dtypes(["number", "bool"]).columns
        return tuple(str(name) for name in numeric if name not in self.predicted)

    @cached_property
    def weight_columns(self) -> tuple[str, ...]:
        """The columns that can be a sample_weight: numbers from 0 up; where inputs belong together, none of them."""
        fixed = self.inputs if self.image_shape or self.steps or self.parts else ()
        return tuple(name for name in self.numeric_columns if name not in fixed and _can_weigh(self.table[name]))

    @cached_property
    def signs(self) -> dict[str, Any]:
        """Fields of the facts that tell of an order in time, and of values far from all others."""
        from fitdash.data.signs import signs_of

        return signs_of(self)

    def arrays(
        self,
        validation_split: float = 0.0,
        *,
        train: Any = None,
        one_hot: bool = False,
        sample_weight: str | None = None,
    ) -> tuple[Any, ...]:
        """All rows as x and y for `fit`: numbers standardised, gaps filled, words spread out.

        Args:
            validation_split: What `fit` will be given; what it holds out is not looked at here.
            train: Indices of the training rows, the only ones that are looked at; in place of validation_split.
            one_hot: y as one column per class, for losses that compare those.
            sample_weight: A column that is no input but says how much each row counts, or an expression such as
                "above(age, 40, 3)" or "upload(weights.csv)"; of sequences also the name of weights of the steps,
                "ramp" or "last_steps".

        Returns:
            x (n, inputs) float32, of sequences (n, steps, inputs), of several inputs a dict of them; y (n,) int64
            class indices, (n, classes) float32, or (n, 1) float32 standardised numbers, of sequences with an axis of
            steps after the first, of several targets a dict; where sample_weight is given, also (n,) or (n, steps)
            float32 weights.

        Raises:
            SettingError: validation_split leaves no training rows, or is no share.
            DataError: sample_weight names no column of weights.
        """
        from fitdash.data.columns import learn_columns
        from fitdash.data.shaped import inputs_of, targets_of
        from fitdash.data.weighing import weights_of

        rows = self._training_rows(validation_split, train)
        weights = [] if sample_weight is None else [weights_of(self, sample_weight, train=rows)]
        columns = learn_columns(self, rows, without=sample_weight)
        y = targets_of(self, columns, self.table, "one_hot" if one_hot else "index")
        return inputs_of(self, columns, self.table), y, *weights

    def hold_out(
        self, share: float = 0.2, kind: str = "stratified", seed: int = 0, rows: int | None = None
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Indices of the rows to train on and of those to validate on, each in the order of the data.

        Args:
            share: How many are held out, from 0 to 1.
            kind: "stratified" takes the same share of every class, "random" any rows, "last" the last ones.
            seed: Of the choice; the global generators are left alone.
            rows: How many of the last rows, in place of a share.

        Raises:
            SettingError: share, kind or rows cannot be.
            DataError: one of the parts would be empty.
        """
        from fitdash.data.holdout import split_rows

        held = HoldOut(kind=cast(Any, kind), share=share, rows=rows)
        if problems := problems_in(held):
            raise SettingError("\n".join(problem.text for problem in problems))
        return split_rows(self, FitArgs(validation_data=held), seed)

    def with_file(self, path: str | PathLike[str], sample_weight: str | None = None) -> tuple[Any, ...]:
        """The data with the rows of a second CSV file below its own, to validate on; and the indices of both.

        Args:
            path: Of the file; it has the same columns.
            sample_weight: A column of the file that says how much each of its rows counts.

        Returns:
            The data, the indices of its own rows and of those of the file; where sample_weight is given, also the
            weights of the latter, (n,) float32.

        Raises:
            DataError: it cannot be read, or does not fit this data.
        """
        from fitdash.data.joining import joined
        from fitdash.data.table import read_table

        name = Path(path).name
        more = read_table(Path(path).read_bytes(), name).frame
        both = joined(self, more, name)
        weights = [] if sample_weight is None else [more[sample_weight].to_numpy(dtype=np.float32)]
        return both.dataset, both.train, both.validation, *weights

    def weights(self, sample_weight: str) -> np.ndarray[Any, Any]:
        """How much each row counts, (n,) float32, or each step of it, (n, steps).

        Args:
            sample_weight: As in `arrays`.

        Raises:
            DataError: it says no weights.
        """
        from fitdash.data.weighing import weights_of

        return weights_of(self, sample_weight)

    def balanced_weights(self, validation_split: float = 0.0, *, train: Any = None) -> dict[int, float]:
        """The class_weight that makes all classes count the same among the training rows.

        Args:
            validation_split, train: As in `arrays`.

        Raises:
            DataError: the target is a number.
        """
        from fitdash.data.weighing import balanced_weights

        return balanced_weights(self, self._training_rows(validation_split, train))

    def _training_rows(self, validation_split: float, train: Any) -> np.ndarray[Any, Any]:
        if train is not None:
            return np.asarray(train)
        rows = cut(len(self), validation_split) if 0 <= validation_split < 1 else 0
        if not rows:
            raise SettingError(f"validation_split must be from 0 to below 1 and leave rows, got {validation_split}.")
        return np.arange(rows)

    def facts(self, inputs: int | None = None) -> Facts:
        """The data in numbers, for the checks of the settings.

        Args:
            inputs: Numbers that the network receives for a sample; None counts them where no column is text.
        """
        if inputs is None and set(self.inputs) <= set(self.numeric_columns):
            inputs = len(self.inputs)
        shared: dict[str, Any] = {
            "rows": len(self),
            "task": self.task,
            "features": self.inputs,
            "columns": self.numeric_columns,
            "weights": self.weight_columns,
            "step_weights": STEP_WEIGHTS if self.steps else (),
            "inputs": inputs if inputs is None or not self.steps else inputs // self.steps,
            "steps": self.steps,
            "image": self.image_shape if self.image_shape and len(self.inputs) == math.prod(self.image_shape) else None,
            "parts": tuple((name, len(columns)) for name, columns in self.parts.items()),
            "outputs": self.targets,
            **self.signs,
        }
        if self.classes is None:
            return Facts(**shared)
        spans = [np.flatnonzero(self.codes == index) for index in range(len(self.classes))]
        labels = np.bincount(self.labels.ravel(), minlength=len(self.classes))
        return Facts(
            **shared,
            classes=self.classes,
            label_counts=tuple(int(count) for count in labels) if self.step_targets else None,
            counts=tuple(len(span) for span in spans),
            first_rows=tuple(int(span[0]) for span in spans),
            last_rows=tuple(int(span[-1]) for span in spans),
        )


def make_dataset(name: str, table: pd.DataFrame, target: str, task: Task, **more: Any) -> Dataset:
    """A data set whose inputs are all columns but the target, unless `inputs` is given."""
    predicted = (target, *more.get("targets", ()), *more.get("step_targets", ()))
    inputs = more.pop("inputs", None) or tuple(str(column) for column in table.columns if column not in predicted)
    classes = class_names(table[target]) if task == "classification" else None
    return Dataset(name=name, table=table, target_name=target, inputs=inputs, task=task, classes=classes, **more)


def with_features(dataset: Dataset, features: tuple[str, ...] | None) -> tuple[str, ...]:
    """The input columns after a choice of them.

    Raises:
        DataError: a chosen column is not there, or is the target.
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
