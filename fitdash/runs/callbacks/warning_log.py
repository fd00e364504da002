"""Warnings that training gives: each belongs to the log of its run, not to the server's console."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_here = threading.local()
_lock = threading.Lock()


@contextmanager
def redirect_warnings(console: TextIO) -> Iterator[None]:
    """What this thread warns about meanwhile is printed there, each sentence once; other threads are left alone."""
    _install()
    _here.console, _here.told = console, set()
    try:
        yield
    finally:
        _here.console = None


def _install() -> None:
    """Stand before Python's own way of showing warnings; it stays in force for every other thread."""
    with _lock:
        if getattr(warnings.showwarning, "is_fitdash", False):
            return
        others = warnings.showwarning

        def show(message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None) -> None:
            console = getattr(_here, "console", None)
            if console is None:
                others(message, category, filename, lineno, file, line)
            elif str(message) not in _here.told:
                _here.told.add(str(message))
                print(f"Warning: {message}", file=console)

        show.is_fitdash = True  # type: ignore[attr-defined]
        warnings.showwarning = show
        warnings.filterwarnings("always", module=r"fitdash\.")
