"""`ArrayRows`: one array of any library as rows that can be sliced and gathered, copied only if necessary."""

import math
from typing import Any, Protocol

import numpy as np
import torch

from fitdash.data.batches.row_buffer import RowBuffer
from fitdash.errors import DataError


class ArrayRows(Protocol):
    """An array whose first axis counts samples."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def row_bytes(self) -> int: ...

    def slice(self, start: int, stop: int) -> torch.Tensor:
        """Rows start … stop − 1, as a view if possible."""

    def take(self, index: torch.Tensor) -> torch.Tensor:
        """The rows of (k,) int64 indices, a copy."""

    def narrow(self, start: int, stop: int) -> "ArrayRows":
        """The array narrowed to these rows, without a copy."""


class TensorRows:
    """Rows of a tensor, cast to `dtype` when they are read.

    Attributes:
        start: Index of the first row in the array that the user gave.
    """

    def __init__(self, tensor: torch.Tensor, dtype: torch.dtype, start: int = 0) -> None:
        self.tensor, self.dtype, self.start = tensor, dtype, start
        self._buffer = RowBuffer()

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.tensor.shape)

    @property
    def row_bytes(self) -> int:
        return max(1, math.prod(self.tensor.shape[1:]) * self.dtype.itemsize)

    def slice(self, start: int, stop: int) -> torch.Tensor:
        return self.tensor[start:stop].to(self.dtype)

    def take(self, index: torch.Tensor) -> torch.Tensor:
        index = index.to(self.tensor.device)
        out = self._buffer.for_rows(len(index), self.tensor) if self.tensor.dtype == self.dtype else None
        if out is not None:
            return torch.index_select(self.tensor, 0, index, out=out)
        return self.tensor.index_select(0, index).to(self.dtype)

    def narrow(self, start: int, stop: int) -> "TensorRows":
        return TensorRows(self.tensor[start:stop], self.dtype, self.start + start)

    def on(self, device: torch.device) -> "TensorRows":
        """The same rows on a device, cast to `dtype`."""
        return TensorRows(self.tensor.to(device, self.dtype), self.dtype, self.start)

    def lies_on(self, device: torch.device) -> bool:
        """True if slices for this device are views: it holds the tensor, in `dtype`."""
        return self.tensor.device == device and self.tensor.dtype == self.dtype

    def shares(self, piece: torch.Tensor) -> bool:
        """True if writing into `piece` would write into these rows."""
        return piece.untyped_storage().data_ptr() == self.tensor.untyped_storage().data_ptr()


def has_free_memory(device: torch.device, size_bytes: int) -> bool:
    """True if data may stay on a device: a GPU with at least twice that much memory free."""
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return 2 * size_bytes <= free


def supported_dtype(dtype: np.dtype[Any], name: str) -> np.dtype[Any]:
    """The NumPy type that torch can hold for data of `dtype`.

    Raises:
        DataError: the dtype does not hold real numbers.
    """
    if dtype.kind not in "fiub":
        raise DataError(f"{name} must hold real numbers, got dtype {dtype}. Encode text, dates and objects as numbers.")
    if dtype.kind == "f" and dtype.itemsize > 8:
        return np.dtype(np.float64)
    if dtype.kind == "u" and dtype.itemsize > 1:
        return np.dtype(np.int64)
    return dtype.newbyteorder("=")
