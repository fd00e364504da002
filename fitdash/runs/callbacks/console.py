"""A text stream whose lines become events of a run."""

import io
from collections.abc import Callable


class Console(io.TextIOBase):
    """Passes each printed line to `tell` once it is complete.

    Of a line that is redrawn in place (a progress bar) only the last state is passed. `isatty` is False, so a progress
    bar should not redraw.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._tell = tell
        self._unfinished = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._unfinished = (self._unfinished + text).split("\n")
        for line in lines:
            self._tell(_last_state(line))
        return len(text)

    def end(self) -> None:
        """Pass on the text after the last line end."""
        if self._unfinished:
            self.write("\n")


def _last_state(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]
