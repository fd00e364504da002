"""A stack of fully connected layers."""

from collections import OrderedDict
from collections.abc import Callable

from torch import nn

from fitdash.spec.network import NetworkArgs

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


def mlp(network: NetworkArgs, inputs: int, units: int, ending: str, device: str | None = None) -> nn.Sequential:
    """(n, inputs) to (n, units) through `depth` hidden layers of `width`.

    Args:
        network: Its settings.
        inputs: Numbers of a sample.
        units: Numbers that come out.
        ending: What the last layer does to them: linear, sigmoid or softmax.
        device: "meta" makes it without memory and without drawing random numbers.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    size = inputs
    for place in range(1, network.depth + 1):
        layers[f"hidden_{place}"] = nn.Linear(size, network.width, device=device)
        activation = ACTIVATIONS[network.activation]
        if activation is not None:
            layers[f"{network.activation}_{place}"] = activation()
        if network.dropout:
            layers[f"dropout_{place}"] = nn.Dropout(network.dropout)
        size = network.width
    layers["output"] = nn.Linear(size, units, device=device)
    last = ENDINGS[ending]
    if last is not None:
        layers[ending] = last()
    return nn.Sequential(layers)
