"""Networks of GRU or LSTM layers, with an output at each step of a sequence."""

from collections import OrderedDict
from typing import Any

import torch
from torch import nn

from fitdash.nn.mlp import NamedLayers, output_layer
from fitdash.settings.network import NetworkArgs, resolved_network_kind
from fitdash.settings.network_shape import NetworkShape


class GRU(nn.GRU):
    """`torch.nn.GRU` that returns its sequence without its state: (n, steps, inputs) to (n, steps, width)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        found: torch.Tensor = super().forward(x)[0]
        return found


class LSTM(nn.LSTM):
    """`torch.nn.LSTM` that returns its sequence without its state: (n, steps, inputs) to (n, steps, width)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        found: torch.Tensor = super().forward(x)[0]
        return found


RECURRENT: dict[str, Any] = {"gru": GRU, "lstm": LSTM}


def recurrent(network: NetworkArgs, shape: NetworkShape, ending: str, device: str | None = None) -> nn.Sequential:
    """(n, steps, inputs) to (n, steps, units) through `depth` recurrent layers of `width`.

    Args:
        network, shape, ending, device: As for `mlp`.
    """
    kind = resolved_network_kind(network.kind, shape)
    layers: NamedLayers = OrderedDict()
    size = shape.inputs
    for place in range(1, network.depth + 1):
        layers[f"{kind}_{place}"] = RECURRENT[kind](size, network.width, batch_first=True, device=device)
        if network.dropout:
            layers[f"dropout_{place}"] = nn.Dropout(network.dropout)
        size = network.width
    return nn.Sequential(layers | output_layer(size, shape.units, ending, device))
