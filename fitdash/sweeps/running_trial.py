"""A trial while it is queued or trains."""

from dataclasses import dataclass, field

from fitdash.runs.protocol.control import Control
from fitdash.runs.scheduling.runner import new_uid
from fitdash.sweeps.config import SweepObjective
from fitdash.sweeps.study import PendingTrial
from fitdash.sweeps.trial import Trial


@dataclass(eq=False, kw_only=True)
class RunningTrial:
    """One trial and its progress.

    Attributes:
        asked: The values that it tries, from the study.
        attempt: How often it was begun, this time included.
        curve: The objective by epoch, without NaN.
        began: When it began, by the clock of the coordinator.
    """

    number: int
    asked: PendingTrial
    attempt: int = 1
    uid: str = field(default_factory=new_uid)
    control: Control = field(default_factory=Control)
    curve: dict[int, float] = field(default_factory=dict)
    epochs: int = 0
    began: float = 0.0

    def to_trial(self, state: str, objective: SweepObjective, *, now: float, error: str | None) -> Trial:
        """The trial as the listener of the sweep gets it."""
        return Trial(
            number=self.number,
            run=self.uid,
            values=self.asked.values,
            state=state,
            value=objective.of(self.curve),
            epochs=self.epochs,
            seconds=now - self.began,
            error=error,
        )
