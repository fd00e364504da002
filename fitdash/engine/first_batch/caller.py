"""`warn_caller` warns at the line of the user's code that called `fit` or `train_on_batch`."""

import sys
import warnings

_PACKAGE = __name__.partition(".")[0] + "."


def warn_caller(text: str) -> None:
    """A `UserWarning` that names the innermost line outside of this package, however deep the check lies."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)
