"""Sparse matrices of SciPy: rows of a CSR matrix made dense a batch at a time, other kinds refused with the remedy.

SciPy is not imported here: whoever has one of its matrices has imported it.
"""

from typing import Any

import numpy as np
import torch

from fitdash.data.batches.rows import supported_dtype
from fitdash.errors import DataError


def is_scipy_sparse(value: Any) -> bool:
    """True for a sparse matrix or array of SciPy, of any format."""
    return type(value).__module__.partition(".")[0] == "scipy" and hasattr(value, "tocsr") and hasattr(value, "nnz")


class CsrRows:
    """Rows of a CSR matrix, dense when they are read.

    Args:
        matrix: Two axes; its dtype is that of the rows, floats are cast to `floating`.
        name: Its name in error messages.
        floating: dtype that floating-point numbers are cast to.

    Raises:
        DataError: another format than CSR, or no real numbers.
    """

    def __init__(self, matrix: Any, name: str, floating: torch.dtype) -> None:
        if matrix.format != "csr":
            raise DataError(
                f"{name} must be dense or a sparse matrix in CSR format, got one in {matrix.format.upper()} format. "
                "Convert it with .tocsr()."
            )
        self.kind = supported_dtype(matrix.dtype, name)
        self.matrix = matrix
        self.dtype = floating if self.kind.kind == "f" else torch.from_numpy(np.empty(0, self.kind)).dtype
        self.start, self.stop = 0, int(matrix.shape[0])

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.stop - self.start, *(int(length) for length in self.matrix.shape[1:]))

    @property
    def row_bytes(self) -> int:
        return max(1, int(self.matrix.shape[1]) * self.dtype.itemsize)

    def slice(self, start: int, stop: int) -> torch.Tensor:
        return self._dense(slice(self.start + start, self.start + min(stop, self.shape[0])))

    def take(self, index: torch.Tensor) -> torch.Tensor:
        return self._dense(index.cpu().numpy() + self.start)

    def narrow(self, start: int, stop: int) -> "CsrRows":
        other = object.__new__(CsrRows)
        vars(other).update(vars(self), start=self.start + start, stop=self.start + min(stop, self.shape[0]))
        return other

    def _dense(self, rows: Any) -> torch.Tensor:
        return torch.from_numpy(self.matrix[rows].astype(self.kind).toarray()).to(self.dtype)
