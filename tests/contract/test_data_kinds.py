"""x and y as arrays of every kind (contract 7.1 to 7.7)."""

import re
import threading

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import fitdash as fd
from tests.contract.alike import REFERENCE, X, Y, assert_trains_alike
from tests.contract.networks import Inputs, Loader, Pair, linear
from tests.parity import assert_same, compiled, rows, twins


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


class Masked(nn.Module):
    """Looks up ids, multiplies features and selects by a mask: three inputs, of which one has to be cast."""

    def __init__(self):
        super().__init__()
        self.table, self.line, self.seen = nn.Embedding(9, 2), nn.Linear(3, 2), set()

    def forward(self, ids, features, mask):
        self.seen.add((ids.dtype, features.dtype, mask.dtype))
        return torch.where(mask, self.table(ids) + self.line(features), 0.0).sum(1, keepdim=True)


WHOLE = np.arange(30).reshape(10, 3) % 7
NEEDING_FLOATS = {
    "linear": lambda: nn.Linear(3, 1),
    "dropout and normalization": lambda: nn.Sequential(
        nn.Dropout(0.5), nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1)
    ),
    "convolution": lambda: nn.Sequential(nn.Unflatten(1, (1, 3)), nn.Conv1d(1, 2, 2), nn.Flatten(), nn.Linear(4, 1)),
    "lstm": lambda: nn.Sequential(nn.LSTM(3, 1), TakeFirst()),
    "softmax": lambda: nn.Sequential(nn.Softmax(-1), nn.Linear(3, 1)),
    "lazy": lambda: nn.Sequential(nn.Linear(3, 2), nn.LazyBatchNorm1d(), nn.Dropout(0.5), nn.Linear(2, 1)),
}


class TakeFirst(nn.Module):
    def forward(self, found):
        return found[0]


def trained(module, x, y, **settings):
    torch.manual_seed(1)
    model = fd.Model(module()).compile("adam", loss="mse")
    torch.manual_seed(2)
    model.fit(x, y, batch_size=5, epochs=2, verbose=0, **settings)
    return model


def assert_trained_alike(one, other):
    assert one.history.history == other.history.history
    assert all(map(torch.equal, one.module.state_dict().values(), other.module.state_dict().values()))


@pytest.mark.parametrize("kind", ["int64", "int32", "uint8", "bool"])
@pytest.mark.parametrize("module", NEEDING_FLOATS)
def test_7_2_whole_numbers_are_cast_where_the_module_refuses_them(module, kind):
    make, x, y = NEEDING_FLOATS[module], WHOLE.astype(kind), WHOLE.sum(1)

    model = trained(make, x, y, validation_split=0.2)

    cast = trained(make, x.astype("float32"), y, validation_split=0.2)
    assert_trained_alike(model, cast)
    assert model.predict(x).tolist() == cast.predict(x.astype("float32")).tolist()
    assert model.history.events == [
        {"epoch": 0, "kind": "cast", "inputs": ["x"], "was": [kind], "now": "float32"},
    ]
    assert cast.history.events == []


def test_7_2_a_vector_of_whole_numbers_becomes_one_column_where_it_is_cast():
    x, y = np.arange(6), np.arange(6) * 2.0

    model = trained(lambda: nn.Linear(1, 1), x, y, validation_data=(x, y))

    assert_trained_alike(model, trained(lambda: nn.Linear(1, 1), x.astype(float), y, validation_data=(x, y)))
    assert model.predict(x).shape == (6, 1)
    assert model.predict_on_batch(x).shape == (6, 1)
    assert np.isfinite(model.train_on_batch(x, y))
    assert np.isfinite(model.test_on_batch(x, y))
    assert len(model.history.events) == 1


