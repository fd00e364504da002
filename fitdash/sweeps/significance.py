"""Significance test: does one setting beat another beyond the noise of the seeds? Pure arithmetic on repeats."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np

LEVEL = 0.05
MOST_SPLITS = 20_000
"""Largest number of splits for the exact permutation test; above it, Welch's test is used."""
EXACT = "exact permutation test of the means"
WELCH = "Welch's t-test"

Answer = Literal["a", "b", "neither", "too few"]


@dataclass(frozen=True, kw_only=True)
class SignificanceResult:
    """The result of comparing repeats of A and of B.

    Attributes:
        answer: "a" or "b" beats the other beyond the noise, "neither" does, or there are "too few" repeats to say.
        test: The name of the test.
        n: Numbers of results of A and of B.
        means, spreads: Mean and standard deviation of each.
        p: Probability of a difference at least as large by chance alone.
        effect: Hedges' g: the difference in standard deviations, above 0 where A is better; None without spread.
        low, high: Confidence interval of the difference A − B at 95 % (Welch).
        words: The result in one or two sentences.
    """

    answer: Answer
    test: str
    n: tuple[int, int]
    means: tuple[float, float]
    spreads: tuple[float, float]
    p: float
    effect: float | None
    low: float
    high: float
    words: str


def significance_test(
    a: Sequence[float],
    b: Sequence[float],
    *,
    rises: bool,
    what: str = "the result",
    names: tuple[str, str] = ("A", "B"),
) -> SignificanceResult | None:
    """Compare repeats of A and of B.

    Args:
        a, b: One number for each seed; numbers that are not finite are left out.
        rises: True if larger is better.
        what: The name of the number, for `words`.
        names: The names of A and B there.

    Returns:
        None if one side has no finite number.

    Source: Fisher, The Design of Experiments, 1935 (permutation); Welch 1947; Hedges 1981.
    """
    x, y = (np.array([value for value in side if math.isfinite(value)], float) for side in (a, b))
    if not len(x) or not len(y):
        return None
    exact = math.comb(len(x) + len(y), len(x)) <= MOST_SPLITS
    p, least = _permutation_p(x, y) if exact else (_welch(x, y)[0], 0.0)
    too_few = least > LEVEL or min(len(x), len(y)) < 2
    gap = float(x.mean() - y.mean())
    better = "a" if (gap > 0) == rises else "b"
    answer: Any = "too few" if too_few else better if p <= LEVEL and gap else "neither"
    _, low, high = _welch(x, y)
    effect = _hedges(x, y, rises)
    found = SignificanceResult(
        answer=answer,
        test=EXACT if exact else WELCH,
        n=(len(x), len(y)),
        means=(float(x.mean()), float(y.mean())),
        spreads=(_spread(x), _spread(y)),
        p=p,
        effect=effect,
        low=low,
        high=high,
        words="",
    )
    return SignificanceResult(**{**vars(found), "words": _words(found, what, names)})


def needed_repeats(n: int) -> int:
    """Least number of repeats of a side for a significant exact permutation test, where the other side has `n`."""
    most = max(n, 2)
    return next(k for k in range(2, 100) if 2 / math.comb(k + max(k, most), k) <= LEVEL)


def _permutation_p(x: Any, y: Any) -> tuple[float, float]:
    """p of the two-sided permutation test, and the smallest p that these numbers of results can give."""
    everything = np.concatenate([x, y])
    chosen = np.array(list(combinations(range(len(everything)), len(x))))
    sums = everything[chosen].sum(1)
    means, rest = sums / len(x), (everything.sum() - sums) / len(y)
    gaps = np.abs(means - rest)
    observed = abs(x.mean() - y.mean())
    p = float(np.mean(gaps >= observed - 1e-12 * max(1.0, observed)))
    return p, min(1.0, (2 if len(x) == len(y) else 1) / len(chosen))


def _welch(x: Any, y: Any) -> tuple[float, float, float]:
    """p of Welch's test, and the interval of the difference; NaN if a side has a single result."""
    if min(len(x), len(y)) < 2:
        return math.nan, math.nan, math.nan
    from scipy import stats

    gap = float(x.mean() - y.mean())
    parts = [side.var(ddof=1) / len(side) for side in (x, y)]
    error = math.sqrt(sum(parts))
    if error == 0:
        return (1.0 if gap == 0 else 0.0), gap, gap
    freedom = error**4 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (x, y), strict=True))
    wide = float(stats.t.ppf(0.975, freedom)) * error
    return float(2 * stats.t.sf(abs(gap) / error, freedom)), gap - wide, gap + wide


def _hedges(x: Any, y: Any, rises: bool) -> float | None:
    """Hedges' g: the difference in pooled standard deviations, corrected for small samples; None without spread."""
    freedom = len(x) + len(y) - 2
    if freedom < 1:
        return None
    pooled = math.sqrt((x.var() * len(x) + y.var() * len(y)) / freedom)
    if pooled == 0:
        return None
    g = float(x.mean() - y.mean()) / pooled * (1 - 3 / (4 * freedom - 1))
    return g if rises else -g


def _spread(side: Any) -> float:
    return float(side.std(ddof=1)) if len(side) > 1 else math.nan


def _words(found: SignificanceResult, what: str, names: tuple[str, str]) -> str:
    numbers = [
        f"{mean:.4g}" + ("" if math.isnan(spread) else f" ± {spread:.2g}")
        for mean, spread in zip(found.means, found.spreads, strict=True)
    ]
    against = f"{what} {numbers[0]} against {numbers[1]}"
    n = f"n = {found.n[0]} and {found.n[1]}"
    if found.answer == "too few":
        more = needed_repeats(min(found.n))
        return (
            f"{n} is too small to say: {against}, and no result of so few could be told from chance. "
            f"Train {more} or more of each."
        )
    effect = "" if found.effect is None else f", Hedges' g {abs(found.effect):.2g}"
    facts = f"{found.test}, {n}, p = {found.p:.2g}{effect}"
    if found.answer == "neither":
        return f"No difference beyond the noise of the seeds: {against} ({facts})."
    winner, loser = names if found.answer == "a" else names[::-1]
    return f"{winner} beats {loser} beyond the noise of the seeds: {against} ({facts})."
