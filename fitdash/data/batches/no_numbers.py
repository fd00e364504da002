"""Says of data that cannot be trained on what it holds, where, and how it becomes numbers."""

import datetime
import numbers
from typing import Any

import numpy as np

from fitdash.errors import DataError

NESTED = (list, tuple, np.ndarray)
PADDED = "Pad them: torch.nn.utils.rnn.pad_sequence makes one array of tensors of different lengths."


def refuse_columns(frame: Any, name: str, *, is_series: bool = False) -> None:
    """Refuse a frame with a column that holds no numbers, by the column and its dtype as pandas calls it.

    Raises:
        DataError: with a remedy.
    """
    for place, kind in enumerate(frame.dtypes):
        if getattr(kind, "kind", "O") in "fiub":
            continue
        column = frame.iloc[:, place]
        values = column.to_numpy()
        if values.dtype.kind in "fiub":  # a category of numbers, say
            continue
        at = "" if is_series else f" in the column {frame.columns[place]!r}"
        here = _code(name) if is_series else f"{_code(name)}[{frame.columns[place]!r}]"
        found, remedy = _described(values, here, name)
        if not is_series and found.is_text and not _is_target(name):
            remedy = f"Pass pd.get_dummies({_code(name)}), which makes a column for each word."
        if not is_series and remedy.startswith("Pass") and remedy.endswith(".astype(float)."):
            remedy = f"Pass {_code(name)}.astype({{{frame.columns[place]!r}: float}})."
        text = "text of " if found.is_text else ""
        raise DataError(f"{name} must hold real numbers, got {text}dtype {kind}{at}{found.example}. {remedy}")


def refuse_array(array: np.ndarray[Any, Any], name: str) -> None:
    """Refuse an array of another kind than numbers.

    Raises:
        DataError: with a remedy.
    """
    found, remedy = _described(array, _code(name), name)
    text = "text of " if found.is_text else ""
    raise DataError(f"{name} must hold real numbers, got {text}dtype {_short_dtype(array)}{found.example}. {remedy}")


def refuse_masked(value: Any, name: str) -> None:
    """Refuse a masked array in which something is masked: the numbers below the mask would be trained on.

    Raises:
        DataError: with the first row.
    """
    mask = np.ma.getmaskarray(value)
    if mask.any():
        row = int(np.argwhere(mask)[0, 0]) if mask.ndim else 0
        raise DataError(
            f"{name} must have a number in each place, got a masked one in row {row}. Pass {_code(name)}.filled(0)."
        )


def ragged_error(value: Any, name: str) -> DataError:
    """The error for rows that make no array."""
    lengths = [len(row) if hasattr(row, "__len__") else -1 for row in value]
    other = next((i for i, length in enumerate(lengths) if length != lengths[0]), None)
    found = "rows of different lengths"
    if other is not None and min(lengths[0], lengths[other]) >= 0:
        found += f": {_values(lengths[0])} in row 0 and {_values(lengths[other])} in row {other}"
    return DataError(f"{name} must be a rectangular array, got {found}. {PADDED}")


class _Found:
    """What values that are no numbers are.

    Attributes:
        example: The first one with its row, as the end of a clause.
    """

    def __init__(self, example: str = "", *, is_text: bool = False) -> None:
        self.example, self.is_text = example, is_text


def _described(array: np.ndarray[Any, Any], code: str, name: str) -> tuple[_Found, str]:
    """What an array holds, and the remedy."""
    kind = array.dtype.kind
    if kind in "US" or kind == "T":
        return _Found(f", such as {_shown(array.flat[0])} in row 0" if array.size else "", is_text=True), _for_text(
            code
        )
    if kind == "M":
        return _Found(), f"Turn dates into days: ({code} - {code}.min()) / np.timedelta64(1, 'D')."
    if kind == "m":
        return _Found(), f"Turn durations into days: {code} / np.timedelta64(1, 'D')."
    if kind == "c":
        return _Found(), f"Pass both parts: np.stack([{code}.real, {code}.imag], -1)."
    if kind == "V":
        return _Found(", whose fields have names"), f"Pass numpy.lib.recfunctions.structured_to_unstructured({code})."
    if kind == "O":
        return _of_objects(array, code)
    return _Found(), "Encode text, dates and objects as numbers."


def _of_objects(array: np.ndarray[Any, Any], code: str) -> tuple[_Found, str]:
    """What an array of objects holds: numbers all the same, or the first value that is none."""
    missing: tuple[int, Any] | None = None
    width = array.size // len(array) if len(array) else 1
    for place, value in enumerate(array.flat):
        if isinstance(value, (numbers.Real, np.bool_)):
            continue
        row = place // max(width, 1)
        if value is None or type(value).__name__ in ("NAType", "NaTType"):
            missing = missing or (row, value)
            continue
        return _of_object(array, value, row, code)
    if missing is None:
        return _Found(", whose values are all numbers"), f"Pass {code}.astype(float)."
    row, value = missing
    filled = f"{code}.fillna(0).astype(float)" if "[" in code else f"pd.DataFrame({code}).fillna(0).astype(float)"
    return _Found(f", with {value} in row {row}"), f"Fill what is missing: {filled}."


def _of_object(array: np.ndarray[Any, Any], value: Any, row: int, code: str) -> tuple[_Found, str]:
    if isinstance(value, (str, bytes)):
        return _Found(f", such as {_shown(value)} in row {row}", is_text=True), _for_text(code)
    if isinstance(value, NESTED) or hasattr(value, "shape"):
        shapes = {np.shape(part) for part in array.flat if isinstance(part, NESTED) or hasattr(part, "shape")}
        what = f", with a {type(value).__name__} in row {row}"
        return _Found(what), f"Pass np.stack({code})." if len(shapes) == 1 else PADDED
    if isinstance(value, (datetime.date, datetime.datetime)):
        days = f"pd.to_datetime({code})"
        return _Found(f", with a date in row {row}"), f"Turn dates into days: ({days} - {days}.min()).days."
    if isinstance(value, numbers.Complex):
        return _Found(f", with {value} in row {row}"), f"Pass both parts: np.stack([{code}.real, {code}.imag], -1)."
    return _Found(f", with a {type(value).__name__} in row {row}"), "Encode text, dates and objects as numbers."


def _for_text(code: str) -> str:
    return f"Make the words whole numbers: np.unique({code}, return_inverse=True)[1]."


def _code(name: str) -> str:
    """The array in the user's code: "validation y" is y."""
    return name.removeprefix("validation ")


def _is_target(name: str) -> bool:
    return _code(name).startswith("y")


def _short_dtype(array: np.ndarray[Any, Any]) -> str:
    text = str(array.dtype)
    return text if len(text) <= 60 else text[:57] + "…"


def _shown(value: Any) -> str:
    text = repr(str(value)) if isinstance(value, np.str_) else repr(value)
    return text if len(text) <= 40 else text[:36] + "…'"


def _values(length: int) -> str:
    return "1 value" if length == 1 else f"{length} values"
