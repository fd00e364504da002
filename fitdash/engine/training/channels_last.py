"""The weights of image networks, laid out with the channels last while they are trained: on a CPU, half the time.

Only the layout changes, and only where nobody's code but torch's could trip over it: the module is made of torch's own
layers, and its optimizer is one by name, which lays out its own tensors as the parameters. Afterwards every weight is
back in the memory where it was, for whoever looks at it. Step by step or recorded, a fit has the same layout.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from fitdash.engine.optimizers.keras_optimizer import KerasOptimizer
from fitdash.engine.recording.safety.bytecode import UnwatchableState
from fitdash.engine.recording.safety.step_guard import StepGuard


@contextmanager
def channels_last(module: nn.Module, optimizer: Any) -> Iterator[None]:
    """For a while, where it pays."""
    kept = [(weight, weight.data) for weight in _weights(module, optimizer)]
    for weight, before in kept:
        # `contiguous` would leave the strides of a single channel, which say nothing, and so the kernel that follows
        weight.data = torch.empty_like(before, memory_format=torch.channels_last).copy_(before)
    try:
        yield
    finally:
        for weight, before in kept:
            _put_back(weight, before)


def _put_back(weight: nn.Parameter, before: torch.Tensor) -> None:
    """The numbers of now in the memory of before, unless somebody made something else of it."""
    now = weight.data
    if (now.shape, now.dtype, now.device) != (before.shape, before.dtype, before.device):
        return
    weight.data = before.copy_(now)
    if weight.grad is not None and weight.grad.layout == torch.strided:
        weight.grad = weight.grad.contiguous()


def _weights(module: nn.Module, optimizer: Any) -> list[nn.Parameter]:
    """Kernels of images; none where somebody's code could see them."""
    found: list[Any] = [part.weight for part in module.modules() if type(part) is nn.Conv2d and part.groups == 1]
    if not found or type(optimizer) is not KerasOptimizer or not all(map(_is_plain, found)):
        return []
    if any(is_lazy(tensor) for tensor in (*module.parameters(), *module.buffers())):
        return []
    try:
        is_ours, _ = StepGuard(module, []).judged()
    except UnwatchableState:
        return []
    return list(dict.fromkeys(found)) if is_ours else []


def _is_plain(weight: torch.Tensor) -> bool:
    """Whether a weight lies in memory of its own, as it is made."""
    whole = weight.untyped_storage().nbytes() == weight.nbytes
    return type(weight) is nn.Parameter and weight.device.type == "cpu" and weight.is_contiguous() and whole
