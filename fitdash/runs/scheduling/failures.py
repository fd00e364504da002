"""How a run ended that did not simply finish."""

import traceback

from fitdash.runs.protocol.events import Changed


class RunEndedElsewhere(Exception):  # noqa: N818  no error of this process: it carries the end over
    """A run that trained in another process ended there.

    Attributes:
        change: Its end, as that process told it or as it is known from the outside.
    """

    def __init__(self, change: Changed) -> None:
        super().__init__(change.error)
        self.change = change


def failure_event(uid: str, error: BaseException) -> Changed:
    """The end of a run that raised: first line and traceback."""
    if isinstance(error, RunEndedElsewhere):
        return error.change
    line = "".join(traceback.format_exception_only(error)).strip().partition("\n")[0]
    return Changed(uid=uid, state="failed", error=line, traceback="".join(traceback.format_exception(error)))
