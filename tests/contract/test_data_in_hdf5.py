"""x and y in HDF5 files, which are read in pieces (contract 7.16)."""

import numpy as np
import pytest

import fitdash as fd
from tests.contract.networks import noting


class Counting:
    """An h5py data set that notes what is read of it."""

    def __init__(self, dataset):
        self.dataset, self.read = dataset, []
        self.shape, self.dtype = dataset.shape, dataset.dtype

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, key):
        self.read.append(key)
        return self.dataset[key]

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("the whole data set was read at once")


Counting.__module__ = "h5py.stand_in"


@pytest.fixture
def h5(tmp_path):
    import h5py

    with h5py.File(tmp_path / "data.h5", "w") as file:
        x = file.create_dataset("x", data=np.arange(20.0)[:, None])
        yield Counting(x), Counting(file.create_dataset("y", data=np.zeros((20, 1))))


def test_7_16_hdf5_in_chunks_is_one_contiguous_read_per_batch(h5):
    model = noting()

    model.fit(*h5, batch_size=6, epochs=3, shuffle="batch", verbose=0)

    chunks = {(0, 6), (6, 12), (12, 18), (18, 20)}
    for data in h5:
        assert [type(key) for key in data.read] == [slice] * 12
        assert {(key.start, key.stop) for key in data.read} == chunks
    assert sorted(sum(model.module.trained[:4], [])) == list(range(20))


def test_7_16_hdf5_in_given_order_is_read_in_blocks(h5):
    noting().fit(*h5, batch_size=6, epochs=2, shuffle=False, validation_split=0.2, verbose=0)

    assert [(key.start, key.stop) for key in h5[0].read] == [(0, 16), (16, 20)] * 2


def test_7_16_hdf5_is_read_once_for_an_exact_permutation(h5):
    model = noting()

    model.fit(*h5, batch_size=6, epochs=3, shuffle=True, verbose=0)

    assert [(key.start, key.stop) for key in h5[0].read] == [(0, 20)]
    assert sorted(sum(model.module.trained[:4], [])) == list(range(20)) != sum(model.module.trained[:4], [])


def test_7_16_more_than_fits_is_read_by_sorted_indices_with_one_warning(h5, monkeypatch):
    monkeypatch.setattr(fd.options, "read_once_bytes", 50)
    model = noting()

    with pytest.warns(UserWarning, match='shuffle="batch"') as told:
        model.fit(h5[0], np.zeros((20, 1)), batch_size=6, epochs=2, shuffle=True, validation_split=0.5, verbose=0)

    assert len(told) == 1
    index = h5[0].read[0]
    assert (np.diff(index) > 0).all()
    assert sorted(sum(model.module.trained[:2], [])) == list(range(10)) != sum(model.module.trained[:2], [])


def test_7_16_two_data_sets_that_do_not_fit_give_one_warning(h5, monkeypatch):
    monkeypatch.setattr(fd.options, "read_once_bytes", 200)

    with pytest.warns(UserWarning, match='shuffle="batch"') as told:
        noting().fit(*h5, batch_size=6, epochs=1, verbose=0)

    assert len(told) == 1