@pytest.mark.parametrize("container", ["tuple", "dict"])
def test_7_2_only_those_inputs_are_cast_that_need_it(container):
    def inputs(features):
        parts = {"ids": WHOLE[:, 0], "features": features, "mask": WHOLE[:, :1] > 0}
        return parts if container == "dict" else tuple(parts.values())

    model = trained(Masked, inputs(WHOLE), WHOLE.sum(1))

    assert_trained_alike(model, trained(Masked, inputs(WHOLE.astype("float32")), WHOLE.sum(1)))
    name = {"tuple": "x[1]", "dict": "x['features']"}[container]
    assert [told for told in model.history.events if told["kind"] == "cast"] == [
        {"epoch": 0, "kind": "cast", "inputs": [name], "was": ["int64"], "now": "float32"}
    ]
    model.module.seen.clear()
    model.predict(inputs(WHOLE))
    assert (torch.int64, torch.float32, torch.bool) in model.module.seen


@pytest.mark.parametrize("kind", ["loader", "generator", "data set", "iterable"])
def test_7_2_batches_of_whole_numbers_are_cast_alike(kind):
    def source(x):
        data = TensorDataset(torch.as_tensor(x), torch.as_tensor(WHOLE.sum(1)))
        loader = DataLoader(data, batch_size=5)
        return {"loader": loader, "generator": lambda: iter(loader), "data set": data, "iterable": list(loader)}[kind]

    def fitted(x):
        torch.manual_seed(1)
        model = fd.Model(NEEDING_FLOATS["dropout and normalization"]()).compile("adam", loss="mse")
        given = source(x) if kind != "iterable" else Loader(source(x))
        model.fit(given, epochs=2, validation_data=(x, WHOLE.sum(1)), verbose=0)
        return model

    model = fitted(WHOLE)

    assert_trained_alike(model, fitted(WHOLE.astype("float32")))
    assert [told["inputs"] for told in model.history.events] == [["x"]]


def test_7_2_ids_of_an_embedding_stay_whole_numbers():
    class Spy(nn.Embedding):
        seen = set()

        def forward(self, x):
            self.seen.add(x.dtype)
            return super().forward(x)

    model = trained(lambda: Spy(9, 1), WHOLE, WHOLE[..., None])

    assert Spy.seen == {torch.int64}
    assert model.history.events == []


def test_7_2_what_was_found_is_found_anew_once_a_layer_was_replaced():
    model = trained(lambda: nn.Sequential(nn.Linear(3, 1)), WHOLE, WHOLE.sum(1))

    model.module[0] = nn.EmbeddingBag(9, 1)
    ids = model.predict(WHOLE)
    model.module[0] = nn.Linear(3, 1)

    assert ids.shape == model.predict(WHOLE).shape == (10, 1)


