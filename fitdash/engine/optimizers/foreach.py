"""One operation on a whole list of tensors: torch's own multi-tensor calls, or a loop where a release has none.

`foreach.add_(parameters, gradients, alpha=-0.1)` is `torch._foreach_add_(…)`. torch keeps these calls under private
names; without one, each tensor is computed by the public method of the same name, with the same numbers and slower.
"""

from collections.abc import Callable
from typing import Any

import torch

from fitdash.private_names import warn_missing


class MultiTensorCalls:
    """Calls by the name of the tensor method; each is looked up when it is first used."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(torch, f"_foreach_{name}", None)
        if call is None:
            warn_missing(f"torch._foreach_{name}", "optimizers take one tensor after the other")
            call = one_by_one(name)
        setattr(self, name, call)
        return call


def one_by_one(name: str) -> Callable[..., Any]:
    """The call as a loop over the tensors of its lists.

    Args:
        name: Of the method of a tensor, such as "add_"; lists are taken apart, everything else is passed on as it is.

    Returns:
        A function that gives a list, or nothing where the name ends in "_".
    """
    in_place = name.endswith("_")

    def method(tensor: torch.Tensor, *others: Any, **named: Any) -> Any:
        if name == "norm":
            return torch.linalg.vector_norm(tensor, *others, **named)
        if name in ("maximum", "maximum_"):
            found = torch.maximum(tensor, *others)
            return tensor.copy_(found) if in_place else found
        if name in ("addcmul_", "addcdiv_") and len(others) == 3:  # torch's method takes the factor by name
            return getattr(tensor, name)(*others[:2], value=others[2])
        return getattr(tensor, name)(*others, **named)

    def call(tensors: list[torch.Tensor], *others: Any, **named: Any) -> list[torch.Tensor] | None:
        rows = zip(
            *(other if isinstance(other, list | tuple) else [other] * len(tensors) for other in others), strict=True
        )
        with torch.no_grad():
            found = [
                method(tensor, *row, **named)
                for tensor, row in zip(tensors, rows if others else [()] * len(tensors), strict=True)
            ]
        return None if in_place else found

    return call


foreach = MultiTensorCalls()
