"""sample_weight through fit, and class_weight (contract 5.3 to 5.6 and 6)."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import fitdash as fd
from tests.contract.networks import Constant, Loader, Pair, linear, parameters, xy
from tests.parity import assert_same, compiled, rows, twins, weights

X, Y = xy(10)


def still(width=1, loss="mae", **arguments):
    """Answers 0 for ever: losses are those of the targets."""
    model = fd.Model(Constant(width=width))
    return model.compile(fd.optimizers.sgd(learning_rate=0.0), loss=loss, **arguments)


class Steps(nn.Module):
    """Probabilities of k classes for t steps, all equal."""

    def __init__(self, k):
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(k))

    def forward(self, x):
        return self.scores.softmax(-1).expand(*x.shape[:2], -1)


@pytest.mark.parametrize("n", [9, 11, 0])
def test_5_3_another_number_of_weights_is_refused_with_both_lengths(n):
    with pytest.raises(ValueError, match=f"x has 10, y has 10, sample_weight has {n}|sample_weight is empty"):
        linear().fit(X, Y, sample_weight=np.ones(n), verbose=0)


@pytest.mark.parametrize("shape", [(10,), (10, 1)])
def test_5_4_validation_split_cuts_weights_with_the_rows(shape):
    y, weight = np.ones((10, 1)), np.arange(10.0).reshape(shape)

    logs = still().fit(X, y, sample_weight=weight, validation_split=0.3, epochs=1, verbose=0).history

    assert logs == {"loss": [pytest.approx(21 / 7)], "val_loss": [pytest.approx(24 / 3)]}


def test_5_5_validation_data_of_two_parts_is_unweighted():
    y = np.ones((10, 1))

    logs = still().fit(X, y, sample_weight=np.full(10, 5.0), validation_data=(X, y), epochs=1, verbose=0).history

    assert logs == {"loss": [pytest.approx(5.0)], "val_loss": [pytest.approx(1.0)]}


def test_5_5_validation_data_of_three_parts_is_weighted():
    y = np.ones((10, 1))

    logs = still().fit(X, y, validation_data=(X, y, np.full(10, 5.0)), epochs=1, verbose=0).history

    assert logs == {"loss": [pytest.approx(1.0)], "val_loss": [pytest.approx(5.0)]}


def test_5_6_weights_come_as_the_third_item_of_a_batch():
    y = np.ones((4, 1), "float32")
    source = Loader([(X[:4], y, np.array([1.0, 2, 3, 4])), (X[:4], y, np.ones((4, 1)))])

    logs = still(weighted_metrics=["mse"]).fit(source, epochs=1, validation_data=source, verbose=0).history

    assert logs["loss"] == logs["val_loss"] == [pytest.approx((10 + 4) / 8)]
    assert logs["mse"] == [pytest.approx(1.0)]


@pytest.mark.parametrize("source", [Loader([(X, Y)]), TensorDataset(torch.tensor(X)), iter([(X, Y)])])
def test_5_6_weights_beside_a_batch_source_are_refused(source):
    with pytest.raises(ValueError, match="sample_weight must not be given"):
        linear().fit(source, sample_weight=np.ones(10), verbose=0)


@pytest.mark.parametrize(
    "weight",
    [
        np.array([0, 2, -1, 1]),
        [0, 2, -1, 1],
        (0.0, 2.0, -1.0, 1.0),
        np.array([[0], [2], [-1], [1]], "int8"),
        pd.Series([0, 2, -1, 1]),
        pd.DataFrame({"w": [0, 2, -1, 1]}),
        torch.tensor([0.0, 2, -1, 1], dtype=torch.float64),
        list(np.array([0.0, 2, -1, 1])),
        [np.array([0.0, 2, -1, 1])],
        np.array([0.0, 2, -1, 1], "float16"),
    ],
)
def test_5_2_weights_of_every_kind(weight):
    y = np.array([[1.0], [2.0], [3.0], [4.0]])

    assert still().evaluate(X[:4], y, sample_weight=weight, verbose=0) == pytest.approx((0 + 4 - 3 + 4) / 4)


def test_5_2_boolean_weights_are_a_mask():
    assert still().evaluate(X[:2], np.ones(2), sample_weight=np.array([True, False]), verbose=0) == pytest.approx(0.5)


def test_5_2_nan_weights_give_nan():
    assert np.isnan(still().evaluate(X[:2], np.ones(2), sample_weight=np.array([1.0, np.nan]), verbose=0))


@pytest.mark.parametrize("shape", [(10, 2), (10, 3, 1), ()])
def test_5_2_weights_of_another_shape_are_refused_with_the_shapes(shape):
    with pytest.raises(ValueError, match="sample_weight"):
        linear().fit(X, Y, sample_weight=np.ones(shape), verbose=0)


def test_6_1_class_weight_is_for_training_only():
    y = np.array([0.0, 1, 1, 1])[:, None]
    model = still()

    logs = model.fit(X[:4], y, class_weight={1: 3.0}, validation_data=(X[:4], y), epochs=1, verbose=0).history

    assert logs == {"loss": [pytest.approx(9 / 4)], "val_loss": [pytest.approx(3 / 4)]}
    assert model.evaluate(X[:4], y, verbose=0) == pytest.approx(3 / 4)


IDS = np.array([0, 1, 2, 1])
FORMS = {
    "ids": IDS,
    "ids in a column": IDS[:, None],
    "float ids": IDS.astype("float32"),
    "list": IDS.tolist(),
    "list of scalars": list(IDS),
    "series": pd.Series(IDS),
    "int8 tensor": torch.tensor(IDS, dtype=torch.int8),
    "one-hot": np.eye(3)[IDS],
    "one-hot integers": np.eye(3, dtype=int)[IDS],
    "smoothed one-hot": np.eye(3)[IDS] * 0.7 + 0.1,
}


@pytest.mark.parametrize("form", FORMS)
def test_6_2_the_class_of_a_row(form):
    loss = "categorical_crossentropy" if "one-hot" in form else "sparse_categorical_crossentropy"
    module = nn.Sequential(nn.Linear(2, 3), nn.Softmax(-1))
    nn.init.zeros_(module[0].weight), nn.init.zeros_(module[0].bias)
    model = fd.Model(module).compile(fd.optimizers.sgd(learning_rate=0.0), loss=loss)

    logs = model.fit(X[:4], FORMS[form], class_weight={1: 5.0, 2: 0.0}, epochs=1, verbose=0).history

    assert logs["loss"] == [pytest.approx(np.log(3) * (1 + 5 + 0 + 5) / 4, rel=1e-5)]


def test_6_2_values_between_classes_are_rounded():
    y = np.array([0.4, 0.6, 1.4])[:, None]

    logs = still().fit(X[:3], y, class_weight={1: 10.0}, epochs=1, verbose=0).history

    assert logs["loss"] == [pytest.approx((0.4 + 6 + 14) / 3)]


@pytest.mark.parametrize("key", [1, np.int64(1), np.uint8(1), 1.0, np.float32(1.0), "1"])
def test_6_3_keys_that_are_indices(key):
    logs = still().fit(X[:2], np.ones(2), class_weight={key: 4}, epochs=1, verbose=0).history

    assert logs["loss"] == [pytest.approx(4.0)]


@pytest.mark.parametrize("key", ["cat", 1.5, -1, None, (0,), "1.0", "", float("nan"), float("inf")])
def test_6_3_other_keys_are_refused(key):
    with pytest.raises(ValueError, match="class_weight must map class indices to weights, got the key"):
        linear().fit(X, Y, class_weight={key: 1.0}, verbose=0)


@pytest.mark.filterwarnings("ignore:class_weight must name classes of y")
@pytest.mark.parametrize("weight", [{}, {7: 3.0}, {0: 1.0, 99: 5.0}, {10**9: 2.0}])
def test_6_4_missing_classes_weigh_1_and_extra_ones_are_ignored(weight):
    logs = still().fit(X[:2], np.ones(2), class_weight=weight, epochs=1, verbose=0).history

    assert logs["loss"] == [pytest.approx(1.0)]


def test_6_5_class_weight_enters_weighted_metrics_only():
    y = np.array([0.0, 1, 1])[:, None]
    model = still(metrics=["mse"], weighted_metrics=["mae"])

    logs = model.fit(X[:3], y, class_weight={1: 3.0}, epochs=1, validation_data=(X[:3], y), verbose=0).history

    assert logs["mse"] == [pytest.approx(2 / 3)]
    assert logs["mae"] == [pytest.approx(6 / 7)]
    assert logs["val_mae"] == [pytest.approx(2 / 3)]


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_6_6_class_and_sample_weights_are_multiplied(shape):
    y, weight = np.array([0.0, 1, 1])[:, None], np.array([7.0, 2.0, -1.0]).reshape(shape)

    logs = still().fit(X[:3], y, class_weight={1: 3.0}, sample_weight=weight, epochs=1, verbose=0).history

    assert logs["loss"] == [pytest.approx((0 + 6 - 3) / 3)]


TEMPORAL = np.array([[0, 1, 2], [1, 1, 0]])


@pytest.mark.parametrize(
    ("y", "loss"),
    [
        (TEMPORAL, "sparse_categorical_crossentropy"),
        (TEMPORAL[..., None], "sparse_categorical_crossentropy"),
        (np.eye(3)[TEMPORAL], "categorical_crossentropy"),
    ],
    ids=["ids", "ids in a last axis", "one-hot"],
)
@pytest.mark.parametrize("weight", [None, np.array([1.0, 2.0]), np.array([[1.0, 0, 1], [2, 2, 2]])])
def test_6_7_each_time_step_gets_the_weight_of_its_class(y, loss, weight):
    model = fd.Model(Steps(3)).compile(fd.optimizers.sgd(learning_rate=0.0), loss=loss)
    by_class = np.array([1.0, 5.0, 0.5])[TEMPORAL]
    own = 1.0 if weight is None else weight if weight.ndim == 2 else weight[:, None]

    logs = model.fit(
        np.zeros((2, 3, 1)), y, class_weight={1: 5.0, 2: 0.5}, sample_weight=weight, epochs=1, verbose=0
    ).history  # fmt: skip

    assert logs["loss"] == [pytest.approx(np.log(3) * (by_class * own).mean(), rel=1e-5)]


@pytest.mark.parametrize("y", [[Y, Y], {"p": Y, "q": Y}, (Y, Y)])
def test_6_8_several_outputs_are_refused(y):
    model = fd.Model(Pair(as_dict=isinstance(y, dict))).compile("sgd", loss="mse")

    with pytest.raises(ValueError, match="class_weight works with one output, got 2"):
        model.fit(X, y, class_weight={0: 1.0}, verbose=0)
    with pytest.raises(ValueError, match="class_weight works with one output, got 2"):
        model.fit(Loader([(X, y)]), class_weight={0: 1.0}, verbose=0)
    with pytest.raises(ValueError, match="class_weight works with one output, got 2"):
        model.train_on_batch(X, y, class_weight={0: 1.0})


@pytest.mark.parametrize("given", ["balanced", [1.0, 2.0], np.ones(2), 3, {1, 2}])
def test_6_9_what_is_no_mapping_is_refused(given):
    with pytest.raises(ValueError, match="class_weight must map class indices to weights, such as {0: 1.0, 1: 4.0}"):
        linear().fit(X, Y, class_weight=given, verbose=0)


@pytest.mark.parametrize("value", ["much", None, [1]])
def test_6_9_weights_must_be_numbers(value):
    with pytest.raises(ValueError, match="class_weight must give numbers"):
        linear().fit(X, Y, class_weight={0: value}, verbose=0)


def labelled():
    return torch.zeros(6, 2), torch.tensor([0.0, 1, 1, 0, 1, 1])[:, None]


@pytest.mark.parametrize("kind", ["loader", "dataset", "generator", "function", "weighted"])
def test_6_10_class_weight_works_for_batch_sources(kind):
    x, y = labelled()
    source = {
        "loader": DataLoader(TensorDataset(x, y), batch_size=4),
        "dataset": TensorDataset(x, y),
        "generator": iter([(x, y)]),
        "function": lambda: iter([(x, y)]),
        "weighted": DataLoader(TensorDataset(x, y, torch.full((6,), 2.0)), batch_size=4),
    }[kind]

    logs = still().fit(source, class_weight={1: 3.0}, epochs=1, verbose=0).history

    assert logs["loss"] == [pytest.approx(4.0 if kind == "weighted" else 2.0)]


def test_6_10_a_batch_without_targets_is_refused_with_words():
    with pytest.raises(ValueError, match="Batch 1: y must be given"):
        still().fit(Loader([(X,)]), class_weight={1: 3.0}, verbose=0)


def test_6_11_class_weight_of_train_on_batch():
    x, y = labelled()

    assert still().train_on_batch(x, y, class_weight={1: 3.0}) == pytest.approx(2.0)
    assert still().train_on_batch(x, y, np.full(6, 2.0), {"1": 3.0}) == pytest.approx(4.0)
    with pytest.raises(ValueError, match="class_weight"):
        still().train_on_batch(x, y, class_weight="balanced")


def test_class_weight_equals_the_same_sample_weight():
    torch.manual_seed(0)
    a, b = linear(), linear()
    b.set_weights(a.get_weights())
    y = (Y > 0).astype("float32")

    a.fit(X, y, class_weight={1: 2.5}, epochs=2, shuffle=False, verbose=0)
    b.fit(X, y, sample_weight=np.where(y == 1, 2.5, 1.0), epochs=2, shuffle=False, verbose=0)

    for p, q in zip(parameters(a), parameters(b), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-6)


@pytest.mark.parity
@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize("validation", [0.0, 0.3])
def test_6_class_weight_is_keras(one_hot, validation):
    loss = "categorical_crossentropy" if one_hot else "sparse_categorical_crossentropy"
    pair = compiled(twins(4, 5, 3), loss=loss, metrics=["accuracy"], weighted_metrics=["accuracy"])

    keras, own = pair.fit(
        *rows(23, classes=3, one_hot=one_hot), class_weight={0: 2.0, 2: 0.0, 9: 4.0}, epochs=2, batch_size=5,
        validation_split=validation,
    )  # fmt: skip

    # Keras names both metrics alike and loses one, so that only the rest can be compared
    assert own.history["loss"] == pytest.approx(keras.history["loss"], rel=1e-5)
    for a, b in zip(own.parameters, keras.parameters, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parity
def test_6_1_and_6_5_binary_class_weight_is_keras():
    x, y = rows(23)
    pair = compiled(
        twins(4, 5, 1, end="sigmoid"), loss="binary_crossentropy", metrics=["mae"], weighted_metrics=["mse"]
    )  # fmt: skip

    keras, own = pair.fit(x, (y > 0).astype("int64"), class_weight={1: 3.0}, epochs=2, batch_size=5,
                          validation_split=0.3)  # fmt: skip

    assert_same(own, keras)


@pytest.mark.parity
@pytest.mark.parametrize("shape", [(23,), (23, 1)])
def test_5_sample_weight_through_fit_is_keras(shape):
    pair = compiled(twins(4, 5, 1, end="linear"), loss="mse", metrics=["mae"], weighted_metrics=["mse"])
    weight = weights(23).reshape(shape)

    keras, own = pair.fit(*rows(23), sample_weight=weight, epochs=2, batch_size=5, validation_split=0.3)

    assert_same(own, keras)
