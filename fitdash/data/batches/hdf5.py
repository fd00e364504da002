"""HDF5 data sets, read in contiguous blocks: reading row by row is some hundred times slower."""

import warnings
from typing import Any

import numpy as np
import torch

from fitdash import options
from fitdash.data.batches.rows import ArrayRows, TensorRows, supported_dtype


class H5Rows:
    """Rows of an h5py data set, read from the file only when they are sliced or gathered."""

    def __init__(self, dataset: Any, name: str, floating: torch.dtype, start: int = 0, stop: int | None = None) -> None:
        self.dataset, self.name, self.floating = dataset, name, floating
        self.start = start
        self.stop = len(dataset) if stop is None else stop
        self.kind = supported_dtype(dataset.dtype, name)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.stop - self.start, *self.dataset.shape[1:])

    @property
    def row_bytes(self) -> int:
        return max(1, int(np.prod(self.dataset.shape[1:], dtype=np.int64)) * self.kind.itemsize)

    def slice(self, start: int, stop: int) -> torch.Tensor:
        return self._tensor(self.dataset[self.start + start : self.start + stop])

    def take(self, index: torch.Tensor) -> torch.Tensor:
        """Rows by index: read in rising order in one pass over the file, then put back into the order of `index`."""
        order = torch.argsort(index)
        found = self._tensor(self.dataset[(index[order].long() + self.start).numpy()])
        return found[torch.argsort(order)]

    def narrow(self, start: int, stop: int) -> "H5Rows":
        return H5Rows(self.dataset, self.name, self.floating, self.start + start, self.start + stop)

    def in_memory(self) -> TensorRows:
        """The same rows, read into memory."""
        tensor = self.slice(0, self.shape[0])
        return TensorRows(tensor, tensor.dtype)

    def _tensor(self, block: np.ndarray[Any, Any]) -> torch.Tensor:
        tensor = torch.from_numpy(block.astype(self.kind, copy=False))
        return tensor.to(self.floating) if tensor.is_floating_point() else tensor


def load_for_shuffling(parts: list[ArrayRows]) -> list[ArrayRows]:
    """HDF5 data read into memory if all of it fits `options.read_once_bytes`; otherwise unchanged, with a warning."""
    stored = [part for part in parts if isinstance(part, H5Rows)]
    size = sum(part.shape[0] * part.row_bytes for part in stored)
    if size <= options.read_once_bytes:
        return [part.in_memory() if isinstance(part, H5Rows) else part for part in parts]
    names = " and ".join(part.name for part in stored)
    warnings.warn(
        f"{names}: {size} bytes of HDF5 are more than options.read_once_bytes={options.read_once_bytes}, so shuffling "
        'row by row reads slowly. shuffle="batch" shuffles whole batches and is fast.',
        stacklevel=2,
    )
    return parts
