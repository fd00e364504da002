"""How many trials of a sweep train together in one program, and how many are asked for ahead so that they can."""

from fitdash.data.tables.catalogue import dataset_of
from fitdash.data.tables.data_facts import facts_of
from fitdash.runs.protocol.paths import home
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.ensemble_rules import MOST_MEMBERS, best_ensemble_size, count_distinct_experiments
from fitdash.settings.search_space import corners
from fitdash.sweeps.config import SweepConfig

ADAPTIVE = ("tpe", "cma-es")
"""Samplers that learn from each trial: what is asked for ahead learns from none of the others."""
MOST_AHEAD = 256


def ensemble_size(recipe: SweepConfig, facts: DataFacts | None = None) -> int:
    """How many trials of this sweep train together at most; 1: each by itself.

    Args:
        recipe: The search.
        facts: Of its data; None: they are found.
    """
    if facts is None:
        facts = facts_of(dataset_of(recipe.experiment.data, home() / "uploads"))
    # Some corners may be too large: their trials train alone.
    most = max(best_ensemble_size(varied, facts) for varied in corners(recipe.space, recipe.experiment))
    return 1 if most == 1 else min(most, _ahead(recipe))


def trials_asked_ahead(recipe: SweepConfig) -> int:
    """How many trials are asked for at once; 1: one when there is room for it."""
    return 1 if ensemble_size(recipe) == 1 else _ahead(recipe)


def _ahead(recipe: SweepConfig) -> int:
    """By the sampler and how many kinds of networks the space has."""
    kinds = count_distinct_experiments(recipe.space)
    if recipe.sampler in ADAPTIVE:
        return 1 if kinds is None or kinds > 2 else MOST_MEMBERS // 2 * kinds
    return MOST_AHEAD if kinds is None else min(MOST_AHEAD, MOST_MEMBERS * kinds)
