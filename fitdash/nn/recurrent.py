"""Layers that go through the steps of a sequence and remember; they give a value per step."""

from collections import OrderedDict
from typing import Any

import torch
from torch import nn

from fitdash.nn.mlp import Layers, output
from fitdash.settings.network import NetworkArgs, resolved_kind
from fitdash.settings.network_shape import Shape


class GRU(nn.GRU):
    """`torch.nn.GRU` that gives its sequence alone: (n, steps, inputs) to (n, steps, width)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        found: torch.Tensor = super().forward(x)[0]
        return found


class LSTM(nn.LSTM):
    """`torch.nn.LSTM` that gives its sequence alone: (n, steps, inputs) to (n, steps, width)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        found: torch.Tensor = super().forward(x)[0]
        return found


RECURRENT: dict[str, Any] = {"gru": GRU, "lstm": LSTM}


def recurrent(network: NetworkArgs, shape: Shape, ending: str, device: str | None = None) -> nn.Sequential:
    """(n, steps, inputs) to (n, steps, units) through `depth` recurrent layers of `width`.

    Args:
        network, shape, ending, device: As for `mlp`.
    """
    kind = resolved_kind(network.kind, shape)
    layers: Layers = OrderedDict()
    size = shape.inputs
    for place in range(1, network.depth + 1):
        layers[f"{kind}_{place}"] = RECURRENT[kind](size, network.width, batch_first=True, device=device)
        if network.dropout:
            layers[f"dropout_{place}"] = nn.Dropout(network.dropout)
        size = network.width
    return nn.Sequential(layers | output(size, shape.units, ending, device))
