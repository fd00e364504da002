"""Arrays as batches (contract 7 and 10)."""

import numpy as np
import pandas as pd
import pytest
import torch

from fitdash import options
from fitdash.data.batches import arrays
from fitdash.data.batches.arrays import ArraySource, prepare_arrays
from fitdash.data.batches.rows import has_free_memory
from fitdash.data.batches.source import DeviceAndDtype
from fitdash.errors import DataError

CPU = DeviceAndDtype(torch.device("cpu"), torch.float32)


def source(x, y=None, weight=None, *, batch_size=4, order="given"):
    return ArraySource(*prepare_arrays(x, y, weight, CPU), batch_size=batch_size, order=order, target=CPU)


def seen(source):
    """The rows of one pass, batch by batch, of a source whose x counts its rows."""
    return [[int(row) for row in batch.x.flatten()] for batch in source.batches()]


@pytest.mark.parametrize(
    ("given", "dtype", "shape"),
    [
        (np.ones((3, 2)), torch.float32, (3, 2)),
        (np.ones((3, 2), np.float16), torch.float32, (3, 2)),
        (np.ones((3, 2), np.int32), torch.int32, (3, 2)),
        (np.ones((3, 2), np.uint16), torch.int64, (3, 2)),
        (np.ones((3, 2), bool), torch.bool, (3, 2)),
        (np.ones((3, 2), ">f8"), torch.float32, (3, 2)),
        (np.ones((6, 2))[::-2], torch.float32, (3, 2)),
        (torch.ones(3, 2, dtype=torch.float64), torch.float32, (3, 2)),
        (pd.DataFrame({"a": [1.0, 2, 3], "b": [True, False, True]}), torch.float32, (3, 2)),
        (pd.Series([1, 2, 3]), torch.int64, (3, 1)),
        ([[1.0, 2], [3, 4], [5, 6]], torch.float32, (3, 2)),
        ([1.0, 2.0, 3.0], torch.float32, (3, 1)),
        (np.arange(3), torch.int64, (3,)),
    ],
)
def test_7_1_and_7_2_arrays_of_every_library_become_tensors_of_their_kind(given, dtype, shape):
    x, _, _ = prepare_arrays(given, None, None, CPU)

    rows = x.slice(0, 3)

    assert (rows.dtype, tuple(rows.shape)) == (dtype, shape)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.array(["a", "b"]), "dtype <U1"),
        (np.array([object(), None]), "dtype object"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "dtype datetime64"),
        (pd.DataFrame({"a": [1.0], "b": ["text"]}), "text of dtype (str|object)"),
    ],
)
def test_7_3_what_holds_no_numbers_is_refused_by_its_dtype(given, words):
    with pytest.raises(DataError, match=words):
        prepare_arrays(given, None, None, CPU)


def test_7_4_a_list_of_arrays_is_several_inputs():
    x, _, _ = prepare_arrays([np.ones((3, 2)), np.zeros((3, 5))], None, None, CPU)

    assert [part.shape for part in x] == [(3, 2), (3, 5)]


def test_7_4_a_list_of_one_array_is_that_array():
    x, _, _ = prepare_arrays([np.ones((3, 2))], None, None, CPU)

    assert x.shape == (3, 2)


def test_7_6_different_lengths_are_refused_with_the_sizes():
    with pytest.raises(DataError, match="x has 100, y has 90"):
        prepare_arrays(np.ones((100, 3)), np.ones(90), None, CPU)


def test_7_7_no_samples_are_refused():
    with pytest.raises(DataError, match="x is empty"):
        prepare_arrays(np.ones((0, 3)), np.ones(0), None, CPU)


@pytest.mark.parametrize("order", ["given", "batch", "rows"])
def test_7_14_a_module_that_writes_into_its_batch_leaves_the_callers_arrays_alone(order):
    x, y = np.ones((6, 2), np.float32), np.ones((6, 1), np.float32)
    data = source(x, y, order=order)

    for batch in data.batches():
        batch.x.zero_()

    assert x.min() == 1.0
    assert all(batch.x.min() == 1.0 for batch in data.batches())


def test_7_14_read_only_targets_are_shared():
    y = np.arange(12, dtype=np.float32).reshape(6, 2)
    y.flags.writeable = False

    batch = next(iter(source(np.arange(6), y).batches()))

    assert batch.y.data_ptr() == y.__array_interface__["data"][0]


def test_a_memory_map_is_cast_piece_by_piece(tmp_path):
    mapped = np.memmap(tmp_path / "x", dtype=np.float64, mode="w+", shape=(10, 2))
    mapped[:] = np.arange(20).reshape(10, 2)

    rows, _, _ = prepare_arrays(mapped, None, None, CPU)

    assert rows.tensor.data_ptr() == mapped.__array_interface__["data"][0]
    assert rows.slice(8, 10).tolist() == [[16.0, 17.0], [18.0, 19.0]]


def test_8_2_the_last_batch_may_be_smaller():
    assert seen(source(np.arange(10))) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_8_2_a_batch_larger_than_the_data_is_one_batch():
    assert seen(source(np.arange(3), batch_size=10)) == [[0, 1, 2]]


