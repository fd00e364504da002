"""Buffers that are reused for the rows gathered in each piece of a pass."""

import sys
from collections.abc import Callable
from typing import Any

import torch

LEAST_BYTES = 1024 * 1024
"""Smaller tensors are not worth keeping: the allocator serves them from memory that the process already has."""
MOST_KEPT = 2
"""Buffers kept: the rows of one piece are still in use while the next one is gathered."""


class RowBuffer:
    """Buffers that are given out again once no tensor, storage or NumPy array shares their memory.

    The system maps fresh memory page by page: for 8 MB that takes four times as long as gathering rows into it.
    """

    def __init__(self) -> None:
        self._kept: list[torch.Tensor] = []

    def for_rows(self, rows: int, like: torch.Tensor) -> torch.Tensor | None:
        """A tensor of so many rows to write into; None if reuse does not pay or holders cannot be counted."""
        size = rows * like[:1].nbytes
        if _holders is None or size < LEAST_BYTES or like.device.type != "cpu" or torch.is_inference_mode_enabled():
            return None
        for kept in self._kept:
            if len(kept) >= rows and _views(kept) == _views(torch.empty(1)):
                return kept[:rows]
        self._kept = [kept for kept in self._kept if len(kept) >= rows]
        if len(self._kept) >= MOST_KEPT:
            return None
        self._kept.append(torch.empty((rows, *like.shape[1:]), dtype=like.dtype))
        return self._kept[-1][:rows]


_holders: Callable[[int], int] | None = getattr(torch._C, "_storage_Use_Count", None)
"""Number of tensors and other objects that share a storage; torch has no public name for it."""


def _views(tensor: torch.Tensor) -> tuple[int, int]:
    """Holders of a tensor's storage: all of them, and references to its Python object."""
    memory: Any = tensor.untyped_storage()
    return _holders(memory._cdata) if _holders is not None else 0, sys.getrefcount(memory)
