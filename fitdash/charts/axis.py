"""The x axis of charts over epochs: its unit, and the position of an epoch on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fitdash.charts.thin import Floats, thin_curve

TITLES = {"epoch": "epoch", "update": "update", "samples": "samples seen", "seconds": "seconds of training"}
KINDS = tuple(TITLES)


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Positions of a run's epochs on the x axis.

    Attributes:
        kind: One of `KINDS`.
        over: Numbers of finished epochs, (n,), ascending; the first is where the run began.
        x: Position of each, (n,).
        ahead: Length of an epoch that is still to come, in the unit of the axis.
    """

    kind: str = "epoch"
    over: Floats
    x: Floats
    ahead: float = 1.0

    def places(self, over: Floats) -> Floats:
        """Positions where so many epochs are finished; fractions of an epoch count."""
        later = np.maximum(over - self.over[-1], 0) * self.ahead
        return np.asarray(np.interp(over, self.over, self.x) + later, dtype=float)

    def place(self, over: float) -> float:
        """The same for one number."""
        return float(self.places(np.asarray([over], dtype=float))[0])

    def knots(self, most: int = 400) -> tuple[Floats, Floats]:
        """A few points to interpolate between: numbers of finished epochs, and their positions."""
        if self.kind != "seconds":  # straight lines, with a bend where the batch size changed: the bends suffice
            bends = np.flatnonzero(np.diff(np.diff(self.x)).round(9)) + 1
            kept = np.unique([0, *bends[:most], len(self.over) - 1])
            return self.over[kept], self.x[kept]
        return thin_curve(self.over, self.x, most)


def axis_of(kind: str, epochs: Sequence[int], sizes: Sequence[float], *, start: int, ahead: float) -> Axis:
    """The axis of a run.

    Args:
        kind: One of `KINDS`.
        epochs: Indices of the finished epochs, from 0, ascending, (n,).
        sizes: Length of each of them in the unit of the axis, (n,).
        start: Epochs that were finished when the run began.
        ahead: Length of an epoch that is still to come.
    """
    if kind == "epoch":
        end = max(start + 1, epochs[-1] + 1 if epochs else 0)
        both = np.asarray([start, end], dtype=float)
        return Axis(kind=kind, over=both, x=both)
    over = np.asarray([start, *(epoch + 1 for epoch in epochs)], dtype=float)
    return Axis(kind=kind, over=over, x=np.cumsum(np.asarray([0.0, *sizes])), ahead=ahead)
