"""The errors that fitdash raises.

FitdashError
├── SettingError (ValueError)    a setting is invalid
├── DataError (ValueError)       data cannot be trained on
├── NotCompiledError (RuntimeError)
├── BusyError (RuntimeError)     another fit of the model is running
└── StoreError                   the store of runs cannot be read or written
    └── UnwritableError          it cannot be written now: another process has locked it, the disk is full …
"""


class FitdashError(Exception):
    """Base of all errors; the text says what must hold, what was given, and the remedy."""


class SettingError(FitdashError, ValueError):
    """A setting is invalid."""


class DataError(FitdashError, ValueError):
    """Data cannot be trained on.

    Args:
        text: What must hold, what was given, and the remedy.
        is_located: True where the text names the batch or the row, so that it needs no number of a batch in front.
    """

    def __init__(self, text: str = "", *, is_located: bool = False) -> None:
        super().__init__(text)
        self.is_located = is_located


class NotCompiledError(FitdashError, RuntimeError):
    """A method that needs `compile` was called before it."""


class BusyError(FitdashError, RuntimeError):
    """A method was called for a model that is in `fit`, by another thread or by a callback that fits it again."""


class StoreError(FitdashError):
    """The store of runs cannot be read or written."""


class UnwritableError(StoreError):
    """The store cannot be written now: another process has locked it, the disk is full …; nothing was written."""
