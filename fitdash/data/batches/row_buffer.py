"""Memory for rows that are gathered again and again."""

import sys
from collections.abc import Callable
from typing import Any

import torch

LEAST_BYTES = 1024 * 1024
"""Less comes from what the process has at hand."""
MOST_KEPT = 2
"""The rows of one piece are looked at while the next one is gathered."""


class RowBuffer:
    """Memory in which nobody sees any more what lay there before.

    Fresh memory is given page by page: of 8 MB that takes four times as long as gathering rows into it.
    """

    def __init__(self) -> None:
        self._kept: list[torch.Tensor] = []

    def for_rows(self, rows: int, like: torch.Tensor) -> torch.Tensor | None:
        """A tensor of so many rows to write into; None where it does not pay, or nobody can tell who holds what."""
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
"""How many tensors, and whatever else, see a piece of memory; torch has no public word for it."""


def _views(tensor: torch.Tensor) -> tuple[int, int]:
    """Of the memory of a tensor: how many see it, and how many hold it as a Python object."""
    memory: Any = tensor.untyped_storage()
    return _holders(memory._cdata) if _holders is not None else 0, sys.getrefcount(memory)
