"""A plain DataLoader over tensors gives the batches that iterating it gives, and leaves the same random stream."""

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from fitdash.data.batches.data_loader import LoaderSource
from fitdash.data.batches.generator import IterableSource, batch_of
from fitdash.data.batches.make_source import make_source
from fitdash.data.batches.source import DeviceAndDtype

TARGET = DeviceAndDtype(torch.device("cpu"), torch.float32)
X, Y, W = torch.arange(22.0).reshape(11, 2), torch.arange(11), torch.linspace(0, 1, 11)

PLAIN = {
    "in order": lambda: DataLoader(TensorDataset(X, Y), batch_size=4),
    "shuffled": lambda: DataLoader(TensorDataset(X, Y), batch_size=4, shuffle=True),
    "with weights": lambda: DataLoader(TensorDataset(X, Y, W), batch_size=4, shuffle=True),
    "last dropped": lambda: DataLoader(TensorDataset(X, Y), batch_size=4, shuffle=True, drop_last=True),
    "a vector": lambda: DataLoader(TensorDataset(W, Y), batch_size=4),
}


@pytest.mark.parametrize("name", PLAIN)
def test_batches_and_random_stream_are_those_of_the_loader(name):
    torch.manual_seed(1)
    found = make_source(PLAIN[name](), target=TARGET)
    ours = [batch for _ in range(2) for batch in found.batches()]
    left = torch.get_rng_state()

    torch.manual_seed(1)
    loader = PLAIN[name]()
    theirs = [batch_of(item, TARGET) for _ in range(2) for item in loader]

    assert isinstance(found, LoaderSource)
    assert len(ours) == len(theirs) == 2 * found.steps
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.rows == other.rows
        assert torch.equal(mine.x, other.x)
        assert torch.equal(mine.y, other.y)
        assert (mine.weight is None) == (other.weight is None)
        assert mine.weight is None or torch.equal(mine.weight, other.weight)
    assert torch.equal(left, torch.get_rng_state())


class Doubled(TensorDataset):
    def __getitem__(self, index):
        return tuple(2 * part for part in super().__getitem__(index))


class Loader(DataLoader):
    pass


class Rows(Dataset):
    def __len__(self):
        return 11

    def __getitem__(self, index):
        return X[index], Y[index]


OTHERS = {
    "a data set of one's own": lambda: DataLoader(Rows(), batch_size=4),
    "a subclass": lambda: DataLoader(Doubled(X, Y), batch_size=4),
    "a loader of one's own": lambda: Loader(TensorDataset(X, Y), batch_size=4),
    "a collate function": lambda: DataLoader(TensorDataset(X, Y), batch_size=4, collate_fn=lambda rows: rows),
    "a sampler": lambda: DataLoader(TensorDataset(X, Y), batch_size=4, sampler=[1, 2, 3]),
    "replacement": lambda: DataLoader(
        TensorDataset(X, Y), sampler=torch.utils.data.RandomSampler(range(11), replacement=True)
    ),
    "a generator of one's own": lambda: DataLoader(
        TensorDataset(X, Y), batch_size=3, shuffle=True, generator=torch.Generator().manual_seed(5)
    ),
    "no batches": lambda: DataLoader(TensorDataset(X, Y), batch_size=None),
    "double precision": lambda: DataLoader(TensorDataset(X.double(), Y), batch_size=4),
}


@pytest.mark.parametrize("name", OTHERS)
def test_any_other_loader_is_iterated(name):
    assert isinstance(make_source(OTHERS[name](), target=TARGET), IterableSource)


def test_the_tensors_are_not_changed_and_may_be_exchanged():
    loader = DataLoader(TensorDataset(X, Y), batch_size=11)
    found = make_source(loader, target=TARGET)
    next(found.batches()).x.zero_()
    assert X.sum() > 0

    loader.dataset.tensors = (X + 1, Y)
    assert torch.equal(next(found.batches()).x, X + 1)
