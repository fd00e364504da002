"""What fitdash raises.

FitdashError
├── SettingError (ValueError)    a setting that cannot be
├── DataError (ValueError)       data that cannot be trained on
├── NotCompiledError (RuntimeError)
└── StoreError                   the record of runs cannot be read or written
    └── UnwritableError          not now: somebody holds it, the disk is full …
"""


class FitdashError(Exception):
    """Anything fitdash refuses; the text says what must hold, what came, and the remedy."""


class SettingError(FitdashError, ValueError):
    """A setting that cannot be."""


class DataError(FitdashError, ValueError):
    """Data that cannot be trained on."""


class NotCompiledError(FitdashError, RuntimeError):
    """A method that needs `compile` was called before it."""


class StoreError(FitdashError):
    """The record of runs cannot be read or written."""


class UnwritableError(StoreError):
    """The record of runs cannot be written now: somebody holds it, the disk is full …; nothing of it was written."""
