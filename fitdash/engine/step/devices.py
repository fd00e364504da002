"""Device, floating-point type, number of threads and denormals of a computation."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from fitdash import options
from fitdash.data.batches.source import DeviceAndDtype
from fitdash.errors import SettingError


def device_and_dtype_of(module: nn.Module) -> DeviceAndDtype:
    """The device and floating-point type of the module's parameters, which batches are moved to."""
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    floating = next((p.dtype for p in module.parameters() if p.dtype.is_floating_point), None)
    return DeviceAndDtype(device, floating or torch.get_default_dtype())


def resolve_device(given: Any) -> torch.device:
    """A torch device; "auto" is the best of this machine.

    Raises:
        SettingError: there is no such device.
    """
    if given == "auto":
        best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(best)
    try:
        device = torch.device(given)
    except (RuntimeError, TypeError) as error:
        raise SettingError(f'device must be "auto", "cpu", "cuda", "mps" or a torch device, got {given!r}.') from error
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # the latter is what a torch without CUDA raises
        raise SettingError(
            f'device must be there on this machine, got {str(device)!r}. "auto" takes the best.'
        ) from error
    return device


@contextmanager
def limit_threads() -> Iterator[None]:
    """Compute with `options.threads` torch threads inside the block; the caller's number is restored."""
    before = torch.get_num_threads()
    if before == options.threads:
        yield
        return
    torch.set_num_threads(options.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def flush_denormals() -> Iterator[None]:
    """Treat numbers below 1e-38 as 0 inside the block; the caller's setting is restored.

    Moments of an optimizer decay into them where gradients have vanished, and a CPU takes many times as long for each.
    """
    before = not torch.tensor(1e-39).mul(1.0).item()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
