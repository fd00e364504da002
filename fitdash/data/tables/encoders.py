"""Encoders of raw columns: learned from the training rows alone, kept as JSON, used again by `predict`.

Numbers are filled with their median and standardised, booleans count as 0 and 1, text becomes one column per word.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import pandas as pd

from fitdash.data.tables.dataset import Dataset
from fitdash.data.tables.target import codes_of
from fitdash.errors import DataError

Array = np.ndarray[Any, Any]
MOST_LEVELS = 50
"""Most words that a text column keeps: the most common ones."""


@dataclass(frozen=True, kw_only=True)
class NumberEncoder:
    """Encoder of a numeric column: gaps take the median, then (value - mean) / scale."""

    name: str
    median: float
    mean: float
    scale: float

    @property
    def names(self) -> list[str]:
        return [self.name]

    def encode(self, column: pd.Series) -> Array:
        """(n, 1) float32."""
        values = _finite(column)
        filled = np.where(np.isnan(values), self.median, values)
        return ((filled - self.mean) / self.scale).astype(np.float32)[:, None]


@dataclass(frozen=True, kw_only=True)
class TextEncoder:
    """One-hot encoder of a text column: zeros for a gap or a word that no training row has."""

    name: str
    levels: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        return [f"{self.name} = {level}" for level in self.levels]

    def encode(self, column: pd.Series) -> Array:
        """(n, levels) float32."""
        words = column.astype("str").to_numpy(dtype=object)
        return np.stack([words == level for level in self.levels], axis=1).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class TargetEncoder:
    """Encoder of the target: the names of its classes, or the mean and scale of its numbers."""

    name: str
    classes: tuple[str, ...] | None = None
    mean: float = 0.0
    scale: float = 1.0

    def encode(self, column: pd.Series, form: Literal["number", "index", "one_hot"]) -> Array:
        """(n, 1) float32 numbers, (n,) int64 class indices, or (n, classes) float32."""
        if self.classes is None:
            return ((_finite(column) - self.mean) / self.scale).astype(np.float32)[:, None]
        codes = codes_of(column, self.classes)
        return np.eye(len(self.classes), dtype=np.float32)[codes] if form == "one_hot" else codes

    def decode(self, numbers: Array) -> Array:
        """Predicted numbers in the unit of the column."""
        return np.asarray(numbers) * self.scale + self.mean


@dataclass(frozen=True, kw_only=True)
class TableEncoder:
    """Encoders of all columns of a data set.

    Attributes:
        inputs: Encoders of the input columns in their order.
        target: Encoder of the column to predict.
        more_targets: Encoders of further targets, if there are several.
        left_out: Reason why a column is not used, by its name.
        rows: Number of training rows that they were learned from.
        gaps: Missing values among them, over all numeric columns.
    """

    inputs: tuple[NumberEncoder | TextEncoder, ...]
    target: TargetEncoder
    left_out: Mapping[str, str]
    rows: int
    gaps: int
    more_targets: tuple[TargetEncoder, ...] = ()

    @property
    def names(self) -> list[str]:
        """Names of the numbers that the network receives."""
        return [name for column in self.inputs for name in column.names]

    @property
    def line(self) -> str:
        """One sentence that describes the encoding."""
        numbers = sum(isinstance(column, NumberEncoder) for column in self.inputs)
        texts = [column for column in self.inputs if isinstance(column, TextEncoder)]
        parts = [f"{_count(numbers, 'number column')} standardised"] if numbers else []
        parts += [f"{_count(self.gaps, 'gap')} filled with the median"] if self.gaps else []
        if texts:
            places = _count(sum(len(column.levels) for column in texts), "column")
            parts.append(f"{_count(len(texts), 'text column')} spread over {places} of 0 and 1")
        parts += ["target standardised"] if self.target.classes is None else []
        parts += [f"'{name}' left out ({why})" for name, why in list(self.left_out.items())[:5]]
        parts += [f"{len(self.left_out) - 5} more left out"] if len(self.left_out) > 5 else []
        return f"{', '.join(parts)}; learned from {_count(self.rows, 'training row')}."

    def encode(self, table: pd.DataFrame) -> Array:
        """The inputs as numbers, (n, names) float32.

        Raises:
            DataError: a column is missing, or holds text where numbers were learned.
        """
        if missing := [column.name for column in self.inputs if column.name not in table.columns]:
            raise DataError(f"The data must have the column {missing[0]!r}, got {', '.join(map(str, table.columns))}.")
        return np.concatenate([column.encode(table[column.name]) for column in self.inputs], axis=1)

    def to_json(self) -> str:
        """The encoders as JSON; floats are restored to the last bit."""
        return json.dumps({"version": 1} | asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The encoders that `to_json` wrote.

        Raises:
            DataError: the text is not its output.
        """
        try:
            plain = json.loads(text)
            inputs = tuple(
                TextEncoder(name=column["name"], levels=tuple(column["levels"]))
                if "levels" in column
                else NumberEncoder(**column)
                for column in plain.pop("inputs")
            )
            target, *more = (_target_from(one) for one in (plain.pop("target"), *plain.pop("more_targets", ())))
            if plain.pop("version") == 1:
                return cls(inputs=inputs, target=target, more_targets=tuple(more), **plain)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"The columns must be what fitdash wrote, got {text[:40]!r}.") from error
        raise DataError("The columns must be of version 1. A newer fitdash wrote them: update this one.")


