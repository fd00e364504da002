"""The end of a run that raised, or that trained in another process, as an event."""

import traceback

from fitdash.runs.protocol.events import Changed


class RunEndedElsewhere(Exception):  # noqa: N818  not an error of this process: it carries the end of the run
    """A run that trained in another process failed or was cut off there.

    Attributes:
        change: The end, as that process reported it or as its exit status says.
    """

    def __init__(self, change: Changed) -> None:
        super().__init__(change.error)
        self.change = change


def failure_event(uid: str, error: BaseException) -> Changed:
    """The end of a run that raised this error: its first line and its traceback."""
    if isinstance(error, RunEndedElsewhere):
        return error.change
    line = "".join(traceback.format_exception_only(error)).strip().partition("\n")[0]
    return Changed(uid=uid, state="failed", error=line, traceback="".join(traceback.format_exception(error)))
