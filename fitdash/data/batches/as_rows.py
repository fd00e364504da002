"""Converts the user's array (NumPy, torch, pandas, HDF5, lists) to rows that can be sliced and gathered."""

from typing import Any

import numpy as np
import torch

from fitdash.data.batches.hdf5 import H5Rows
from fitdash.data.batches.no_numbers import ragged_error, refuse_array, refuse_columns, refuse_masked
from fitdash.data.batches.rows import ArrayRows, TensorRows, supported_dtype
from fitdash.data.batches.sparse import CsrRows, is_scipy_sparse
from fitdash.errors import DataError

CAST_ONCE_BYTES = 64 * 1024 * 1024
"""Larger arrays of another floating-point type are cast piece by piece, so that no second copy of them is made."""

UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)
"""dtypes that torch stores but supports in few operations."""


def as_rows(value: Any, name: str, floating: torch.dtype) -> ArrayRows:
    """`value` as rows: floats are cast to `floating`, integers and booleans keep their dtype.

    Raises:
        DataError: it is not an array of numbers, or has no first axis.
    """
    if type(value).__module__.partition(".")[0] == "h5py":
        return H5Rows(value, name, floating)
    if is_scipy_sparse(value):
        value = value if value.ndim > 1 else value.toarray()
        return CsrRows(value, name, floating) if value.ndim > 1 else as_rows(value, name, floating)
    tensor = _plain(value, name) if isinstance(value, torch.Tensor) else torch.from_numpy(_numpy(value, name))
    if tensor.ndim == 0:
        raise DataError(f"{name} must have one row per sample, got the single value {tensor.item()}.")
    dtype = floating if tensor.is_floating_point() else tensor.dtype
    lazy = isinstance(value, np.memmap) or tensor.nbytes > CAST_ONCE_BYTES
    return TensorRows(tensor if lazy else tensor.to(dtype), dtype)


def _plain(tensor: torch.Tensor, name: str) -> torch.Tensor:
    """The tensor without its graph, in a dtype and layout from which rows can be gathered."""
    if tensor.is_complex() or tensor.layout != torch.strided:
        is_sparse, code = tensor.layout != torch.strided, name.removeprefix("validation ")
        found = "a sparse tensor" if is_sparse else f"dtype {tensor.dtype}"
        remedy = f"{code}.to_dense()" if is_sparse else f"torch.view_as_real({code})"
        raise DataError(f"{name} must hold real numbers, densely, got {found}. Pass {remedy}.")
    return tensor.detach().long() if tensor.dtype in UNSIGNED else tensor.detach()


def _numpy(value: Any, name: str) -> np.ndarray[Any, Any]:
    """A NumPy array that torch can share, copied only if its dtype or strides require it."""
    if type(value).__module__.partition(".")[0] == "pandas":
        _refuse_sparse(value, name)
        array = _from_pandas(value, name)
    else:
        if isinstance(value, np.ma.MaskedArray):
            refuse_masked(value, name)
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise ragged_error(value, name) from error
    if array.dtype.kind not in "fiub":
        refuse_array(array, name)
    kind = supported_dtype(array.dtype, name)
    if array.dtype != kind or any(stride < 0 for stride in array.strides):
        return np.array(array, dtype=kind)
    return array if array.flags.writeable else np.asarray(_Shared(array))


def _refuse_sparse(value: Any, name: str) -> None:
    """Refuse a frame with several columns and a sparse one among them, whose dense copy may not fit into memory.

    Raises:
        DataError: naming the first sparse column.
    """
    kinds = value.dtypes if value.ndim == 2 and value.shape[1] > 1 else ()
    sparse = [
        str(column) for column, kind in zip(getattr(value, "columns", ()), kinds, strict=False) if _is_sparse(kind)
    ]
    if sparse:
        every = len(sparse) == len(kinds)
        remedy = ".sparse.to_coo().tocsr()" if every else ".astype(float)"
        raise DataError(
            f"{name} must have dense columns, got the sparse column {sparse[0]!r}. Convert it with {remedy}."
        )


def _is_sparse(kind: Any) -> bool:
    return type(kind).__name__ == "SparseDtype"


def _from_pandas(value: Any, name: str) -> np.ndarray[Any, Any]:
    """A frame as (n, columns), a series as one column (n, 1), a pandas array as (n,)."""
    import pandas as pd

    frame = pd.DataFrame(value) if value.ndim == 1 else value
    refuse_columns(frame, name, is_series=value.ndim == 1)
    array = frame.to_numpy()
    if array.dtype == object and all(getattr(kind, "kind", "O") in "fiub" for kind in frame.dtypes):
        array = frame.to_numpy(dtype="float64", na_value=np.nan)
    return np.asarray(array if hasattr(value, "to_frame") or value.ndim > 1 else array[:, 0])


class _Shared:
    """Read-only memory presented as writable: torch warns about read-only arrays, and nothing here writes."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.kept = array
        address = dict(array.__array_interface__)
        address["data"] = (address["data"][0], False)
        self.__array_interface__ = address
