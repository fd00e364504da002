"""Fewer points for the same picture."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def thinned(x: Floats, y: Floats, most: int = 1000) -> tuple[Floats, Floats]:
    """At most `most` of the points, the lowest and the highest of every stretch among them.

    Args:
        x: Positions, (n,), ascending.
        y: Values, (n,); what is not finite is a gap.
        most: Points that may stay.

    Returns:
        Both, cut alike. No spike is lost, and a gap stays a gap.
    """
    if len(y) <= most:
        return x, y
    edges = np.linspace(0, len(y), most // 4 + 1).astype(int)
    kept = [place for a, b in zip(edges, edges[1:], strict=False) for place in _telling(y[a:b], a)]
    chosen = np.unique([0, len(y) - 1, *kept])
    return x[chosen], y[chosen]


def _telling(y: Floats, start: int) -> list[int]:
    """Where a stretch is lowest and highest, and where its first gap is."""
    seen = np.isfinite(y)
    gap = [] if seen.all() else [start + int(seen.argmin())]
    if not seen.any():
        return gap
    low, high = np.where(seen, y, np.inf).argmin(), np.where(seen, y, -np.inf).argmax()
    return [start + int(low), start + int(high), *gap]
