"""`ProgbarLogger`: the progress bar and lines that `verbose` prints."""

import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from fitdash.engine.callbacks.base import Callback, Logs, Moment
from fitdash.engine.callbacks.progress_text import bar_line, epoch_line

_REDRAW_SECONDS = 0.05
_ESCAPES = re.compile(r"\x1b\[\d*m")


class ProgbarLogger(Callback):
    """Prints a progress line per epoch, evaluation or prediction.

    With verbose=1 it is redrawn in place on a terminal and in a notebook; elsewhere only its final state is printed.
    With verbose=2 one plain line is printed at the end. Validation inside `fit` prints nothing of its own.

    Attributes:
        target: Steps expected, None until they are known.
        seen: Steps seen of this epoch.

    Source: Keras 3 `ProgbarLogger`; unlike it, files and pipes get no redrawn lines.
    """

    observes_only = True

    def __init__(self) -> None:
        super().__init__()
        self.verbose = 1
        self.epochs = 1
        self.target: int | None = None
        self.seen = 0
        self._in_fit = self._is_guess = False
        self._start("")

    def set_params(self, params: Mapping[str, Any]) -> None:
        super().set_params(params)
        verbose = params.get("verbose", 1)
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.epochs = params.get("epochs", 1)
        self.target = params.get("steps")
        self._is_guess = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._in_fit = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._in_fit = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._start(f"Epoch {epoch + 1}/{self.epochs}\n" if self.verbose and self.epochs > 1 else "")

    def between_steps(self, moment: Moment) -> bool | None:
        self._draw(moment.last + 1, moment.logs)
        return None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._finish(logs)

    def on_partial_epoch(self, epoch: int, logs: Logs) -> None:
        """Finish the line at the step where the epoch ended."""
        self._finish(logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._start("")

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._start("")

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._finish(None)

    def on_progress(self, done: int, logs: Callable[[], Logs]) -> None:
        """Show the steps done of an `evaluate` or `predict` outside of a fit; `logs` is called only to draw."""
        if not self._in_fit:
            self._draw(done, logs)

    def _start(self, header: str) -> None:
        self.seen = 0
        self._began = time.perf_counter()
        self._first: tuple[int, float] | None = None
        self._drawn = float("-inf")
        self._width = 0
        if header:
            _write(self._stream(), header)

    def _draw(self, done: int, logs: Callable[[], Logs]) -> None:
        """Note the progress, and redraw the line if the last drawing is 50 ms old."""
        self.seen = done
        now = time.perf_counter()
        if self._first is None:
            self._first = (done, now)
        if self.verbose == 1 and now - self._drawn >= _REDRAW_SECONDS and _redraws(self._stream()):
            self._print_bar(done, logs(), final=False)
            self._drawn = now

    def _finish(self, logs: Logs | None) -> None:
        """Print the final line, with the steps that ran of those that were expected."""
        if self.target is None or self._is_guess:
            self.target, self._is_guess = self.seen, True
        done = self.seen or self.target  # steps of several fits that train together are not counted
        if self.verbose == 1:
            self._print_bar(done, logs or {}, final=True)
        elif self.verbose == 2 and done:
            seconds = time.perf_counter() - self._began
            line = epoch_line(done, seconds, self._per_step(done), logs or {}, max(done, self.target))
            _write(self._stream(), line + "\n")

    def _print_bar(self, done: int, logs: Logs, *, final: bool) -> None:
        stream = self._stream()
        live = _redraws(stream)
        seconds = time.perf_counter() - self._began
        total = self.target if self.target is None else max(done, self.target)
        text = bar_line(done, total, seconds, self._per_step(done), logs, final=final, colour=live)
        if live:
            text = text if final else _cut(text, _columns(stream))
            width = len(_ESCAPES.sub("", text))
            text = "\r" + text + " " * (self._width - width)
            self._width = width
        _write(stream, text + "\n" * final)

    def _per_step(self, done: int) -> float:
        """Seconds per step; without the first step, which is slower, where it was timed by itself."""
        now = time.perf_counter()
        if self._first is not None and self._first[0] == 1 and done > 1:
            return (now - self._first[1]) / (done - 1)
        return (now - self._began) / done if done else 0.0

    def _stream(self) -> Any:
        return getattr(self.model, "console", None) or sys.stdout


def _redraws(stream: Any) -> bool:
    """Whether a carriage return starts the line anew: on a terminal and in a notebook's cell."""
    if type(stream).__module__.startswith("ipykernel"):
        return True
    return bool(getattr(stream, "isatty", lambda: False)())


def _columns(stream: Any) -> int | None:
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (AttributeError, OSError, ValueError):
        return None


def _cut(text: str, columns: int | None) -> str:
    """The values that fit in one row of the terminal; a wrapped line could not be redrawn."""
    parts = text.split(" - ")
    while columns and len(parts) > 1 and len(_ESCAPES.sub("", " - ".join(parts))) >= columns:
        parts.pop()
    return " - ".join(parts)


def _write(stream: Any, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = getattr(stream, "encoding", None) or "ascii"
        stream.write(text.replace("━", "=").encode(encoding, "replace").decode(encoding))
    stream.flush()
