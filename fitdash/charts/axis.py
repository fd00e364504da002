"""What the x axis counts, and where an epoch stands on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fitdash.charts.thin import Floats, thin_curve

TITLES = {"epoch": "epoch", "update": "update", "samples": "samples seen", "seconds": "seconds of training"}
KINDS = tuple(TITLES)


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Places of a run on the x axis.

    Attributes:
        kind: One of `KINDS`.
        over: Numbers of epochs that are over, (n,), ascending; the first is where the run began.
        x: Where that is, (n,).
        ahead: Length of an epoch that is still to come.
    """

    kind: str = "epoch"
    over: Floats
    x: Floats
    ahead: float = 1.0

    def places(self, over: Floats) -> Floats:
        """Where so many epochs are over; parts of an epoch count."""
        later = np.maximum(over - self.over[-1], 0) * self.ahead
        return np.asarray(np.interp(over, self.over, self.x) + later, dtype=float)

    def place(self, over: float) -> float:
        """The same for one number."""
        return float(self.places(np.asarray([over], dtype=float))[0])

    def knots(self, most: int = 400) -> tuple[Floats, Floats]:
        """Few points from which the places can be found: numbers of epochs, and where that is."""
        if self.kind != "seconds":  # lines with a bend where the batch size changed: the bends are lows or highs of it
            bends = np.flatnonzero(np.diff(np.diff(self.x)).round(9)) + 1
            kept = np.unique([0, *bends[:most], len(self.over) - 1])
            return self.over[kept], self.x[kept]
        return thin_curve(self.over, self.x, most)


def axis_of(kind: str, epochs: Sequence[int], sizes: Sequence[float], *, start: int, ahead: float) -> Axis:
    """The axis of a run.

    Args:
        kind: What is counted.
        epochs: Indices of the finished epochs, from 0, ascending, (n,).
        sizes: How much each of them counts, (n,).
        start: Epochs that were over when the run began.
        ahead: How much an epoch to come counts.
    """
    if kind == "epoch":
        end = max(start + 1, epochs[-1] + 1 if epochs else 0)
        both = np.asarray([start, end], dtype=float)
        return Axis(kind=kind, over=both, x=both)
    over = np.asarray([start, *(epoch + 1 for epoch in epochs)], dtype=float)
    return Axis(kind=kind, over=over, x=np.cumsum(np.asarray([0.0, *sizes])), ahead=ahead)
