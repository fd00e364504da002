"""x and y of every kind (contract 7)."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import fitdash as fd
from tests.contract.networks import (
    Constant,
    Inputs,
    Loader,
    Noting,
    Pair,
    batches,
    counted,
    firsts,
    linear,
    noting,
    parameters,
    xy,
)
from tests.parity import assert_same, compiled, rows, twins

X, Y = xy(10)
REFERENCE = X.astype("float64")


class HasArray:
    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype=dtype)


ARRAYS = {
    "float32": X,
    "float64": REFERENCE,
    "tensor": torch.from_numpy(X),
    "tensor of float64": torch.from_numpy(REFERENCE),
    "tensor with gradients": torch.from_numpy(X).requires_grad_(),
    "frame": pd.DataFrame(REFERENCE, columns=["a", "b"]),
    "frame with an index of its own": pd.DataFrame(REFERENCE, index=range(10, 0, -1)),
    "frame of nullable floats": pd.DataFrame(X).astype("Float32"),
    "anything with __array__": HasArray(X),
    "list of lists": X.tolist(),
    "tuple of tuples": tuple(map(tuple, X.tolist())),
    "list of one array": [X],
    "reversed view": X[::-1][::-1],
    "columns first": np.asfortranarray(X),
    "read only": np.frombuffer(X.tobytes(), "float32").reshape(X.shape),
    "big endian": X.astype(">f8"),
}


def trained(x, y, **arguments):
    """Losses and parameters after two epochs from equal parameters."""
    torch.manual_seed(1)
    model = linear()
    logs = model.fit(x, y, **{"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0} | arguments).history
    return logs["loss"], *parameters(model)


def assert_trains_alike(x, y, **arguments):
    for a, b in zip(trained(x, y, **arguments), trained(X, Y), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("kind", ARRAYS)
def test_7_1_arrays_of_every_kind_train_alike(kind):
    assert_trains_alike(ARRAYS[kind], Y)


@pytest.mark.parametrize(
    "y",
    [Y, Y[:, 0], Y[:, 0].tolist(), list(Y[:, 0]), pd.Series(Y[:, 0]), pd.DataFrame(Y), torch.from_numpy(Y), [Y],
     pd.Series(Y[:, 0]).array, pd.Series(Y[:, 0]).astype("Float64").array, list(torch.from_numpy(Y[:, 0]))],
)  # fmt: skip
def test_7_1_targets_of_every_kind_train_alike(y):
    assert_trains_alike(X, y)


def test_7_1_memory_maps_and_hdf5_train_alike(tmp_path):
    import h5py

    mapped = np.memmap(tmp_path / "x", dtype="float64", mode="w+", shape=X.shape)
    mapped[:] = X
    with h5py.File(tmp_path / "data.h5", "w") as file:
        x, y = file.create_dataset("x", data=REFERENCE), file.create_dataset("y", data=Y[:, 0])

        assert_trains_alike(mapped, Y)
        assert_trains_alike(np.memmap(tmp_path / "x", dtype="float64", mode="r", shape=X.shape), Y)
        assert_trains_alike(x, y)
        assert_trains_alike([x], Y)


@pytest.mark.parametrize("x", [np.arange(6.0), np.arange(6.0).tolist(), pd.Series(np.arange(6.0)), torch.arange(6.0)])
def test_7_1_a_vector_of_floats_is_one_feature(x):
    model = fd.Model(nn.Linear(1, 1)).compile("sgd", loss="mse")

    assert model.predict(x).shape == (6, 1)


def test_7_1_a_vector_of_integers_stays_one():
    model = fd.Model(nn.Embedding(6, 3)).compile("sgd", loss="mse")

    assert model.predict(np.arange(6)).shape == (6, 3)
    assert model.predict(pd.Series(range(6))).shape == (6, 1, 3)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "longdouble"])
@pytest.mark.parametrize("module_kind", [torch.float32, torch.float64])
def test_7_2_floats_become_what_the_module_has(kind, module_kind):
    seen = []

    class Spy(nn.Linear):
        def forward(self, x):
            seen.append(x.dtype)
            return super().forward(x)

    model = fd.Model(Spy(2, 1, dtype=module_kind)).compile("adam", loss="mse", metrics=["mae"])

    history = model.fit(X.astype(kind), Y.astype(kind), sample_weight=np.ones(10, kind), epochs=1, verbose=0)

    assert set(seen) == {module_kind}
    assert np.isfinite(history.history["loss"][0])


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"])
def test_7_2_integers_and_booleans_keep_their_kind(kind):
    seen = []

    class Spy(nn.Module):
        def forward(self, x):
            seen.append(x.dtype)
            return x.float()

    fd.Model(Spy()).predict(np.ones((3, 1), kind))
    fd.Model(Spy()).predict(torch.ones(3, 1, dtype=getattr(torch, kind)))

    assert seen[0] == seen[1]
    assert not seen[0].is_floating_point
    assert (seen[0] is torch.bool) == (kind == "bool")


@pytest.mark.parametrize(
    ("module", "x", "kind"),
    [
        (nn.Linear(2, 1), np.ones((4, 2), int), "int64"),
        (nn.Conv1d(1, 1, 1), np.ones((4, 1, 3), "int32"), "int32"),
        (nn.Embedding(3, 2), np.ones((4, 1)), "float32"),
        (nn.Sequential(nn.Softmax(-1), nn.Linear(2, 1)), np.ones((4, 2), int), "int64"),
    ],
    ids=["linear", "convolution", "embedding", "softmax"],
)
def test_7_2_a_dtype_error_of_the_module_comes_with_a_hint_to_cast(module, x, kind):
    model = fd.Model(module).compile("sgd", loss="mse")

    with pytest.raises(RuntimeError, match=f"x has dtype {kind}; cast it") as caught:
        model.fit(x, np.ones((4, 1)), epochs=1, verbose=0)

    assert isinstance(caught.value.__cause__, RuntimeError)


def test_7_2_other_errors_of_the_module_come_through_unchanged():
    mine = RuntimeError("mine")

    class Broken(nn.Linear):
        def forward(self, x):
            raise mine

    with pytest.raises(RuntimeError) as caught:
        fd.Model(Broken(2, 1)).compile("sgd", loss="mse").fit(X, Y, verbose=0)

    assert caught.value is mine


BAD = {
    "text": (np.array([["a"]] * 10), "<U1"),
    "objects": (np.array([[None]] * 10), "object"),
    "dates": (np.array([["2020-01-01"]] * 10, "datetime64[D]"), "datetime64"),
    "durations": (np.array([[1]] * 10, "timedelta64[s]"), "timedelta64"),
    "complex": (np.ones((10, 1), complex), "complex128"),
    "complex tensor": (torch.ones(10, 1, dtype=torch.complex64), "torch.complex64"),
    "sparse tensor": (torch.ones(10, 1).to_sparse(), "sparse"),
    "frame with text": (pd.DataFrame({"a": [1.0] * 10, "b": ["x"] * 10}), "object"),
    "frame with dates": (pd.DataFrame({"a": pd.date_range("2020", periods=10)}), "datetime64"),
    "series of text": (pd.Series(["x"] * 10), "object|str"),
    "list of text": (["x"] * 10, "<U1"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("place", ["x", "y", "sample_weight"])
def test_7_3_what_holds_no_numbers_is_refused_by_its_dtype(kind, place):
    value, dtype = BAD[kind]
    data = {"x": X, "y": Y, "sample_weight": np.ones(10)} | {place: value}

    with pytest.raises(ValueError, match=rf"{place} must hold real numbers.* got .*({dtype})"):
        linear().fit(**data, verbose=0)


@pytest.mark.parametrize(
    "x",
    [
        [np.ones((4, 2)), np.ones((4, 3))],
        (np.ones((4, 2)), np.ones((4, 3))),
        {"a": np.ones((4, 2)), "b": np.ones((4, 3))},
        {"b": np.ones((4, 3)), "a": np.ones((4, 2))},
        {"b": np.ones((4, 3)), "a": np.ones((4, 2)), "unused": np.ones(4)},
        {"a": pd.DataFrame(np.ones((4, 2))), "b": torch.ones(4, 3)},
    ],
    ids=["list", "tuple", "dict", "other-order", "extra-key", "mixed"],
)
def test_7_4_several_inputs_by_place_and_by_name(x):
    model = fd.Model(Inputs()).compile("sgd", loss="mse")

    history = model.fit(x, np.ones((4, 1)), epochs=2, batch_size=3, validation_data=(x, np.ones((4, 1))), verbose=0)

    assert len(history.history["val_loss"]) == 2
    assert model.predict(x).shape == (4, 1)
    assert model.predict_on_batch(x).shape == (4, 1)


def test_7_4_missing_inputs_are_listed():
    class Three(nn.Module):
        def forward(self, a, b, c, d=None):
            return a

    with pytest.raises(ValueError, match="x must have the inputs that forward needs; missing: b, c"):
        fd.Model(Three()).predict({"a": np.ones((2, 1))})


def test_7_4_optional_and_open_keywords_are_taken():
    class Open(nn.Module):
        def forward(self, a, **others):
            return a + others["b"]

    class Optional(nn.Module):
        def forward(self, a, *, b=None):
            return a if b is None else a + b

    one = np.ones((2, 1))
    assert fd.Model(Open()).predict({"a": one, "b": one}).tolist() == [[2], [2]]
    assert fd.Model(Optional()).predict({"a": one, "b": one}).tolist() == [[2], [2]]
    assert fd.Model(Optional()).predict({"a": one}).tolist() == [[1], [1]]


@pytest.mark.parametrize("x", [[1.0, 2.0, 3.0], (1.0, 2.0, 3.0), [np.float64(1), np.float32(2), 3], [[1.0], [2], [3]]])
def test_7_5_a_list_of_numbers_is_one_array(x):
    model = fd.Model(nn.Linear(1, 1)).compile("sgd", loss="mse")

    model.fit(x, x, sample_weight=[1, 2, 3], epochs=1, verbose=0)

    assert model.predict(x).shape == (3, 1)


def test_7_5_rows_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="x must be a rectangular array"):
        linear().fit([[1.0, 2.0], [3.0]], [1.0, 2.0], verbose=0)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"x": X, "y": Y[:9]}, "x has 10, y has 9"),
        ({"x": X, "y": Y, "sample_weight": np.ones(8)}, "x has 10, y has 10, sample_weight has 8"),
        ({"x": [X, X[:7]], "y": Y}, "x has 10, x has 7, y has 10"),
        ({"x": {"a": X, "b": X[:7]}, "y": Y}, "x has 10, x has 7, y has 10"),
        ({"x": X, "y": [Y, Y[:3]]}, "x has 10, y has 10, y has 3"),
        ({"x": X, "y": Y, "validation_data": (X, Y[:4])}, "validation x has 10, validation y has 4"),
    ],
)
def test_7_6_different_numbers_of_samples_are_refused_with_the_sizes(data, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        linear().fit(**data, verbose=0)


@pytest.mark.parametrize(
    ("x", "y"), [(X[:0], Y[:0]), ([], []), (TensorDataset(torch.zeros(0, 2)), None), ({}, Y), (iter([]), None)]
)
def test_7_7_no_samples_are_refused_as_empty(x, y):
    with pytest.raises(ValueError, match="empty"):
        linear().fit(x, y, verbose=0)


def test_7_8_x_none_trains_from_the_feed():
    model = fd.Model(Noting(), feed=Loader(batches(3))).compile("sgd", loss="mse")

    model.fit(epochs=2, verbose=0)

    assert firsts(model.module.trained) == [1, 2, 3, 1, 2, 3]
    assert model.evaluate(verbose=0) > 0


def test_7_8_a_data_set_as_feed_is_batched_and_shuffled():
    feed = TensorDataset(torch.arange(20.0)[:, None], torch.zeros(20, 1))
    model = fd.Model(Noting(), feed=feed).compile("sgd", loss="mse")

    model.fit(epochs=1, batch_size=16, verbose=0)

    assert [len(batch) for batch in model.module.trained] == [16, 4]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "x must be given, got None, and this model has no feed"),
        ({"y": Y}, "x must be given, got None, and this model has no feed"),
        ({"x": X}, "y must be given with arrays"),
    ],
)
def test_7_8_missing_data_is_asked_for(arguments, words):
    with pytest.raises(ValueError, match=words):
        linear().fit(**arguments, verbose=0)


def test_7_8_a_feed_refuses_targets():
    model = fd.Model(Noting(), feed=Loader(batches(3))).compile("sgd", loss="mse")

    with pytest.raises(ValueError, match="y must not be given"):
        model.fit(y=Y, verbose=0)


class Rows(Dataset):
    """A map-style data set of (x, y, weight) samples in plain Python and NumPy."""

    def __len__(self):
        return 10

    def __getitem__(self, i):
        return X[i], Y[i], np.float32(1.0)


class Stream(IterableDataset):
    def __iter__(self):
        return iter([(X[i : i + 4], Y[i : i + 4]) for i in (0, 4, 8)])


def pieces():
    yield from [(X[i : i + 4], Y[i : i + 4]) for i in (0, 4, 8)]


SOURCES = {
    "loader": lambda: DataLoader(TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), batch_size=4),
    "loader of float64": lambda: DataLoader(TensorDataset(torch.tensor(REFERENCE), torch.tensor(Y)), batch_size=4),
    "iterable dataset": Stream,
    "iterable": lambda: list(pieces()) and Loader(list(pieces())),
    "function": lambda: pieces,
    "callable object": lambda: type("Make", (), {"__call__": lambda self: pieces()})(),
    "lists instead of tuples": lambda: Loader([list(piece) for piece in pieces()]),
    "unit weights": lambda: Loader([(x, y, np.ones(len(x))) for x, y in pieces()]),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_7_9_batch_sources_of_every_kind_train_alike(kind):
    assert_trains_alike(SOURCES[kind](), None, batch_size=None)


def test_7_9_a_map_style_data_set_trains_like_its_arrays():
    assert_trains_alike(Rows(), None)


@pytest.mark.parametrize("x", [3, object(), None])
def test_7_9_what_gives_no_batches_is_refused(x):
    with pytest.raises(ValueError, match="x must be"):
        linear().fit(x, Y, verbose=0)


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("argument", ["y", "sample_weight", "batch_size"])
def test_7_10_arguments_of_arrays_are_refused_beside_a_batch_source(kind, argument):
    value = {"y": Y, "sample_weight": np.ones(10), "batch_size": 4}[argument]

    with pytest.raises(ValueError, match=f"^{argument} must not be given when x yields batches itself"):
        linear().fit(SOURCES[kind](), **{argument: value}, verbose=0)


def test_7_10_all_of_them_are_named_at_once():
    with pytest.raises(ValueError, match="^y and sample_weight and batch_size must not be given"):
        linear().fit(iter(pieces()), Y, batch_size=3, sample_weight=np.ones(10), verbose=0)


@pytest.mark.parametrize("argument", ["y", "sample_weight"])
def test_7_10_a_data_set_takes_a_batch_size_but_no_targets_or_weights(argument):
    with pytest.raises(ValueError, match=f"^{argument} must not be given"):
        linear().fit(Rows(), **{argument: np.ones(10)}, batch_size=4, verbose=0)


@pytest.mark.parametrize("item", [X, (X,), [X], (X, Y), [X, Y], (X, Y, np.ones(10)), [X, Y, np.ones(10)]])
def test_7_11_items_of_one_to_three_parts(item):
    predicted = linear().predict(Loader([item]))

    assert predicted.shape == (10, 1)


@pytest.mark.parametrize("item", [(), (X, Y, np.ones(10), 1)])
def test_7_11_other_items_are_refused(item):
    with pytest.raises(ValueError, match=f"A batch must be .*got {len(item)} parts"):
        linear().fit(Loader([item]), verbose=0)


@pytest.mark.parametrize("container", [tuple, list])
def test_7_11_a_tuple_inside_x_is_several_inputs(container):
    item = (container([np.ones((4, 2)), np.ones((4, 3))]), np.ones((4, 1)))
    model = fd.Model(Inputs()).compile("sgd", loss="mse")

    model.fit(Loader([item]), epochs=1, verbose=0)
    model.fit(Loader([({"b": np.ones((4, 3)), "a": np.ones((4, 2))}, np.ones((4, 1)))]), epochs=1, verbose=0)

    assert len(parameters(model)) == 4


def test_7_11_a_batch_without_targets_is_refused_when_training():
    with pytest.raises(ValueError, match="y"):
        linear().fit(Loader([(X,)]), epochs=1, verbose=0)


@pytest.mark.parametrize("kind", ["iterator", "function", "sized", "stream"])
@pytest.mark.parametrize("steps", [None, 2])
def test_7_12_a_source_that_yields_nothing_is_refused_at_once(kind, steps):
    class Nothing(IterableDataset):
        def __iter__(self):
            return iter([])

    source = {"iterator": iter([]), "function": lambda: iter([]), "sized": Loader([]), "stream": Nothing()}[kind]

    with pytest.raises(ValueError, match="empty"):
        linear().fit(source, epochs=2, steps_per_epoch=steps, verbose=0)


class WritesIntoItsInput(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(2, 1)

    def forward(self, x):
        return self.line(x.mul_(0.5))


@pytest.mark.parametrize("shuffle", [True, False, "batch"])
@pytest.mark.parametrize("wrap", [np.array, torch.tensor], ids=["numpy", "torch"])
def test_7_14_the_callers_arrays_are_never_written(shuffle, wrap):
    x, y, weight = wrap(X), wrap(Y), wrap(np.ones(10, "float32"))
    model = fd.Model(WritesIntoItsInput()).compile("sgd", loss="mse", weighted_metrics=["mae"])

    model.fit(x, y, sample_weight=weight, class_weight={0: 2.0}, shuffle=shuffle, epochs=2, batch_size=4,
              validation_data=(x, y, weight), verbose=0)  # fmt: skip
    model.evaluate(x, y, verbose=0)
    model.predict(x)
    model.train_on_batch(x, y)

    for after, before in ((x, X), (y, Y), (weight, np.ones(10))):
        np.testing.assert_array_equal(np.asarray(after), before)


@pytest.mark.parametrize("place", ["x", "y"])
def test_7_15_nan_trains_on_and_is_logged(place):
    data = {"x": X.copy(), "y": Y.copy()}
    data[place][0, 0] = np.nan

    history = linear().fit(**data, epochs=2, verbose=0)

    assert np.isnan(history.history["loss"]).all()


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


def test_7_17_batches_go_to_the_device_of_the_module():
    model = fd.Model(nn.Linear(2, 1)).compile("sgd", loss="mse", device="cpu")

    assert next(model.module.parameters()).device.type == "cpu"
    assert fd.Model(nn.Linear(2, 1, device="meta")).predict_on_batch is not None
    with pytest.raises(ValueError, match="device must be"):
        fd.Model(nn.Linear(2, 1)).compile("sgd", loss="mse", device="abacus")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", SOURCES)
def test_7_17_sources_of_every_kind_train_on_a_gpu(kind):
    model = fd.Model(nn.Linear(2, 1)).compile("sgd", loss="mse", metrics=["mae"], device="auto")

    history = model.fit(SOURCES[kind](), epochs=2, validation_data=(X, Y), verbose=0)

    assert next(model.module.parameters()).device.type == "cuda"
    assert len(history.history["val_mae"]) == 2


def test_modules_whose_shapes_are_learned_from_the_first_batch_train():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = nn.Sequential(nn.LazyLinear(3), nn.ReLU(), nn.LazyLinear(1))
    model = fd.Model(module).compile("adam", loss="mse")
    model.predict(X[:1])
    before = parameters(model)

    history = model.fit(X, Y, epochs=3, verbose=0)

    assert len(history.epoch) == 3
    assert all((a != b).any() for a, b in zip(before, parameters(model), strict=True))


def test_lazy_modules_train_without_a_forward_call_before():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = nn.Sequential(nn.LazyLinear(3), nn.LazyLinear(1))
    model = fd.Model(module).compile("adam", loss="mse")

    losses = model.fit(X, Y, epochs=30, verbose=0).history["loss"]

    assert losses[-1] < losses[0]


def test_a_module_without_parameters_runs_and_warns_once():
    model = fd.Model(nn.Identity()).compile("sgd", loss="mse")

    with pytest.warns(UserWarning, match="no trainable parameters") as told:
        history = model.fit(Y, Y + 1, epochs=3, verbose=0)

    assert len(told) == 1
    assert history.history["loss"] == [pytest.approx(1.0)] * 3


def test_frozen_parameters_stay():
    model = fd.Model(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))).compile("adam", loss="mse")
    for parameter in model.module[0].parameters():
        parameter.requires_grad_(False)
    before = parameters(model)

    model.fit(X, Y, epochs=2, verbose=0)

    assert [bool((a == b).all()) for a, b in zip(before, parameters(model), strict=True)] == [True, True, False, False]


def test_7_4_two_outputs_from_arrays_and_loaders():
    for as_dict in (False, True):
        model = fd.Model(Pair(as_dict=as_dict)).compile("sgd", loss="mse")
        y = {"p": Y, "q": Y} if as_dict else [Y, Y]

        history = model.fit(X, y, epochs=1, validation_split=0.2, verbose=0)
        model.fit(Loader([(X, y)]), epochs=1, verbose=0)

        assert len(history.history) == 6


def test_threads_of_the_caller_come_back_after_an_error():
    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError):
            linear().fit(X, Y, verbose=0, callbacks=fd.callbacks.LambdaCallback(on_epoch_end=lambda *_: 1 / 0))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_training_works_where_the_caller_turned_gradients_off():
    model = linear()
    before = parameters(model)

    with torch.no_grad():
        model.fit(X, Y, epochs=1, verbose=0)
        model.train_on_batch(X, Y)

    assert (before[0] != parameters(model)[0]).all()


def test_counted_rows_are_what_the_network_sees():
    model = fd.Model(Constant()).compile("sgd", loss="mse")

    assert model.evaluate(*counted(4), verbose=0) == 0.0


@pytest.mark.parity
@pytest.mark.parametrize("kind", ["float64", "float16", "int", "frame", "tensor", "vector"])
def test_7_1_and_7_2_data_trains_as_in_keras(kind):
    x, y = rows(23)
    x = {
        "float64": x.astype("float64"),
        "float16": x.astype("float16"),
        "int": (x * 3).astype("int32").astype("float32"),
        "frame": pd.DataFrame(x),
        "tensor": torch.from_numpy(x),
        "vector": x,
    }[kind]
    pair = compiled(twins(4, 5, 1, end="linear"), loss="mse", metrics=["mae"])

    keras, own = pair.fit(x, y[:, 0] if kind == "vector" else y, epochs=2, batch_size=5)

    assert_same(own, keras)
