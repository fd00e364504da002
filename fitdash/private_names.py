"""Names that other libraries do not promise to keep: looked up in one place, with a warning where one is gone.

`docs/internals.md` lists each of them, what it is for, and what happens without it.
"""

import importlib
import warnings
from functools import cache
from typing import Any


@cache
def find_private(module: str, name: str, instead: str) -> Any:
    """A private name of a library, or None with one warning if the installed release has none.

    Args:
        module: Dotted path of the module, such as "torch._C".
        name: The name in it, dotted where it is an attribute of a class.
        instead: What fitdash does without it, as the end of a sentence.
    """
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        warn_missing(f"{module}.{name}", instead)
        return None
    return found


@cache
def warn_missing(name: str, instead: str) -> None:
    """Warn that a private name is gone; once for each name in a process."""
    library = name.partition(".")[0]
    warnings.warn(
        f"This release of {library} has no {name}: {instead}. Install the release that constraints.txt names.",
        RuntimeWarning,
        stacklevel=3,
    )