def learn_encoders(dataset: Dataset, rows: Array, without: str | None = None) -> TableEncoder:
    """Learn the encoders of the columns of a data set.

    Args:
        dataset: The data.
        rows: Indices of the training rows, the only ones that are learned from; class names come from all rows, so that
            every class has its index.
        without: A column that is not an input: the sample_weight.

    Raises:
        DataError: no column is left to learn from.
    """
    learned: list[NumberEncoder | TextEncoder] = []
    left_out: dict[str, str] = {}
    gaps = 0
    for name in dataset.inputs:
        if name == without:
            continue
        part = dataset.table[name].iloc[rows]
        column: NumberEncoder | TextEncoder | None
        if pd.api.types.is_numeric_dtype(part.dtype):
            column, reason = _learn_number(name, _finite(part))
            gaps += int(np.isnan(_finite(part)).sum()) if column else 0
        else:
            column, reason = _learn_text(name, part)
        if column is None:
            left_out[name] = reason
        else:
            learned.append(column)
    if not learned:
        reasons = ", ".join(f"'{name}' {why}" for name, why in list(left_out.items())[:5])
        raise DataError(f"{dataset.name} must have a column to learn from, got none: {reasons or 'no input column'}.")
    if dataset.steps:
        learned = _alike(learned, dataset.steps)
    target, *more = (_learn_target(dataset, name, rows) for name in dataset.targets or (dataset.target_name,))
    return TableEncoder(
        inputs=tuple(learned),
        target=target,
        left_out=left_out,
        rows=len(rows),
        gaps=gaps,
        more_targets=tuple(more),
    )


def _alike(columns: list[Any], steps: int) -> list[Any]:
    """Encoders with one mean and scale for all steps of a sequence, whose steps have columns of their own."""
    width = len(columns) // steps
    alike = []
    for place, column in enumerate(columns):
        same = columns[place % width :: width]
        mean = float(np.mean([one.mean for one in same]))
        scale = float(np.sqrt(np.mean([one.scale**2 + (one.mean - mean) ** 2 for one in same])))
        alike.append(replace(column, mean=mean, scale=scale))
    return alike


def _learn_number(name: str, values: Array) -> tuple[NumberEncoder | None, str]:
    if np.isnan(values).all():
        return None, "is empty"
    median = float(np.nanmedian(values))
    filled = np.where(np.isnan(values), median, values)
    return NumberEncoder(name=name, median=median, mean=float(filled.mean()), scale=_scale(filled)), ""


def _learn_text(name: str, part: pd.Series) -> tuple[TextEncoder | None, str]:
    counts = part.dropna().astype("str").value_counts()
    if counts.empty:
        return None, "is empty"
    if len(counts) > max(MOST_LEVELS, len(part) / 2) or (len(counts) == len(part) > 2):
        return None, f"has {len(counts)} different texts"
    common = sorted(counts.index, key=lambda level: (-counts[level], level))[:MOST_LEVELS]
    return TextEncoder(name=name, levels=tuple(sorted(common))), ""


def _learn_target(dataset: Dataset, name: str, rows: Array) -> TargetEncoder:
    if dataset.classes is not None:
        return TargetEncoder(name=name, classes=dataset.classes)
    values = _finite(dataset.table[name].iloc[rows])
    return TargetEncoder(name=name, mean=float(values.mean()), scale=_scale(values))


def _target_from(plain: Mapping[str, Any]) -> TargetEncoder:
    classes = None if plain["classes"] is None else tuple(plain["classes"])
    return TargetEncoder(**{**plain, "classes": classes})


def _scale(values: Array) -> float:
    """The standard deviation; 1 if all values are the same, the largest value if squares would overflow."""
    largest = float(np.abs(values).max())
    deviation = largest if largest > 1e150 else float(values.std())
    return deviation if deviation > 1e-12 * largest else 1.0


def _finite(column: pd.Series) -> Array:
    """(n,) float64, NaN for values that are not finite numbers."""
    try:
        values = np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    except (ValueError, TypeError) as error:
        raise DataError(f"The column {str(column.name)!r} must hold numbers, got {column.iloc[0]!r}.") from error
    return np.where(np.isfinite(values), values, np.nan)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"
