"""A curve with less noise, for the eye; never in place of the values themselves."""

import numpy as np
import pandas as pd

from fitdash.charts.thin import Floats


def running_mean(values: Floats, span: int) -> Floats:
    """Mean of the values so far, recent ones weighing more; it looks back only, so that it never tells the future.

    Args:
        values: (n,); what is not finite counts for nothing and is NaN in the result.
        span: About how many values it is a mean of.

    Source: the exponentially weighted mean with alpha = 2 / (span + 1), without the pull to the first value.
    """
    finite = np.isfinite(values)
    seen = np.where(finite, values, np.nan)
    mean = pd.Series(seen).ewm(span=span, adjust=True, ignore_na=True).mean().to_numpy(dtype=float)
    return np.where(finite, mean, np.nan)
