"""Makes networks by the name of their kind; lists their layers and counts parameters without drawing weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from fitdash.errors import SettingError
from fitdash.nn.cnn import cnn
from fitdash.nn.layer_list import layer_list
from fitdash.nn.mlp import mlp
from fitdash.nn.multi_input_output import branches, heads
from fitdash.nn.recurrent import recurrent
from fitdash.settings.declaration import describe_unknown_name
from fitdash.settings.network import NetworkArgs, resolved_network_kind
from fitdash.settings.network_shape import NetworkShape

FEW_PARAMETERS = 1_000_000
"""Up to this many, `layers_of` runs a sample on the CPU: the first on "meta" imports torch's compiler, for 0.8 s."""
Builder = Callable[[NetworkArgs, NetworkShape, str, str | None], nn.Module]
NETWORKS: dict[str, Builder] = {
    "mlp": mlp,
    "cnn": cnn,
    "gru": recurrent,
    "lstm": recurrent,
    "branches": branches,
    "heads": heads,
    "layers": layer_list,
}


@dataclass(frozen=True, kw_only=True)
class LayerSummary:
    """One layer of a network, without its weights.

    Attributes:
        name: Its name in the module.
        kind: Name of its class.
        shape: Shape of its output for one sample.
        parameters: Number of its parameters.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int


def make_network(
    network: NetworkArgs, shape: NetworkShape, ending: str = "linear", device: str | None = None
) -> nn.Module:
    """The network that settings describe, its weights drawn from torch's global generator.

    Args:
        network: Its settings.
        shape: Its inputs and outputs.
        ending: Activation of the output layer: linear, sigmoid or softmax.
        device: Device of the parameters; "meta" allocates no memory and draws no random numbers.

    Raises:
        SettingError: its kind is not a registered one.
    """
    kind = resolved_network_kind(network.kind, shape)
    if kind not in NETWORKS:
        raise SettingError(describe_unknown_name("kind of network", kind, tuple(NETWORKS)))
    return NETWORKS[kind](network, shape, ending, device)


def layers_of(network: NetworkArgs, shape: NetworkShape, ending: str = "linear") -> list[LayerSummary]:
    """Name, class, output shape and number of parameters of each layer; no random number is drawn."""
    module, device = make_network(network, shape, ending, "meta").eval(), "meta"
    if sum(parameter.numel() for parameter in module.parameters()) <= FEW_PARAMETERS:
        module, device = module.to_empty(device="cpu"), "cpu"
    layers: list[LayerSummary] = []

    def note(name: str) -> Callable[..., None]:
        def noted(child: nn.Module, given: Any, found: torch.Tensor) -> None:
            count = sum(parameter.numel() for parameter in child.parameters())
            layers.append(
                LayerSummary(name=name, kind=type(child).__name__, shape=tuple(found.shape[1:]), parameters=count)
            )

        return noted

    for name, child in module.named_modules():
        if not any(child.children()) and not isinstance(child, nn.Sequential):
            child.register_forward_hook(note(name))
    with torch.inference_mode():
        given = _inputs(shape, device)
        module(**given) if isinstance(given, dict) else module(given)
    return layers


def parameter_count(network: NetworkArgs, shape: NetworkShape) -> int:
    """Number of parameters that training changes."""
    return sum(parameter.numel() for parameter in make_network(network, shape, device="meta").parameters())


def _inputs(shape: NetworkShape, device: str) -> Any:
    """One sample with uninitialized values."""
    if shape.parts:
        return {name: torch.empty(1, size, device=device) for name, size in shape.parts}
    steps = () if shape.steps is None else (shape.steps,)
    return torch.empty(1, *steps, shape.inputs, device=device)
