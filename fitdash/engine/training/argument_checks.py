"""Checks of the arguments of `fit`, `evaluate` and `predict`; `Problems` reports all that is wrong in one error."""

import numbers
from collections.abc import Callable
from typing import Any, TypeVar

from fitdash import options
from fitdash.errors import DataError, FitdashError, SettingError

T = TypeVar("T")


class SeveralProblems(SettingError, DataError, TypeError):
    """Several problems in one error, of more than one class."""


_CLASSES = (SettingError, DataError, TypeError, FitdashError)


class Problems:
    """The errors of several checks, collected to be raised together."""

    def __init__(self) -> None:
        self.found: list[Exception] = []

    def checked(self, check: Callable[..., T], *args: Any, **kwargs: Any) -> T | None:
        """The result of a check; None, and the error is collected, where it fails."""
        try:
            return check(*args, **kwargs)
        except (FitdashError, TypeError) as error:
            self.found.append(error)
            return None

    def refuse(self) -> None:
        """Raise what was collected: a single error unchanged, several as one error of all their classes and texts."""
        if len(self.found) == 1:
            raise self.found[0]
        if self.found:
            classes = {next(known for known in _CLASSES if isinstance(error, known)) for error in self.found}
            kind = classes.pop() if len(classes) == 1 else SeveralProblems
            raise kind("\n".join(str(error) for error in self.found))


class ImpliedBatchSize(int):
    """A batch size that the user did not choose, so evaluation may put several such batches into one."""


def check_positive(name: str, value: Any) -> int | None:
    """A whole number from 1; None stays None.

    Raises:
        SettingError: anything else.
    """
    if value is None:
        return None
    if not _is_whole(value) or value < 1:
        raise SettingError(f"{name} must be a whole number from 1, got {value!r}.")
    return int(value)


def check_epoch_index(name: str, value: Any) -> int:
    """A whole number; 10.0 counts as one, as R writes them.

    Raises:
        TypeError: anything else.
    """
    if not _is_whole(value):
        raise TypeError(f"{name} must be a whole number, got {value!r}.")
    return int(value)


def check_validation_split(value: Any) -> float:
    """`validation_split` as a number from 0 and below 1.

    Raises:
        SettingError: anything else.
    """
    if not isinstance(value, numbers.Real) or not 0 <= float(value) < 1:
        raise SettingError(f"validation_split must be a share from 0 and below 1, got {value!r}.")
    return float(value)


def check_shuffle(value: Any) -> bool | str:
    """True, False or "batch".

    Raises:
        SettingError: anything else.
    """
    if isinstance(value, str) and value == "batch":
        return "batch"
    if type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    raise SettingError(f'shuffle must be True, False or "batch", got {value!r}.')


def check_verbose(value: Any, unset: Any = None) -> int:
    """0, 1 or 2 from those, True, False, "auto" or None.

    Args:
        value: As the user gave it.
        unset: What None means; None: `options.fit_verbose`.

    Raises:
        SettingError: anything else.
    """
    if value is None:
        value = options.fit_verbose if unset is None else unset
    if isinstance(value, str) and value == "auto":
        return 1
    if _is_whole(value, booleans=True) and value in (0, 1, 2):
        return int(value)
    raise SettingError(f'verbose must be 0, 1, 2 or "auto", got {value!r}.')


def check_view_metrics(value: Any) -> bool | str:
    """`view_metrics` as True, False or "auto"; None: `options.view_metrics`.

    Raises:
        SettingError: anything else.
    """
    value = options.view_metrics if value is None else value
    if isinstance(value, bool) or (isinstance(value, str) and value == "auto"):
        return value
    if _is_whole(value) and value in (0, 1):
        return bool(value)
    raise SettingError(f'view_metrics must be True, False or "auto", got {value!r}.')


def check_precision(value: Any) -> str:
    """`precision`: "float32" or "bfloat16".

    Raises:
        SettingError: anything else.
    """
    if value not in ("float32", "bfloat16"):
        raise SettingError(f'precision must be "float32" or "bfloat16", got {value!r}.')
    return str(value)


def check_validation_freq(value: Any) -> Callable[[int], bool]:
    """The function that says if an epoch (index from 0) is validated, from k (every k-th) or a list of epochs from 1.

    Raises:
        SettingError: anything else.
    """
    if isinstance(value, (list, tuple, set, frozenset, range)) and all(
        _is_whole(epoch) and epoch >= 1 for epoch in value
    ):
        chosen = frozenset(int(epoch) for epoch in value)
        return lambda epoch: epoch + 1 in chosen
    if not _is_whole(value) or value < 1:
        raise SettingError(f"validation_freq must be a whole number from 1 or a list of epochs from 1, got {value!r}.")
    every = int(value)
    return lambda epoch: (epoch + 1) % every == 0


def _is_whole(value: Any, *, booleans: bool = False) -> bool:
    if type(value).__name__ in ("bool", "bool_"):
        return booleans
    if isinstance(value, numbers.Integral):
        return True
    return isinstance(value, numbers.Real) and float(value).is_integer()
