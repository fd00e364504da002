"""A stack of convolutions over an image."""

from collections import OrderedDict

from torch import nn

from fitdash.nn.mlp import NamedLayers, activation_and_dropout, output_layer
from fitdash.settings.network import NetworkArgs, pooled_sizes
from fitdash.settings.network_shape import NetworkShape

WINDOW = 3


def cnn(network: NetworkArgs, shape: NetworkShape, ending: str, device: str | None = None) -> nn.Sequential:
    """(n, height * width) to (n, units) through `depth` convolutions of `width` channels.

    Each has a kernel of 3 by 3 and is followed by pooling that halves the image, while that stays at least 2 by 2.

    Args:
        network, shape, ending, device: As for `mlp`.
    """
    size = shape.image or (1, shape.inputs)
    layers: NamedLayers = OrderedDict(image=nn.Unflatten(1, (1, *size)))
    channels = 1
    for place, after in enumerate(pooled_sizes(size, network.depth), start=1):
        layers[f"convolution_{place}"] = nn.Conv2d(channels, network.width, WINDOW, padding=WINDOW // 2, device=device)
        layers |= activation_and_dropout(network, place)
        if after != size:
            layers[f"pool_{place}"] = nn.MaxPool2d(2)
        channels, size = network.width, after
    layers["flat"] = nn.Flatten()
    return nn.Sequential(layers | output_layer(channels * size[0] * size[1], shape.units, ending, device))
