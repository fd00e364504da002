"""Ensembles of trials: how many train in one program, and how many are asked of the sampler in advance for that."""

from fitdash.data.tables.catalogue import dataset_of
from fitdash.data.tables.data_facts import facts_of
from fitdash.runs.protocol.paths import home
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.ensemble_rules import MOST_MEMBERS, best_ensemble_size, count_distinct_experiments
from fitdash.settings.search_space import corners
from fitdash.sweeps.config import SweepConfig

ADAPTIVE = ("tpe", "cma-es")
"""Samplers that learn from each trial: trials asked in advance learn nothing from each other."""
MOST_AHEAD = 256


def ensemble_size(recipe: SweepConfig, facts: DataFacts | None = None) -> int:
    """The largest number of trials of this sweep that train in one program; 1: each trains alone.

    Args:
        recipe: The configuration of the sweep.
        facts: The facts of its data; None reads them from the data.
    """
    if facts is None:
        facts = facts_of(dataset_of(recipe.experiment.data, home() / "uploads"))
    # Some corners of the space may be too large: their trials train alone.
    most = max(best_ensemble_size(varied, facts) for varied in corners(recipe.space, recipe.experiment))
    return 1 if most == 1 else min(most, _ahead(recipe))


def trials_asked_ahead(recipe: SweepConfig) -> int:
    """Number of trials asked of the sampler at once; 1: each is asked when its place is free."""
    return 1 if ensemble_size(recipe) == 1 else _ahead(recipe)


def _ahead(recipe: SweepConfig) -> int:
    """Number of trials to ask at once, by the sampler and the number of different networks in the space."""
    kinds = count_distinct_experiments(recipe.space)
    if recipe.sampler in ADAPTIVE:
        return 1 if kinds is None or kinds > 2 else MOST_MEMBERS // 2 * kinds
    return MOST_AHEAD if kinds is None else min(MOST_AHEAD, MOST_MEMBERS * kinds)
