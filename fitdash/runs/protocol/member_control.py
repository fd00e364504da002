"""The control of one run of an ensemble: several runs that train in one program."""

from typing import Any

from fitdash.runs.protocol.control import Control


class MemberControl(Control):
    """The control of one run of an ensemble: it can be stopped alone, and pauses and changes only with the others.

    Args:
        group: The control of the ensemble.
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
        """End this run after its epoch; the other runs go on."""
        self.group.stop_one(self.uid, kind)

    def relay(self, tell: Any) -> None:
        """Do nothing: the group relays the wishes."""
