"""Maps the weight names of a run to those of the network in its exported script, whose layers have no names."""

from collections.abc import Iterator

from torch import nn

from fitdash.export.resolved_experiment import resolve_experiment
from fitdash.nn.multi_input_output import Branches
from fitdash.nn.registry import make_network
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.experiment import Experiment


def names_in_script(experiment: Experiment, facts: DataFacts) -> dict[str, str]:
    """Weight names in the script by those in the run: `hidden_1.weight` is `0.weight`, as the first layer."""
    recipe = resolve_experiment(experiment, facts)
    module = make_network(recipe.experiment.network, recipe.shape, recipe.output.activation, "meta")
    return dict(_renamed(module, "", ""))


def _renamed(module: nn.Module, old: str, new: str, *, is_head: bool = False) -> Iterator[tuple[str, str]]:
    """Pairs of old and new names.

    Layers of a Sequential are named by index, branches directly below the module, a head of one layer by no index.
    """
    for name, _ in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
        yield f"{old}{name}", f"{new}{name}"
    for place, (name, child) in enumerate(module.named_children()):
        part = f"{name}."
        if isinstance(module, nn.Sequential):
            part = "" if is_head and len(module) == 1 else f"{place}."
        elif isinstance(module, Branches) and name == "branches":
            part = ""
        under_heads = old == "heads." and isinstance(module, nn.ModuleDict)
        yield from _renamed(child, f"{old}{name}.", f"{new}{part}", is_head=under_heads)
