"""Parameters that one kernel call can update together, with the tensors an optimizer keeps for them."""

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """Parameters of one device and dtype.

    Attributes:
        parameters: In the order of their group.
        slots: By name, one tensor for each parameter, with its shape and strides; the same objects as in the state.
        fused: The rule's fused kernel may be used.
        count: The number of this step as the fused kernels take it: one float32 scalar, shared by all.
        counts: `count` once for each parameter.
        strides: Of the parameters; fused kernels read memory in order, so gradients must have the same.
        places: Addresses of the parameters when the bucket was made.
    """

    parameters: list[Tensor]
    slots: dict[str, list[Tensor]]
    fused: bool
    count: Tensor
    counts: list[Tensor]
    strides: list[tuple[int, ...]]
    places: list[int]

    def gradients(self) -> list[Tensor]:
        """The gradients, dense and in the memory layout of their parameters."""
        gradients: list[Any] = [p.grad for p in self.parameters]
        if self.fused and [g.stride() for g in gradients] == self.strides:  # never those of a sparse gradient
            return gradients
        gradients = [g if g.layout == torch.strided else g.to_dense() for g in gradients]
        if not self.fused:
            return gradients
        return [torch.empty_like(p).copy_(g) for p, g in zip(self.parameters, gradients, strict=True)]

    def moved(self) -> bool:
        """True if a parameter has other memory than when the bucket was made: another device, dtype or layout."""
        return self.fused and [p.data_ptr() for p in self.parameters] != self.places


def buckets_of(
    parameters: Iterable[Tensor],
    state: MutableMapping[Any, dict[str, Any]],
    slots: Mapping[str, float],
    fused_on: tuple[str, ...],
) -> list[Bucket]:
    """Buckets for these parameters; slots that `state` lacks are made, others get the layout of their parameter."""
    parts: dict[Any, list[Tensor]] = {}
    for p in parameters:
        fused = p.device.type in fused_on and _is_plain(p)
        parts.setdefault((p.device, p.dtype, fused), []).append(p)
    return [_bucket(part, state, slots, fused) for (_, _, fused), part in parts.items()]


def _bucket(
    parameters: list[Tensor], state: MutableMapping[Any, dict[str, Any]], slots: Mapping[str, float], fused: bool
) -> Bucket:
    count = torch.zeros((), dtype=torch.float32, device=parameters[0].device)
    return Bucket(
        parameters=parameters,
        slots={name: [_slot(p, state[p], name, start) for p in parameters] for name, start in slots.items()},
        fused=fused,
        count=count,
        counts=[count] * len(parameters),
        strides=[p.stride() for p in parameters] if fused else [],
        places=[p.data_ptr() for p in parameters] if fused else [],
    )


def _slot(p: Tensor, state: dict[str, Any], name: str, start: float) -> Tensor:
    """The slot of that name, made or moved where needed."""
    kept = state.get(name)
    if kept is None:
        kept = torch.full_like(p, start, requires_grad=False)
    elif (kept.dtype, kept.device, kept.stride()) != (p.dtype, p.device, torch.empty_like(p).stride()):
        kept = torch.empty_like(p, requires_grad=False).copy_(kept)
    state[name] = kept
    return kept


def _is_plain(p: Tensor) -> bool:
    """True for a dense floating-point tensor without gaps, of no subclass that may override operations."""
    return (
        type(p) in (Tensor, torch.nn.Parameter)
        and p.layout == torch.strided
        and p.is_floating_point()
        and torch.empty_like(p).stride() == p.stride()
    )
