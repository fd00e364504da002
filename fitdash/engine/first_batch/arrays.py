"""The arrays behind a source of batches, as the checks of the first batch look at them: whole, in one pass."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler, Subset, TensorDataset, default_collate

from fitdash.data.batches.arrays import ArraySource
from fitdash.data.batches.data_loader import LoaderSource
from fitdash.data.batches.generator import IterableSource
from fitdash.data.batches.rows import ArrayRows, TensorRows
from fitdash.data.batches.source import Batch, leaves_of, replace_leaves
from fitdash.data.batches.torch_dataset import DatasetSource

PIECE_BYTES = 64 * 1024 * 1024
"""Most bytes that a check looks at in one call, so that arrays on disk are never read as a whole."""


def arrays_of(source: Any) -> tuple[Any, Any] | None:
    """x and y of a source that cuts batches from arrays, as rows in their containers; None for any other source."""
    if isinstance(source, ArraySource):
        return source.x, source.y
    dataset: Any = source.dataset if isinstance(source, DatasetSource) else _dataset_of(source)
    index = None
    if type(dataset) is Subset:
        dataset, index = dataset.dataset, torch.as_tensor(list(dataset.indices))
    if type(dataset) is not TensorDataset or len(dataset.tensors) < 2:
        return None
    x, y = (tensor if index is None else tensor[index] for tensor in dataset.tensors[:2])
    return TensorRows(x, x.dtype), TensorRows(y, y.dtype)


def prefix_of(x: Any, prefix: str) -> str:
    """The prefix of names of arrays; none for the last rows of x, which `validation_split` holds out."""
    return "" if any(getattr(rows, "start", 0) for rows in leaves_of(x)) else prefix


def rows_of_batch(batch: Batch) -> tuple[Any, Any]:
    """x and y of one batch, as rows in their containers."""
    rows = [TensorRows(part, part.dtype) for part in leaves_of((batch.x, batch.y))]
    x, y = replace_leaves((batch.x, batch.y), iter(rows))
    return x, y


def _dataset_of(source: Any) -> Any:
    """The data set of a loader that gives all of its rows unchanged."""
    loader = source.loader if isinstance(source, LoaderSource) else getattr(source, "iterable", None)
    if not isinstance(source, (LoaderSource, IterableSource)) or not isinstance(loader, DataLoader):
        return None
    plain = loader.collate_fn is default_collate and type(loader.sampler) in (RandomSampler, SequentialSampler)
    return loader.dataset if plain else None


def pieces(rows: ArrayRows) -> Iterator[tuple[int, torch.Tensor]]:
    """The rows in pieces, each with the index of its first row."""
    total = int(rows.shape[0])
    size = max(1, PIECE_BYTES // rows.row_bytes)
    for start in range(0, total, size):
        yield start, rows.slice(start, min(start + size, total))


def first_where(rows: ArrayRows, wrong: Callable[[torch.Tensor], torch.Tensor]) -> tuple[int, float] | None:
    """The first row that has a wrong value, counted in the user's array, and that value; None if there is none.

    Args:
        wrong: Gives a mask in the shape of the rows.
    """
    for start, part in pieces(rows):
        mask = wrong(part)
        if bool(mask.any()):
            row = int(mask.reshape(len(mask), -1).any(1).nonzero()[0, 0])
            return getattr(rows, "start", 0) + start + row, part[row][mask[row]].flatten()[0].item()
    return None


def extremes(rows: ArrayRows, ignored: int | None = None) -> tuple[float, float]:
    """The least and the largest value, NaN if there is one; (inf, -inf) if there is none.

    Args:
        ignored: A value that does not count.
    """
    low, high = math.inf, -math.inf
    for _, part in pieces(rows):
        counted = part if ignored is None else part[part != ignored]
        if counted.numel():
            least, most = torch.aminmax(counted.to(torch.uint8) if counted.dtype == torch.bool else counted)
            if bool(least != least):
                return math.nan, math.nan
            low, high = min(float(least), low), max(float(most), high)
    return low, high
