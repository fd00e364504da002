"""A stack of fully connected layers."""

from collections import OrderedDict
from collections.abc import Callable

from torch import nn

from fitdash.settings.network import NetworkArgs
from fitdash.settings.network_shape import NetworkShape

NamedLayers = OrderedDict[str, nn.Module]
ACTIVATIONS: dict[str, Callable[[], nn.Module] | None] = {
    "linear": None,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
}
ENDINGS: dict[str, Callable[[], nn.Module] | None] = {
    "linear": None,
    "sigmoid": nn.Sigmoid,
    "softmax": lambda: nn.Softmax(dim=-1),
}


def mlp(network: NetworkArgs, shape: NetworkShape, ending: str, device: str | None = None) -> nn.Sequential:
    """(n, inputs) to (n, units) through `depth` hidden layers of `width`; of sequences, each step by itself.

    Args:
        network: Its settings.
        shape: Its inputs and outputs.
        ending: Activation of the output layer: linear, sigmoid or softmax.
        device: Device of the parameters; "meta" allocates no memory and draws no random numbers.
    """
    layers = hidden_layers(network, shape.inputs, network.depth, device)
    last = network.width if network.depth else shape.inputs
    return nn.Sequential(layers | output_layer(last, shape.units, ending, device))


def hidden_layers(network: NetworkArgs, inputs: int, depth: int, device: str | None) -> NamedLayers:
    """`depth` fully connected layers of `width`, each with its activation and dropout."""
    layers: NamedLayers = OrderedDict()
    size = inputs
    for place in range(1, depth + 1):
        layers[f"hidden_{place}"] = nn.Linear(size, network.width, device=device)
        layers |= activation_and_dropout(network, place)
        size = network.width
    return layers


def activation_and_dropout(network: NetworkArgs, place: int) -> NamedLayers:
    """Activation and dropout after a layer, where the settings have them."""
    layers: NamedLayers = OrderedDict()
    activation = ACTIVATIONS[network.activation]
    if activation is not None:
        layers[f"{network.activation}_{place}"] = activation()
    if network.dropout:
        layers[f"dropout_{place}"] = nn.Dropout(network.dropout)
    return layers


def output_layer(inputs: int, units: int, ending: str, device: str | None) -> NamedLayers:
    """The output layer with its activation."""
    layers: NamedLayers = OrderedDict(output=nn.Linear(inputs, units, device=device))
    last = ENDINGS[ending]
    if last is not None:
        layers[ending] = last()
    return layers
