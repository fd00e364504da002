"""Networks of several inputs or several outputs."""

from collections.abc import Mapping

import torch
from torch import nn

from fitdash.nn.mlp import hidden_layers, output_layer
from fitdash.settings.network import NetworkArgs
from fitdash.settings.network_shape import NetworkShape


class Branches(nn.Module):
    """Layers for each input, by its name, and layers for their concatenated outputs."""

    def __init__(self, branches: Mapping[str, nn.Module], together: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleDict(branches)
        self.together = together

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        found = [branch(inputs[name]) for name, branch in self.branches.items()]
        answer: torch.Tensor = self.together(torch.cat(found, dim=-1))
        return answer


class Heads(nn.Module):
    """Layers that all outputs share, and an output layer for each, by its name."""

    def __init__(self, trunk: nn.Module, heads: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = nn.ModuleDict(heads)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        found = self.trunk(x)
        return {name: head(found) for name, head in self.heads.items()}


def branches(network: NetworkArgs, shape: NetworkShape, ending: str, device: str | None = None) -> Branches:
    """A dict of (n, features) to (n, units): `depth` layers for each input, and one more after their concatenation.

    Args:
        network, shape, ending, device: As for `mlp`.
    """
    each = {name: nn.Sequential(hidden_layers(network, size, network.depth, device)) for name, size in shape.parts}
    if not network.depth:
        return Branches(each, nn.Sequential(output_layer(shape.inputs, shape.units, ending, device)))
    together = hidden_layers(network, len(each) * network.width, 1, device)
    return Branches(each, nn.Sequential(together | output_layer(network.width, shape.units, ending, device)))


def heads(network: NetworkArgs, shape: NetworkShape, ending: str, device: str | None = None) -> Heads:
    """(n, inputs) to a dict of (n, units): `depth` layers that all outputs share, and an output layer for each.

    Args:
        network, shape, ending, device: As for `mlp`.
    """
    last = network.width if network.depth else shape.inputs
    ends = {name: nn.Sequential(output_layer(last, shape.units, ending, device)) for name in shape.outputs}
    return Heads(nn.Sequential(hidden_layers(network, shape.inputs, network.depth, device)), ends)
