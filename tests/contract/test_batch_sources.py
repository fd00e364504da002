"""x that yields batches: feeds, data sets, loaders, iterators (contract 7.8 to 7.12 and 7.17)."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import fitdash as fd
from tests.contract.alike import REFERENCE, X, Y, assert_trains_alike
from tests.contract.networks import Inputs, Loader, Noting, batches, firsts, linear, parameters


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


VECTORS = TensorDataset(torch.arange(6.0), torch.arange(6.0) * 2)
SOURCES_OF_VECTORS = {
    "loader": lambda: DataLoader(VECTORS, batch_size=3),
    "loader of float64": lambda: DataLoader(TensorDataset(*[part.double() for part in VECTORS.tensors]), batch_size=3),
    "loader that collates": lambda: DataLoader(VECTORS, batch_size=3, collate_fn=torch.utils.data.default_collate),
    "data set": lambda: VECTORS,
    "generator": lambda: lambda: iter(DataLoader(VECTORS, batch_size=3)),
    "iterable of arrays": lambda: Loader([(np.arange(3.0), np.arange(3.0)), (np.ones(3), np.ones(3))]),
}


@pytest.mark.parametrize("kind", SOURCES_OF_VECTORS)
def test_7_1_vectors_inside_batches_stay_as_they_are(kind):
    shapes = set()

    class Slope(nn.Module):
        def __init__(self):
            super().__init__()
            self.value = nn.Parameter(torch.ones(()))

        def forward(self, x):
            shapes.add((x.ndim, x.dtype))
            return x * self.value

    model = fd.Model(Slope()).compile("sgd", loss="mse", metrics=["mae"])
    size = {"batch_size": 3} if kind == "data set" else {}
    losses = model.fit(SOURCES_OF_VECTORS[kind](), epochs=2, shuffle=False, verbose=0, **size).history["loss"]
    model.evaluate(SOURCES_OF_VECTORS[kind](), verbose=0)

    assert model.predict(SOURCES_OF_VECTORS[kind]()).shape == (6,)
    assert shapes == {(1, torch.float32)}
    if kind != "iterable of arrays":
        slope, expected = torch.ones(()), []
        for x in (torch.arange(3.0), torch.arange(3.0, 6.0)):
            expected.append(float(((x * slope - 2 * x) ** 2).mean()))
            slope = slope - 0.01 * (2 * x * (x * slope - 2 * x)).mean()
        assert losses[0] == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("kind", ["loader", "data set", "iterable of arrays"])
def test_7_1_a_vector_in_a_batch_that_a_layer_refuses_is_named(kind):
    with pytest.raises(fd.DataError, match=r"got a vector, \(\d,\), inside a batch.* Give one column: x\[:, None\]\."):
        linear(1).fit(SOURCES_OF_VECTORS[kind](), epochs=1, verbose=0)


@pytest.mark.parametrize("target", [Y, Y[:, 0]], ids=["column", "vector"])
@pytest.mark.parametrize("squeeze", [True, False])
def test_2_6_vectors_of_targets_in_batches_meet_their_predictions(target, squeeze):
    layers = [nn.Linear(2, 1), *([nn.Flatten(0)] if squeeze else [])]
    model = fd.Model(nn.Sequential(*layers)).compile("sgd", loss="mse")
    loss = model.evaluate(Loader([(X, target)]), verbose=0)

    assert loss == pytest.approx(float(np.mean((model.predict(X).ravel() - Y[:, 0]) ** 2)), rel=1e-5)


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
