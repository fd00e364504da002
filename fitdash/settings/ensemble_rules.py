"""Rules for ensembles: which experiments can be trained in one program, and when that is faster."""

import json
from collections.abc import Sequence

from fitdash.settings.batch_size import DEFAULT_BATCH_SIZE
from fitdash.settings.callbacks import TerminateOnNaNArgs
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.experiment import Experiment
from fitdash.settings.network import parameters_of, resolved_network_kind
from fitdash.settings.network_shape import shape_of
from fitdash.settings.search_dimension import Choices
from fitdash.settings.search_space import SearchSpace

NUMBERS = ("seed", "compile.learning_rate", "compile.weight_decay", "fit.class_weight")
"""Settings in which the members of an ensemble may differ; their callbacks may differ too."""

# Measured (benchmarks/README.md): beyond these, a step's data no longer fits the cache, and single runs are faster.
MOST_PARAMETERS = 24_000
MOST_WORK = 2_500_000
LEAST_MEMBERS, MOST_MEMBERS = 8, 32


def shared_settings_key(experiment: Experiment) -> str | None:
    """Key that experiments share if they can be trained together; None if this one must be trained alone."""
    if experiment.network.silenced or experiment.fit.steps_per_epoch is not None:
        return None
    if any(isinstance(one, TerminateOnNaNArgs) for one in experiment.callbacks):
        return None  # it checks the loss of every step, but steps run together
    plain = experiment.to_dict()
    for address in NUMBERS:
        section, _, name = address.rpartition(".")
        (plain[section] if section else plain).pop(name, None)
    return json.dumps(plain | {"callbacks": []}, sort_keys=True)


def best_ensemble_size(experiment: Experiment, facts: DataFacts) -> int:
    """How many experiments like this one are best trained together; 1: each alone."""
    if (
        shared_settings_key(experiment) is None
        or facts.outputs
        or resolved_network_kind(experiment.network.kind, facts) != "mlp"
    ):
        return 1
    parameters = parameters_of(experiment.network, shape_of(facts))
    return MOST_MEMBERS if is_faster_together(parameters, experiment.fit.batch_size or DEFAULT_BATCH_SIZE) else 1


def is_faster_together(parameters: int, batch_size: int) -> bool:
    """True if networks of that many parameters train faster in one program than one after the other."""
    return parameters <= MOST_PARAMETERS and parameters * batch_size <= MOST_WORK


def count_distinct_experiments(space: SearchSpace) -> int | None:
    """Number of combinations in the space apart from `NUMBERS` and callbacks; None if a range makes it unbounded."""
    count = 1
    for address, one in space.dimensions.items():
        if address in NUMBERS or address.startswith("callbacks."):
            continue
        if not isinstance(one, Choices):
            return None
        count *= len(one.values)
    return count


def group_experiments(shared: Sequence[str | None], *, places: int) -> list[list[int]]:
    """Groups of experiments that are best trained together, by their index in the sequence.

    Args:
        shared: `shared_settings_key` of each experiment.
        places: How many groups train at once.
    """
    parts: dict[str, list[int]] = {}
    groups: list[list[int]] = []
    for place, part in enumerate(shared):
        if part is None:
            groups.append([place])
        else:
            parts.setdefault(part, []).append(place)
    for members in parts.values():
        count = max(places, -(-len(members) // MOST_MEMBERS))
        size = max(LEAST_MEMBERS, -(-len(members) // count))
        for first in range(0, len(members), size):
            some = members[first : first + size]
            groups += [some] if len(some) >= LEAST_MEMBERS else [[one] for one in some]
    return sorted(groups)
