"""One array as rows that can be sliced and gathered, whatever library it came from; copied only where it must be."""

import math
from typing import Any, Protocol

import numpy as np
import torch

from fitdash.data.room import Room
from fitdash.errors import DataError

CAST_ONCE_BYTES = 64 * 1024 * 1024
"""Larger arrays of another floating-point type are cast piece by piece, so that no second copy of them exists."""

UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)
"""Kinds that torch stores but hardly computes with."""


class Rows(Protocol):
    """An array whose first axis counts samples."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def row_bytes(self) -> int: ...

    def slice(self, start: int, stop: int) -> torch.Tensor:
        """Rows start … stop − 1, a view where that is possible."""

    def take(self, index: torch.Tensor) -> torch.Tensor:
        """The rows of (k,) int64 indices, a copy."""

    def narrow(self, start: int, stop: int) -> "Rows":
        """The same array with only these rows; no copy."""


class TensorRows:
    """Rows of a tensor, cast on the way out."""

    def __init__(self, tensor: torch.Tensor, dtype: torch.dtype) -> None:
        self.tensor, self.dtype = tensor, dtype
        self._room = Room()

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
        room = self._room.for_rows(len(index), self.tensor) if self.tensor.dtype == self.dtype else None
        if room is not None:
            return torch.index_select(self.tensor, 0, index, out=room)
        return self.tensor.index_select(0, index).to(self.dtype)

    def narrow(self, start: int, stop: int) -> "TensorRows":
        return TensorRows(self.tensor[start:stop], self.dtype)

    def on(self, device: torch.device) -> "TensorRows":
        """The same rows on a device, cast."""
        return TensorRows(self.tensor.to(device, self.dtype), self.dtype)

    def lies_on(self, device: torch.device) -> bool:
        """Whether pieces for this device are views."""
        return self.tensor.device == device and self.tensor.dtype == self.dtype

    def shares(self, piece: torch.Tensor) -> bool:
        """Whether writing into `piece` would write into these rows."""
        return piece.untyped_storage().data_ptr() == self.tensor.untyped_storage().data_ptr()


def has_room(device: torch.device, size_bytes: int) -> bool:
    """Whether data may stay on a device: a GPU that has twice as much memory free."""
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return 2 * size_bytes <= free


def rows_of(value: Any, name: str, floating: torch.dtype) -> Rows:
    """`value` as rows: floats become `floating`, integers and booleans keep their kind.

    Raises:
        DataError: it is no array of numbers, or has no first axis.
    """
    if type(value).__module__.partition(".")[0] == "h5py":
        from fitdash.data.hdf5 import H5Rows

        return H5Rows(value, name, floating)
    tensor = _plain(value, name) if isinstance(value, torch.Tensor) else torch.from_numpy(_numpy(value, name))
    if tensor.ndim == 0:
        raise DataError(f"{name} must have one row per sample, got the single value {tensor.item()}.")
    dtype = floating if tensor.is_floating_point() else tensor.dtype
    lazy = isinstance(value, np.memmap) or tensor.nbytes > CAST_ONCE_BYTES
    return TensorRows(tensor if lazy else tensor.to(dtype), dtype)


def _plain(tensor: torch.Tensor, name: str) -> torch.Tensor:
    """A tensor without history, of a kind that rows can be gathered from."""
    if tensor.is_complex() or tensor.layout != torch.strided:
        found = "a sparse tensor" if tensor.layout != torch.strided else f"dtype {tensor.dtype}"
        raise DataError(f"{name} must hold real numbers, densely, got {found}.")
    return tensor.detach().long() if tensor.dtype in UNSIGNED else tensor.detach()


def kept_kind(dtype: np.dtype[Any], name: str) -> np.dtype[Any]:
    """The NumPy type that torch can hold for data of `dtype`.

    Raises:
        DataError: it holds no real numbers.
    """
    if dtype.kind not in "fiub":
        raise DataError(f"{name} must hold real numbers, got dtype {dtype}. Encode text, dates and objects as numbers.")
    if dtype.kind == "f" and dtype.itemsize > 8:
        return np.dtype(np.float64)
    if dtype.kind == "u" and dtype.itemsize > 1:
        return np.dtype(np.int64)
    return dtype.newbyteorder("=")


def _numpy(value: Any, name: str) -> np.ndarray[Any, Any]:
    """A NumPy array that torch can share, without copying where its layout allows that."""
    if type(value).__module__.partition(".")[0] == "pandas":
        array = _from_pandas(value)
    else:
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise DataError(f"{name} must be a rectangular array, got rows of different lengths.") from error
    kind = kept_kind(array.dtype, name)
    if array.dtype != kind or any(stride < 0 for stride in array.strides):
        return np.array(array, dtype=kind)
    return array if array.flags.writeable else np.asarray(_Shared(array))


def _from_pandas(value: Any) -> np.ndarray[Any, Any]:
    """A frame as (n, columns), a series as one column (n, 1), an array of pandas' own as (n,)."""
    import pandas as pd

    frame = pd.DataFrame(value) if value.ndim == 1 else value
    array = frame.to_numpy()
    if array.dtype == object and all(getattr(kind, "kind", "O") in "fiub" for kind in frame.dtypes):
        array = frame.to_numpy(dtype="float64", na_value=np.nan)
    return np.asarray(array if hasattr(value, "to_frame") or value.ndim > 1 else array[:, 0])


class _Shared:
    """Read-only memory under a writable name: torch warns about what it could write to, and nothing here writes."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.kept = array
        address = dict(array.__array_interface__)
        address["data"] = (address["data"][0], False)
        self.__array_interface__ = address
