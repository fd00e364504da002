"""A text stream whose lines become events of a run."""

import io
from collections.abc import Callable


class Console(io.TextIOBase):
    """Takes what is printed and hands on each finished line.

    Of a line that is redrawn in place only the last state is a line. It is no terminal, so nobody should redraw.
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
        """Hand on what was printed without an end of line."""
        if self._unfinished:
            self.write("\n")


def _last_state(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]
