"""Sequences with a class for each step, made here."""

from typing import Any

import numpy as np
import pandas as pd

from fitdash.data.tables.builtin import RowOrder, order_rows
from fitdash.data.tables.dataset import Dataset, make_dataset

Array = np.ndarray[Any, Any]
STEPS = 30
SEQUENCE_SEED = 11
LASTING = 10
"""Steps that a regime lasts on average."""
REGIMES = ("calm", "fast", "slow")
_PERIODS = np.array([np.inf, 4.0, 14.0])
"""Steps of one wave; calm has none."""


def make_regimes(*, samples: int = 600, noise: float = 0.1, order: RowOrder = "shuffled") -> Dataset:
    """A signal that changes by chance between calm, fast waves and slow waves; which it is, is asked at each step.

    A single step does not tell: the steps before it have to be remembered. Each sequence has a clarity, 0.5 to 1.5:
    noise is divided by it, so it makes a sensible sample_weight.

    Args:
        samples: Sequences.
        noise: How far the signal is scattered around its course, whose waves are 1 high.
        order: Of the sequences; sorted by the regime that is the most common in them.
    """
    generator = np.random.default_rng(SEQUENCE_SEED)
    label = _labels(samples, generator)
    clarity = generator.uniform(0.5, 1.5, samples)
    period = _PERIODS[label]
    phase = 2 * np.pi * (np.cumsum(1 / period, axis=1) + generator.random((samples, 1)))
    course = np.where(np.isinf(period), 0.0, np.sin(phase))
    signal = course + noise / clarity[:, None] * generator.standard_normal((samples, STEPS))
    names = [f"signal_{step}" for step in range(1, STEPS + 1)]
    asked = tuple(f"regime_{step}" for step in range(1, STEPS + 1))
    words = np.array(REGIMES)
    counts = np.stack([(label == index).sum(axis=1) for index in range(len(REGIMES))], axis=1)
    table = pd.concat(
        [
            pd.DataFrame(signal, columns=names),
            pd.DataFrame({"clarity": clarity}),
            pd.DataFrame(words[label], columns=list(asked)),
            pd.DataFrame({"regime": words[counts.argmax(axis=1)]}),
        ],
        axis=1,
    )
    return make_dataset(
        "regimes",
        order_rows(table, "regime", order),
        "regime",
        "classification",
        inputs=tuple(names),
        steps=STEPS,
        step_targets=asked,
        line=f"{samples} sequences of {STEPS} steps, each step calm, fast or slow.",
    )


def _labels(samples: int, generator: np.random.Generator) -> Array:
    """Which regime each step is in, (samples, STEPS): it lasts a while, then another one begins."""
    label = generator.integers(0, len(REGIMES), samples)
    found = [label]
    for _ in range(STEPS - 1):
        changes = generator.random(samples) < 1 / LASTING
        label = np.where(changes, (label + generator.integers(1, len(REGIMES), samples)) % len(REGIMES), label)
        found.append(label)
    return np.stack(found, axis=1)