def test_10_1_rows_are_a_new_permutation_in_each_pass():
    data = source(np.arange(10), order="rows")

    first, second = seen(data), seen(data)

    assert sorted(sum(first, [])) == list(range(10))
    assert first != second


def test_10_2_rows_of_all_arrays_move_together():
    x, y, weight = np.arange(10), np.arange(10.0)[:, None], np.arange(10.0)

    for batch in source(x, y, weight, order="rows").batches():
        assert batch.x.tolist() == batch.y[:, 0].tolist() == batch.weight.tolist()


def test_10_4_batch_moves_full_batches_and_leaves_the_short_one_last():
    passes = [seen(source(np.arange(10), order="batch", batch_size=3)) for _ in range(20)]

    assert all(batches[-1] == [9] for batches in passes)
    assert all(sorted(batches[:-1]) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]] for batches in passes)
    assert len({str(batches) for batches in passes}) > 1


def test_10_7_the_order_comes_from_torchs_generator():
    data = source(np.arange(10), order="rows")
    torch.manual_seed(7)
    first = seen(data)
    torch.manual_seed(7)

    assert seen(data) == first


def test_gathering_in_pieces_gives_every_row_once(monkeypatch):
    monkeypatch.setattr("fitdash.data.batches.arrays.CHUNK_BYTES", 64)

    batches = seen(source(np.arange(50), order="rows"))

    assert sorted(sum(batches, [])) == list(range(50))
    assert [len(batch) for batch in batches] == [4] * 12 + [2]


@pytest.mark.parametrize("copies", [True, False])
def test_rows_copied_as_they_lie_come_in_smaller_pieces(monkeypatch, copies):
    monkeypatch.setattr("fitdash.data.batches.arrays.COPIED_BYTES", 64)
    x = np.arange(50, dtype=np.float32)
    data = source(x, order="given")
    data.copies = copies

    pieces = [piece[0] for piece in data.chunks()]
    for piece in pieces:
        piece.add_(1)

    assert [len(piece) for piece in pieces] == ([16, 16, 16, 2] if copies else [50])
    assert (x[0] == 0) == copies  # else they are the caller's own


@pytest.fixture
def dataset(tmp_path):
    import h5py

    with h5py.File(tmp_path / "data.h5", "w") as file:
        yield file.create_dataset("x", data=np.arange(40, dtype=np.float64).reshape(20, 2))


def test_7_16_hdf5_is_read_once_where_it_fits(dataset):
    data = source(dataset, order="rows")

    rows = torch.cat([batch.x for batch in data.batches()])

    assert sorted(rows[:, 0].tolist()) == list(range(0, 40, 2))
    assert rows.dtype == torch.float32


def test_7_16_larger_hdf5_is_read_by_sorted_indices_with_one_warning(dataset, monkeypatch):
    monkeypatch.setattr(options, "read_once_bytes", 10)

    with pytest.warns(UserWarning, match='shuffle="batch"') as told:
        data = source(dataset, order="rows")
        passes = [torch.cat([batch.x for batch in data.batches()]) for _ in range(2)]

    assert len(told) == 1
    assert all(sorted(rows[:, 0].tolist()) == list(range(0, 40, 2)) for rows in passes)
    assert passes[0].tolist() != passes[1].tolist()


def test_11_5_hdf5_is_split_by_ranges_of_rows(dataset):
    whole = source(dataset)

    part = whole.narrow(15, 20, batch_size=4, order="given")

    assert torch.cat([batch.x for batch in part.batches()])[:, 0].tolist() == [30, 32, 34, 36, 38]


def on_meta(monkeypatch, *, room, order="rows"):
    monkeypatch.setattr(arrays, "has_free_memory", lambda device, size_bytes: size_bytes <= room)
    x, y = np.ones((10, 3)), torch.ones(10, dtype=torch.float64)
    meta = DeviceAndDtype(torch.device("meta"), torch.float32)
    return ArraySource(*prepare_arrays(x, y, None, meta), batch_size=4, order=order, target=meta)


@pytest.mark.parametrize("order", ["given", "rows", "batch"])
def test_arrays_stay_on_a_device_that_has_room(monkeypatch, order):
    found = on_meta(monkeypatch, room=10 * 4 * 4, order=order)

    passes = [list(found.batches())]
    here = [part.tensor for part in found.parts]
    passes.append(list(found.batches()))

    assert {part.device.type for part in here} == {"meta"}
    assert {part.dtype for part in here} == {torch.float32}
    assert all(part.tensor is before for part, before in zip(found.parts, here, strict=True))
    assert [[batch.rows for batch in one] for one in passes] == [[4, 4, 2]] * 2
    assert {batch.x.device.type for one in passes for batch in one} == {"meta"}


def test_arrays_without_room_come_in_pieces(monkeypatch):
    found = on_meta(monkeypatch, room=10 * 4 * 4 - 1)

    batches = list(found.batches())

    assert {part.tensor.device.type for part in found.parts} == {"cpu"}
    assert {batch.x.device.type for batch in batches} == {"meta"}


def test_room_is_asked_of_a_gpu_alone(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (100, 400))

    assert has_free_memory(torch.device("cuda"), 50)
    assert not has_free_memory(torch.device("cuda"), 51)
    assert not has_free_memory(torch.device("cpu"), 1)
    assert not has_free_memory(torch.device("meta"), 1)
