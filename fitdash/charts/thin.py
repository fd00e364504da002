"""Thins a curve to fewer points that look the same."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def thin_curve(x: Floats, y: Floats, most: int = 1000) -> tuple[Floats, Floats]:
    """At most `most` of the points, the lowest and the highest of every stretch among them.

    Args:
        x: Positions, (n,), ascending.
        y: Values, (n,); those that are not finite are gaps.
        most: Points that may be kept.

    Returns:
        x and y of the kept points. No spike is lost, and a gap stays a gap.
    """
    if len(y) <= most:
        return x, y
    width = -(-len(y) // (most // 4))
    kept = np.unique([0, len(y) - 1, *_lows_highs_and_gaps(y, width)])
    return x[kept], y[kept]


def _lows_highs_and_gaps(y: Floats, width: int) -> list[int]:
    """Indices where each stretch of `width` points is lowest and highest, and of its first gap."""
    rows = -(-len(y) // width)
    padded = np.full(rows * width, np.nan)
    padded[: len(y)] = np.where(np.isfinite(y), y, np.nan)
    table = padded.reshape(rows, width)
    seen = ~np.isnan(table)
    start = np.arange(rows) * width
    low = start + np.where(seen, table, np.inf).argmin(axis=1)
    high = start + np.where(seen, table, -np.inf).argmax(axis=1)
    gap = start + seen.argmin(axis=1)
    some, gaps = seen.any(axis=1), ~seen.all(axis=1) & (gap < len(y))
    return [int(place) for place in (*low[some], *high[some], *gap[gaps])]
