"""Prints the warnings of a training thread to the console of its run instead of the server's."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_this_thread = threading.local()
_lock = threading.Lock()


@contextmanager
def redirect_warnings(console: TextIO) -> Iterator[None]:
    """Print the warnings of this thread to `console`, each text once; those of other threads go where they went."""
    _install()
    _this_thread.console, _this_thread.printed = console, set()
    try:
        yield
    finally:
        _this_thread.console = None


def _install() -> None:
    """Wrap `warnings.showwarning` once; for other threads the wrapper calls the original."""
    with _lock:
        if getattr(warnings.showwarning, "is_fitdash", False):
            return
        original = warnings.showwarning

        def show(message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None) -> None:
            console = getattr(_this_thread, "console", None)
            if console is None:
                original(message, category, filename, lineno, file, line)
            elif str(message) not in _this_thread.printed:
                _this_thread.printed.add(str(message))
                print(f"Warning: {message}", file=console)

        show.is_fitdash = True  # type: ignore[attr-defined]
        warnings.showwarning = show
        warnings.filterwarnings("always", module=r"fitdash\.")
