"""Finds out from sizes alone whether a source will give a batch of one row, which cannot be normalized."""

from typing import Any, NamedTuple

from torch.utils.data import BatchSampler, DataLoader

from fitdash.data.batches.arrays import ArraySource
from fitdash.data.batches.data_loader import LoaderSource
from fitdash.data.batches.generator import IterableSource
from fitdash.data.batches.source import Source
from fitdash.data.batches.torch_dataset import DatasetSource


class LoneRow(NamedTuple):
    """A batch of one row that a source will give.

    Attributes:
        rows: Rows, or samples of a loader, of a pass.
        batch_size: Rows of its other batches.
        is_loader: Whether a DataLoader cuts the batches.
    """

    rows: int
    batch_size: int
    is_loader: bool

    def remedy(self, argument: str = "batch_size") -> str:
        """What avoids it, as a sentence; `argument` is what sets the batch size."""
        if self.is_loader:
            return "Give the DataLoader drop_last=True."
        size = next(size for size in range(self.batch_size + 1, self.rows + 2) if self.rows % size != 1)
        return f"Set {argument}={size}, which leaves no row alone."


def find_lone_row(source: Source, steps: int | None) -> LoneRow | None:
    """The batch of one row among the first `steps` batches, None: among those of a pass; None if there is none.

    Args:
        source: Arrays, a Dataset or a DataLoader, whose sizes are known; any other source gives None.
        steps: Batches that will be drawn at most.
    """
    rows, size = _sizes(source)
    if not rows or not size or rows % size != 1 % size or (steps is not None and steps < -(-rows // size)):
        return None
    return LoneRow(rows, size, not isinstance(source, (ArraySource, DatasetSource)))


def _sizes(source: Source) -> tuple[int | None, int | None]:
    """Rows of a pass and of a batch, None where they are unknown, or where no batch may be short."""
    if isinstance(source, (ArraySource, DatasetSource)):
        return source.rows, source.batch_size
    loader: Any = source.loader if isinstance(source, LoaderSource) else None
    if isinstance(source, IterableSource) and type(source.iterable) is DataLoader:
        loader = source.iterable
    sampler: Any = getattr(loader, "batch_sampler", None)
    if type(sampler) is not BatchSampler or sampler.drop_last:
        return None, None
    try:
        return len(sampler.sampler), sampler.batch_size  # type: ignore[arg-type]
    except TypeError:  # a sampler of the user without a length
        return None, None
