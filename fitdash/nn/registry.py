"""Networks by the name of their kind; how large they are, told without making them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from fitdash.errors import SettingError
from fitdash.nn.mlp import mlp
from fitdash.spec.arg import unknown
from fitdash.spec.network import NetworkArgs

Builder = Callable[[NetworkArgs, int, int, str, str | None], nn.Module]
NETWORKS: dict[str, Builder] = {"mlp": mlp}


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer as a list of layers shows it.

    Attributes:
        name: In the module.
        kind: Its class.
        shape: Numbers of one sample that come out of it.
        parameters: How many it has.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int


def make(network: NetworkArgs, inputs: int, units: int, ending: str = "linear", device: str | None = None) -> nn.Module:
    """The network that settings describe, its weights drawn from torch's global generator.

    Args:
        network: Its settings.
        inputs: Numbers of a sample.
        units: Numbers that come out.
        ending: The last activation: linear, sigmoid or softmax.
        device: Where it is made; "meta" needs no memory and draws nothing.

    Raises:
        SettingError: nobody knows its kind.
    """
    if network.kind not in NETWORKS:
        raise SettingError(unknown("kind of network", network.kind, tuple(NETWORKS)))
    return NETWORKS[network.kind](network, inputs, units, ending, device)


def layers_of(network: NetworkArgs, inputs: int, units: int, ending: str = "linear") -> list[Layer]:
    """Name, shape and parameters of each layer, from a network without memory; no random number is drawn."""
    module = make(network, inputs, units, ending, "meta")
    passing = torch.empty(1, inputs, device="meta")
    layers = []
    with torch.inference_mode():
        for name, child in module.named_children():
            passing = child.eval()(passing)
            parameters = sum(parameter.numel() for parameter in child.parameters())
            shape = tuple(passing.shape[1:])
            layers.append(Layer(name=name, kind=type(child).__name__, shape=shape, parameters=parameters))
    return layers


def parameter_count(network: NetworkArgs, inputs: int, units: int) -> int:
    """Numbers that training changes."""
    return sum(parameter.numel() for parameter in make(network, inputs, units, device="meta").parameters())
