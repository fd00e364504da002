"""A network from a layer list."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from torch import nn

from fitdash.nn.mlp import ACTIVATIONS, NamedLayers, output_layer
from fitdash.nn.recurrent import RECURRENT
from fitdash.settings.layers import EPSILON, IMAGE, Size
from fitdash.settings.network import NetworkArgs, layers_in, size_before_output
from fitdash.settings.network_shape import NetworkShape


def layer_list(network: NetworkArgs, shape: NetworkShape, ending: str, device: str | None = None) -> nn.Sequential:
    """The inputs to (n, units), or (n, steps, units), through the listed layers in order and an output layer.

    Args:
        network, shape, ending, device: As for `mlp`.
    """
    places = layers_in(network, shape)
    layers: NamedLayers = OrderedDict()
    if places and len(places[0].before) == IMAGE:
        layers["image"] = nn.Unflatten(1, places[0].before)
    for place, one in enumerate(places, start=1):
        args: Any = one.args
        made = LAYERS[args.kind](args, one.before, device)
        if made is not None:
            layers[f"{NAMES[args.kind]}_{place}"] = made
        activation = ACTIVATIONS[getattr(args, "activation", "linear")]
        if activation is not None:
            layers[f"{args.activation}_{place}"] = activation()
    return nn.Sequential(layers | output_layer(size_before_output(network, shape)[-1], shape.units, ending, device))


def _convolution(args: Any, size: Size, device: str | None) -> nn.Module:
    return nn.Conv2d(size[0], args.filters, args.kernel_size, padding=args.edge, device=device)


def _batch_normalization(args: Any, size: Size, device: str | None) -> nn.Module:
    made = nn.BatchNorm2d if len(size) == IMAGE else nn.BatchNorm1d
    return made(size[0], eps=EPSILON, momentum=args.share, device=device)


def _recurrent(args: Any, size: Size, device: str | None) -> nn.Module:
    made: nn.Module = RECURRENT[args.kind.lower()](size[1], args.units, batch_first=True, device=device)
    return made


LAYERS: dict[str, Callable[[Any, Size, str | None], nn.Module | None]] = {
    "Dense": lambda args, size, device: nn.Linear(size[-1], args.units, device=device),
    "Dropout": lambda args, size, device: nn.Dropout(args.rate),
    "Activation": lambda args, size, device: None,
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": lambda args, size, device: nn.LayerNorm(size[-1], eps=EPSILON, device=device),
    "Conv2D": _convolution,
    "MaxPooling2D": lambda args, size, device: nn.MaxPool2d(args.pool_size),
    "Flatten": lambda args, size, device: nn.Flatten(),
    "GRU": _recurrent,
    "LSTM": _recurrent,
}
NAMES = {
    "Dense": "dense",
    "Dropout": "dropout",
    "Activation": "activation",
    "BatchNormalization": "batch_normalization",
    "LayerNormalization": "layer_normalization",
    "Conv2D": "convolution",
    "MaxPooling2D": "pool",
    "Flatten": "flatten",
    "GRU": "gru",
    "LSTM": "lstm",
}
