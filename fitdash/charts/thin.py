"""Fewer points for the same picture."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def thin_curve(x: Floats, y: Floats, most: int = 1000) -> tuple[Floats, Floats]:
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
    width = -(-len(y) // (most // 4))
    kept = np.unique([0, len(y) - 1, *_telling(y, width)])
    return x[kept], y[kept]


def _telling(y: Floats, width: int) -> list[int]:
    """Where each stretch of `width` points is lowest and highest, and where its first gap is."""
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
