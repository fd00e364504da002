"""What the checks need to know of the data, as plain numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Task = Literal["classification", "regression"]
STEP_WEIGHTS = ("ramp", "last_steps")
"""Weights of the steps of a sequence, by name; `fitdash.data.tables.row_weights` computes them."""


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """The data of an experiment in numbers, told by whoever loaded it.

    Attributes:
        rows: Samples, before any split.
        task: What is learned: a class or a number.
        classes: Name of each class in the order of its index; None for numbers.
        counts: Samples of each class; where each step has a label, samples in which it is the most common one.
        label_counts: Labels of each class, where a sample has several; None: as `counts`.
        first_rows: Row at which each class comes first.
        last_rows: Row at which each class comes last.
        features: Columns that the network is given.
        columns: Every column of the data that holds numbers.
        weights: Those that may be the sample_weight: 0 or more in every row, above it in one.
        step_weights: Names of weights that each step has, the same in every sample.
        inputs: Numbers that the network receives for a sample, or for a step of it, text columns spread out; None
            while unknown.
        steps: Steps of a sample, each with a label; None where a sample is one row of numbers.
        image: Height and width, where the inputs are the pixels of an image.
        parts: Name and numbers of each input, where there are several.
        outputs: Name of each target, where there are several.
        has_feed: The data yields batches itself.
        validation_rows: Rows of the file that is validated on; None without one.
        validation_weights: Columns of that file that can weigh its rows.
        overlap: Rows of it that are training rows too.
        rising: A column that only goes up, or only down, with the rows, as time does.
        dates: A column of dates, in whatever order.
        sorted_target: The target is a number and does so.
        far: Columns with a value far from all others, and how many standard deviations it lies from their mean.
    """

    rows: int
    task: Task = "classification"
    classes: tuple[str, ...] | None = None
    counts: tuple[int, ...] | None = None
    label_counts: tuple[int, ...] | None = None
    first_rows: tuple[int, ...] | None = None
    last_rows: tuple[int, ...] | None = None
    features: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    step_weights: tuple[str, ...] = ()
    inputs: int | None = None
    steps: int | None = None
    image: tuple[int, int] | None = None
    parts: tuple[tuple[str, int], ...] = ()
    outputs: tuple[str, ...] = ()
    has_feed: bool = False
    validation_rows: int | None = None
    validation_weights: tuple[str, ...] = ()
    overlap: int = 0
    rising: str | None = None
    dates: str | None = None
    sorted_target: bool = False
    far: tuple[tuple[str, float], ...] = ()

    @property
    def class_count(self) -> int | None:
        """How many classes there are; None for numbers."""
        return None if self.classes is None else len(self.classes)

    @property
    def labels(self) -> tuple[int, ...]:
        """How many labels of each class there are: rows, or steps of rows; none for numbers."""
        return self.label_counts or self.counts or ()

    def classes_without(self, start: int, stop: int) -> list[str]:
        """Names of the classes that no row of [start, stop) has; start is 0 or stop is the end."""
        if self.classes is None or self.first_rows is None or self.last_rows is None:
            return []
        spans = zip(self.classes, self.first_rows, self.last_rows, strict=True)
        return [name for name, first, last in spans if first >= stop or last < start]


def balanced_class_weight(counts: tuple[int, ...]) -> dict[int, float]:
    """The class_weight that "balanced" means: every class counts the same in sum, a row 1 on average.

    Source: scikit-learn `compute_class_weight`: rows / (classes * rows of the class).
    """
    present = [count for count in counts if count]
    return {index: sum(present) / (len(present) * count) for index, count in enumerate(counts) if count}


def class_shares(counts: tuple[int, ...], weights: Mapping[int, float]) -> tuple[float, ...]:
    """How much of the training loss each class makes up, from 0 to 1: its rows times its weight, of all of them.

    Args:
        counts: Rows of each class.
        weights: By class; one that is left out weighs 1.
    """
    parts = [count * weights.get(index, 1.0) for index, count in enumerate(counts)]
    whole = sum(parts)
    return tuple(part / whole if whole else 0.0 for part in parts)
