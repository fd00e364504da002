"""Synthetic sequences with a class for each step."""

from typing import Any

import numpy as np
import pandas as pd

from fitdash.data.tables.builtin import RowOrder, order_rows
from fitdash.data.tables.dataset import Dataset, make_dataset

Array = np.ndarray[Any, Any]
STEPS = 30
SEQUENCE_SEED = 11
LASTING = 10
"""Average duration of a regime, in steps."""
REGIMES = ("calm", "fast", "slow")
_PERIODS = np.array([np.inf, 4.0, 14.0])
"""Steps per wave; calm has no waves."""


def make_regimes(*, samples: int = 600, noise: float = 0.1, order: RowOrder = "shuffled") -> Dataset:
    """A signal that changes at random between calm, fast waves and slow waves; the target is the regime of each step.

    One step alone does not determine it: the network must remember earlier steps. Each sequence has a clarity, 0.5 to
    1.5, by which its noise is divided, so that clarity is a sensible sample_weight.

    Args:
        samples: Number of sequences.
        noise: Standard deviation of the noise around waves of amplitude 1.
        order: Order of the sequences: shuffled, or sorted by their most common regime.
    """
    generator = np.random.default_rng(SEQUENCE_SEED)
    label = _labels(samples, generator)
    clarity = generator.uniform(0.5, 1.5, samples)
    period = _PERIODS[label]
    phase = 2 * np.pi * (np.cumsum(1 / period, axis=1) + generator.random((samples, 1)))
    course = np.where(np.isinf(period), 0.0, np.sin(phase))
    signal = course + noise / clarity[:, None] * generator.standard_normal((samples, STEPS))
    names = [f"signal_{step}" for step in range(1, STEPS + 1)]
    targets = tuple(f"regime_{step}" for step in range(1, STEPS + 1))
    words = np.array(REGIMES)
    counts = np.stack([(label == index).sum(axis=1) for index in range(len(REGIMES))], axis=1)
    table = pd.concat(
        [
            pd.DataFrame(signal, columns=names),
            pd.DataFrame({"clarity": clarity}),
            pd.DataFrame(words[label], columns=list(targets)),
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
        step_targets=targets,
        line=f"{samples} sequences of {STEPS} steps, each step calm, fast or slow.",
    )


def _labels(samples: int, generator: np.random.Generator) -> Array:
    """Regime of each step, (samples, STEPS): it changes with a probability of 1 / LASTING per step."""
    label = generator.integers(0, len(REGIMES), samples)
    found = [label]
    for _ in range(STEPS - 1):
        changes = generator.random(samples) < 1 / LASTING
        label = np.where(changes, (label + generator.integers(1, len(REGIMES), samples)) % len(REGIMES), label)
        found.append(label)
    return np.stack(found, axis=1)