def test_7_2_several_threads_may_predict_whole_numbers_with_one_model():
    model, found = fd.Model(nn.Linear(3, 1)), []
    threads = [threading.Thread(target=lambda: found.append(model.predict(WHOLE).shape)) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [(10, 1)] * 8


def test_7_2_what_the_cast_led_to_is_raised_where_x_has_another_width():
    with pytest.raises(fd.DataError, match=r"^The input of Linear\(4, 1\) must have 4 columns, got .* \(10, 3\)"):
        fd.Model(nn.Linear(4, 1)).predict(WHOLE)


def test_7_2_a_cast_step_is_recorded():
    model = fd.Model(nn.Linear(3, 1)).compile("sgd", loss="mse")

    history = model.fit(WHOLE, WHOLE.sum(1), batch_size=1, epochs=10, verbose=0)

    assert history.params["stepper"] == "recorded"


@pytest.mark.parametrize(
    ("module", "x", "kind"),
    [
        (nn.Embedding(3, 2), np.ones((4, 1)), "float32"),
        (nn.Sequential(nn.Linear(2, 2), nn.Embedding(3, 2)), np.ones((4, 2), int), "int64"),
    ],
    ids=["embedding", "both"],
)
def test_7_2_a_dtype_error_that_no_cast_helps_comes_with_a_hint_to_cast(module, x, kind):
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
    "frame with text": (pd.DataFrame({"a": [1.0] * 10, "b": ["x"] * 10}), "(object|str) in the column 'b'"),
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


FRAME = pd.DataFrame({"a": [1.0] * 10, "b": ["x", "y"] * 5})
NUMBERS = pd.Series([1, 2] * 5, dtype=object)
CODES = r"Make the words whole numbers: np.unique\(y, return_inverse=True\)\[1\]\.$"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"y": FRAME["b"]}, f"y must hold .* got text of dtype (str|object), such as 'x' in row 0. {CODES}"),
        ({"y": FRAME["b"].astype("category")}, f"y must hold .* got text of dtype category, such as .* {CODES}"),
        ({"y": list("xy" * 5)}, f"y must hold .* got text of dtype <U1, such as 'x' in row 0. {CODES}"),
        ({"validation_data": (X, np.array(list("xy" * 5)))}, f"validation y must hold .* {CODES}"),
        ({"x": FRAME}, r"in the column 'b', such as 'x' in row 0. Pass pd.get_dummies\(x\)"),
        ({"x": FRAME.assign(b=NUMBERS)}, r"got dtype object in the column 'b', .* Pass x.astype\({'b': float}\)\.$"),
        ({"x": X.astype(object)}, r"got dtype object, whose values are all numbers. Pass x.astype\(float\)\.$"),
        (
            {"x": FRAME.assign(b=[1.0, None] * 5).astype({"b": object})},
            "in the column 'b', with (None|nan) in row|all num",
        ),
        ({"x": np.array([[1, 2]] * 9 + [[1, None]])}, "got dtype object, with None in row 9. Fill what is missing"),
        ({"x": np.zeros(10, [("a", float), ("b", float)])}, r"structured_to_unstructured\(x\)\.$"),
        ({"x": np.ma.masked_greater(np.arange(10.0), 7)}, r"got a masked one in row 8. Pass x.filled\(0\)\.$"),
        ({"x": np.ones((10, 2), complex)}, r"got dtype complex128. Pass both parts: np.stack\("),
        ({"x": [[1.0, 2.0]] * 9 + [[1.0]]}, "2 values in row 0 and 1 value in row 9. Pad them"),
        ({"x": pd.Series([[1.0, 2.0]] * 10)}, r"with a list in row 0. Pass np.stack\(x\)\.$"),
    ],
)
def test_7_3_array_column_row_and_remedy_are_named(given, words):
    with pytest.raises(fd.DataError, match=words):
        linear().fit(**{"x": X, "y": Y} | given, verbose=0)


@pytest.mark.parametrize(
    "x",
    [
        pd.DataFrame({"a": [1.0, 2], "b": pd.array([1, None], dtype="Int64")}).fillna(0),
        pd.DataFrame({"a": [1.0, 2], "b": pd.Categorical([1, 2])}),
        pd.get_dummies(pd.DataFrame({"a": [1.0, 2], "b": ["x", "x"]})),
        np.ma.masked_array([[1.0, 2.0], [3.0, 4.0]]),
    ],
)
def test_7_3_frames_and_masked_arrays_of_numbers_are_taken(x):
    assert linear().predict(x).shape == (2, 1)


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


@pytest.mark.parametrize(
    "x", [[1.0, 2.0, 3.0], (1.0, 2.0, 3.0), range(3), [np.float64(1), np.float32(2), 3], [[1.0], [2], [3]]]
)
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


def test_7_4_two_outputs_from_arrays_and_loaders():
    for as_dict in (False, True):
        model = fd.Model(Pair(as_dict=as_dict)).compile("sgd", loss="mse")
        y = {"p": Y, "q": Y} if as_dict else [Y, Y]

        history = model.fit(X, y, epochs=1, validation_split=0.2, verbose=0)
        model.fit(Loader([(X, y)]), epochs=1, verbose=0)

        assert len(history.history) == 6


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
