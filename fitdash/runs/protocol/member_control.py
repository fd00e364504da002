"""What others want of one of several runs that train together."""

from typing import Any

from fitdash.runs.protocol.control import Control


class MemberControl(Control):
    """The wishes for one run: to end it alone, or what is wanted of all of them. It neither pauses nor changes alone.

    Args:
        group: The control of all of them.
        uid: The run.
    """

    def __init__(self, group: Control, uid: str) -> None:
        self.group, self.uid = group, uid
        super().__init__()

    @property
    def stopped_by(self) -> str | None:
        return self.group.stopped_by or self.group.stopped_ones.get(self.uid)

    @stopped_by.setter
    def stopped_by(self, kind: str | None) -> None:
        if kind is not None:
            self.group.stop_one(self.uid, kind)

    def stop(self, kind: str = "stop_run") -> None:
        """End it after its epoch; the others go on."""
        self.group.stop_one(self.uid, kind)

    def relay(self, tell: Any) -> None:
        """Wishes go by way of the group."""
