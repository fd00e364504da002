"""Lays out the weights of image networks with the channels last while they are trained: on a CPU, half the time.

Only the memory layout changes, and only where no code but torch's depends on it: the module is made of torch's own
layers, and its optimizer is one by name, which gives its own tensors the layout of the parameters. Afterwards every
weight is back in its former memory, for code that holds a view of it. All strategies of a fit use the same layout.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from fitdash.engine.optimizers.keras_optimizer import KerasOptimizer
from fitdash.engine.recording.safety.bytecode import UnwatchableState
from fitdash.engine.recording.safety.step_guard import StepGuard

LAZY = (UninitializedParameter, UninitializedBuffer)
"""Parameters and buffers that get their shape from the first batch."""


@contextmanager
def channels_last(module: nn.Module, optimizer: Any) -> Iterator[None]:
    """Use the layout inside the block, for a module and an optimizer that allow it."""
    kept = [(weight, weight.data) for weight in _weights(module, optimizer)]
    for weight, before in kept:
        # `contiguous` would keep the strides of a single channel, which are ambiguous, and with them the slower kernel
        weight.data = torch.empty_like(before, memory_format=torch.channels_last).copy_(before)
    try:
        yield
    finally:
        for weight, before in kept:
            _put_back(weight, before)


def _put_back(weight: nn.Parameter, before: torch.Tensor) -> None:
    """Copy the trained numbers into the former memory, unless the weight has another shape, dtype or device by now."""
    now = weight.data
    if (now.shape, now.dtype, now.device) != (before.shape, before.dtype, before.device):
        return
    weight.data = before.copy_(now)
    if weight.grad is not None and weight.grad.layout == torch.strided:
        weight.grad = weight.grad.contiguous()


def _weights(module: nn.Module, optimizer: Any) -> list[nn.Parameter]:
    """The kernels of the convolutions over images; none where code of the user could see their layout."""
    found: list[Any] = [part.weight for part in module.modules() if type(part) is nn.Conv2d and part.groups == 1]
    if not found or type(optimizer) is not KerasOptimizer or not all(map(_is_plain, found)):
        return []
    if any(isinstance(tensor, LAZY) for tensor in (*module.parameters(), *module.buffers())):
        return []
    try:
        is_ours, _ = StepGuard(module, []).judged()
    except UnwatchableState:
        return []
    return list(dict.fromkeys(found)) if is_ours else []


def _is_plain(weight: torch.Tensor) -> bool:
    """True for a contiguous CPU parameter that fills its storage alone, as torch creates it."""
    whole = weight.untyped_storage().nbytes() == weight.nbytes
    return type(weight) is nn.Parameter and weight.device.type == "cpu" and weight.is_contiguous() and whole
