"""Smooths a curve for display, beside its values and never in place of them."""

import numpy as np
import pandas as pd

from fitdash.charts.thin import Floats


def running_mean(values: Floats, span: int) -> Floats:
    """Mean of the values so far, recent ones weighted more; later values do not change it.

    Args:
        values: (n,); those that are not finite are skipped, and NaN in the result.
        span: About how many values the mean is over.

    Source: the exponentially weighted mean with alpha = 2 / (span + 1), without the pull to the first value.
    """
    finite = np.isfinite(values)
    seen = np.where(finite, values, np.nan)
    mean = pd.Series(seen).ewm(span=span, adjust=True, ignore_na=True).mean().to_numpy(dtype=float)
    return np.where(finite, mean, np.nan)
