"""Which experiments can be trained together in one program, and when that is faster."""

import json
from collections.abc import Sequence

from fitdash.settings.callbacks import TerminateOnNaNArgs
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import DEFAULT_BATCH_SIZE
from fitdash.settings.network import parameters_of, resolved_network_kind
from fitdash.settings.network_shape import shape_of
from fitdash.settings.search_dimension import Choices
from fitdash.settings.search_space import SearchSpace

NUMBERS = ("seed", "compile.learning_rate", "compile.weight_decay", "fit.class_weight")
"""Settings in which experiments may differ that are trained together; their callbacks may as well."""

# Measured (benchmarks/README.md): with more, the numbers of a step leave the cache, and each alone is faster.
MOST_PARAMETERS = 24_000
MOST_WORK = 2_500_000
LEAST_MEMBERS, MOST_MEMBERS = 8, 32


def shared_settings_key(experiment: Experiment) -> str | None:
    """What experiments have in common that differ in numbers alone; None where it has to be trained alone."""
    if experiment.network.silenced or experiment.fit.steps_per_epoch is not None:
        return None
    if any(isinstance(one, TerminateOnNaNArgs) for one in experiment.callbacks):
        return None  # it looks at every step, and steps are done together
    plain = experiment.to_dict()
    for address in NUMBERS:
        section, _, name = address.rpartition(".")
        (plain[section] if section else plain).pop(name, None)
    return json.dumps(plain | {"callbacks": []}, sort_keys=True)


def best_ensemble_size(experiment: Experiment, facts: DataFacts) -> int:
    """How many experiments like this one are best trained together; 1: none."""
    if (
        shared_settings_key(experiment) is None
        or facts.outputs
        or resolved_network_kind(experiment.network.kind, facts) != "mlp"
    ):
        return 1
    parameters = parameters_of(experiment.network, shape_of(facts))
    return MOST_MEMBERS if is_faster_together(parameters, experiment.fit.batch_size or DEFAULT_BATCH_SIZE) else 1


def is_faster_together(parameters: int, batch_size: int) -> bool:
    """Whether networks of that many parameters are trained faster in one program than one after the other."""
    return parameters <= MOST_PARAMETERS and parameters * batch_size <= MOST_WORK


def count_distinct_experiments(space: SearchSpace) -> int | None:
    """How many kinds of experiments the space has that differ in more than numbers; None where there is no end."""
    count = 1
    for address, one in space.dimensions.items():
        if address in NUMBERS or address.startswith("callbacks."):
            continue
        if not isinstance(one, Choices):
            return None
        count *= len(one.values)
    return count


def group_experiments(shared: Sequence[str | None], *, places: int) -> list[list[int]]:
    """Experiments by their place in the sequence, put together as they are best trained.

    Args:
        shared: `shared_part` of each.
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
