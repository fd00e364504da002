"""`DataFacts`, what the checks of settings need of the data, and the weights of balanced classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Task = Literal["classification", "regression"]
STEP_WEIGHTS = ("ramp", "last_steps")
"""Names of weights of the steps of a sequence; `fitdash.data.tables.row_weights` computes them."""


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """Facts of the data of an experiment, computed where the data is loaded.

    Attributes:
        rows: Samples, before any split.
        task: Classification or regression.
        classes: Name of each class in the order of its index; None for numbers.
        counts: Samples of each class; if each step has a label, samples in which the class is the most common one.
        label_counts: Labels of each class, if a sample has several; None: as `counts`.
        first_rows: First row of each class.
        last_rows: Last row of each class.
        features: Input columns of the network.
        columns: Every numeric column of the data that is not a target.
        weights: Those that may be the sample_weight: 0 or more in every row, above 0 in one.
        step_weights: Names of weights of steps, the same in every sample.
        inputs: Numbers that the network receives for a sample, or for a step of it, text columns one-hot encoded;
            None while unknown.
        steps: Steps of a sample, each with a label; None if a sample is one row of numbers.
        image: Height and width, if the inputs are the pixels of an image.
        parts: Name and numbers of each input, if there are several.
        outputs: Name of each target, if there are several.
        has_feed: True if x yields batches itself.
        validation_rows: Rows of the validation file; None without one.
        validation_weights: Columns of that file that can weigh its rows.
        overlap: Number of its rows that are training rows too.
        rising: A column that only rises, or only falls, with the rows, as time does.
        dates: A column of dates, in any order.
        sorted_target: True if the target is a number and only rises, or only falls, with the rows.
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
        """Number of classes; None for numbers."""
        return None if self.classes is None else len(self.classes)

    @property
    def labels(self) -> tuple[int, ...]:
        """Number of labels of each class: rows, or steps of rows; empty for numbers."""
        return self.label_counts or self.counts or ()

    def classes_without(self, start: int, stop: int) -> list[str]:
        """Names of the classes without a row in [start, stop); start must be 0 or stop the number of rows."""
        if self.classes is None or self.first_rows is None or self.last_rows is None:
            return []
        spans = zip(self.classes, self.first_rows, self.last_rows, strict=True)
        return [name for name, first, last in spans if first >= stop or last < start]


def balanced_class_weight(counts: tuple[int, ...]) -> dict[int, float]:
    """The class_weight that "balanced" means: equal total weight of every class, 1 on average per row.

    Args:
        counts: Labels of each class; a class without any gets no weight.

    Source: scikit-learn `compute_class_weight`: rows / (classes * rows of the class).
    """
    present = [count for count in counts if count]
    return {index: sum(present) / (len(present) * count) for index, count in enumerate(counts) if count}


def class_shares(counts: tuple[int, ...], weights: Mapping[int, float]) -> tuple[float, ...]:
    """Share of each class in the total weight of the training loss, 0–1: its rows times its weight.

    Args:
        counts: Rows of each class.
        weights: Weight by class; a class left out weighs 1.
    """
    parts = [count * weights.get(index, 1.0) for index, count in enumerate(counts)]
    whole = sum(parts)
    return tuple(part / whole if whole else 0.0 for part in parts)
