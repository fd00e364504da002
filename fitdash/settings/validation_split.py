"""Where the validation rows begin, how many rows of each class are held out, and the refusal of a part without rows."""

import math

from fitdash.errors import SettingError


def validation_start(rows: int, share: float) -> int:
    """Index of the first validation row: training is [0, start), validation [start, rows), before any shuffling.

    Computed in floating point: 10 rows at 0.8 give 1, because 1 − 0.8 is below 0.2.

    Source: R keras `fit`, validation_split: the last samples; Keras 3 `train_validation_split`: floor(n * (1 - share)).
    """
    return math.floor(rows * (1 - share))


def count_stratified_rows(counts: tuple[int, ...], share: float) -> tuple[int, ...]:
    """Rows of each class that are held out: its share, and one of each class stays in both parts if it can."""
    held = (count - validation_start(count, share) for count in counts)
    return tuple(min(max(part, 1), count - 1) if count > 1 else 0 for part, count in zip(held, counts, strict=True))


def describe_empty_part(name: str, value: float, rows: int, training: int) -> str | None:
    """The sentence that refuses a split with an empty part; None if both parts have rows.

    Args:
        name: Argument that splits the rows: validation_split or validation_data.
        value: Its share of the rows, or its number of rows.
        rows: Of the data.
        training: Rows left for training.
    """
    if 0 < training < rows:
        return None
    empty = "validation" if training else "training"
    return f"{name} must leave rows in both parts, got {value} of {rows} samples, which leaves none for {empty}."


def refuse_empty_part(name: str, value: float, rows: int, training: int) -> None:
    """Refuse a split with an empty part.

    Args:
        name, value, rows, training: As `describe_empty_part` takes them.

    Raises:
        SettingError: no row is left for training, or none for validation.
    """
    if (text := describe_empty_part(name, value, rows, training)) is not None:
        raise SettingError(text)
