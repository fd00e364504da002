"""Statistics of the shape of a curve: level, scatter, where it turns, where it goes flat.

All functions take values in order, (n,) without gaps.
"""

import numpy as np

from fitdash.charts.thin import Floats

SMALL = 1e-12


def smooth(values: Floats) -> Floats:
    """Mean of each value and its neighbours: a twentieth of all on either side, from 1 to 10; fewer near the ends."""
    reach = min(max(1, len(values) // 20), 10)
    if len(values) < 3:
        return values
    sums = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(len(values))
    # The same reach on both sides, or a falling curve would be lifted at its beginning.
    reach_here = np.minimum(reach, np.minimum(place, len(values) - 1 - place))
    low, high = place - reach_here, place + reach_here + 1
    return np.asarray((sums[high] - sums[low]) / (high - low))


def scatter(values: Floats) -> float:
    """Standard deviation of a single value around a straight line through its neighbours, robust to outliers."""
    if len(values) < 4:
        return 0.0
    bends = np.abs(values[:-2] - 2 * values[1:-1] + values[2:])
    return float(1.4826 * np.median(bends) / np.sqrt(6))


def roughness(values: Floats) -> float:
    """Mean distance of values from the midpoint of their neighbours, scaled: jumps count, a bend hardly does."""
    return 0.0 if len(values) < 3 else float(np.abs(values[:-2] - 2 * values[1:-1] + values[2:]).mean() / np.sqrt(6))


def level(values: Floats, share: float = 1 / 3) -> float:
    """Median of the last values, which are `share` of all."""
    return float(np.median(values[-max(1, round(share * len(values))) :]))


def rise_after_best(values: Floats) -> tuple[int, float, float]:
    """Index where the smoothed curve is lowest, the rise since then, and that rise as a multiple of its scatter."""
    smoothed = smooth(values)
    best = int(np.argmin(smoothed))
    after = len(values) - 1 - best
    if not after:
        return best, 0.0, 0.0
    few = max(1, after // 3)
    rise = float(values[-few:].mean() - smoothed[best])
    return best, rise, rise / (scatter(values) * np.sqrt(1 / few + 1 / 3) + SMALL)


def flat_since(values: Floats, room: float) -> int:
    """First index from which the smoothed curve stays within `room` of its end."""
    smoothed = smooth(values)
    outside = np.flatnonzero(np.abs(smoothed - np.median(smoothed[-3:])) > room)
    return min(int(outside[-1]) + 1, len(values) - 1) if len(outside) else 0


def no_gain_since(values: Floats) -> int:
    """First index after which the smoothed curve never falls visibly lower, whatever else it does."""
    smoothed = smooth(values)
    lowest = np.minimum.accumulate(smoothed[::-1])[::-1]
    room = 0.02 * float(values.max() - values.min()) + scatter(values)
    return int(np.flatnonzero(smoothed - lowest <= room)[0]) if len(values) else 0


def slopes(values: Floats) -> tuple[float, float]:
    """Mean change per step over the first third and over the last one."""
    smoothed = smooth(values)
    third = max(1, (len(values) - 1) // 3)
    return float((smoothed[third] - smoothed[0]) / third), float((smoothed[-1] - smoothed[-1 - third]) / third)
