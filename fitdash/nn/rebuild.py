"""Rebuilds a trained network from its weights, and computes its outputs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from fitdash.nn.registry import make_network
from fitdash.settings.network import NetworkArgs
from fitdash.settings.network_shape import NetworkShape

Array = np.ndarray[Any, Any]


def rebuild_network(network: NetworkArgs, shape: NetworkShape, ending: str, weights: Mapping[str, Array]) -> nn.Module:
    """The network with these weights, in evaluation mode; no random number is drawn.

    Args:
        network: Its settings.
        shape: Its inputs and outputs.
        ending: Activation of the output layer.
        weights: Parameters and buffers by name.

    Raises:
        RuntimeError: the weights are those of another network.
    """
    module = make_network(network, shape, ending, "meta")
    module.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, assign=True)
    return module.eval()


def compute_outputs(module: nn.Module, x: Array) -> Any:
    """Outputs for (n, inputs) samples: (n, units) float32, or a dict of them by output."""
    with torch.inference_mode():
        given = module(torch.from_numpy(x))
    return {name: part.numpy() for name, part in given.items()} if isinstance(given, dict) else given.numpy()
