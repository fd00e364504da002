"""Whole fits against Keras: losses, metrics and weights together, uneven batches, several outputs."""

import importlib.util

import numpy as np
import pytest
import torch

from tests.names import named
from tests.parity import Each, assert_same, assert_same_numbers, compiled, rows, twins, two_heads, weights

pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed"),
]

HEADS = {"price": (1, "linear"), "kind": (3, "softmax")}


def absolute(y_true, y_pred):
    """One value per sample."""
    return (y_true - y_pred).abs().mean(-1)


def largest(y_true, y_pred):
    """One value per batch."""
    return (y_true - y_pred).abs().max()


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("loss", "end", "classes", "one_hot", "metrics"),
    [
        ("mse", "linear", None, False, ["mae", absolute, largest, "root_mean_squared_error", "r2_score"]),
        (absolute, "linear", None, False, ["mse"]),
        (largest, "linear", None, False, ["mse"]),
        ("huber", "linear", None, False, ["MeanAbsoluteError"]),
        ("LogCosh", "linear", None, False, ["mape"]),
        ("sparse_categorical_crossentropy", "softmax", 3, False, ["accuracy", "sparse_categorical_accuracy"]),
        ("categorical_crossentropy", "softmax", 3, True, ["acc", "precision", "recall", "auc"]),
        ("crossentropy", "softmax", 3, True, ["accuracy", "cosine_similarity"]),
        ("kl_divergence", "softmax", 3, True, ["accuracy", "accuracy"]),
        ("binary_crossentropy", "sigmoid", 3, True, ["binary_accuracy", "recall", "auc"]),
        ("categorical_hinge", "linear", 3, True, ["categorical_accuracy"]),
        ("squared_hinge", "linear", 3, True, ["hinge"]),
        ("poisson", "sigmoid", 3, True, ["msle"]),
        ("cosine_similarity", "linear", 3, True, ["mse"]),
    ],
    ids=named,
)
def test_2_2_3_1_and_5_1_histories_are_keras(loss, end, classes, one_hot, metrics, weighted):
    x, y = rows(50, classes=classes, one_hot=one_hot)
    if weighted and loss is largest:
        metrics = ["mae"]
    in_weighted = [metric for metric in metrics if metric is not largest]
    pair = compiled(twins(4, 8, classes or 1, end=end), loss=loss, metrics=metrics, weighted_metrics=in_weighted)

    keras, own = pair.fit(
        x, y, epochs=2, batch_size=16, sample_weight=weights(50) if weighted else None, validation_split=0.2
    )

    assert_same(own, keras, tolerance=1e-4)


def test_5_7_and_5_9_weights_of_steps_are_keras():
    x, y = rows(22, classes=3, shape=(5, 4))
    by = np.random.default_rng(2).uniform(0, 2, size=(22, 5)).astype("float32")
    pair = compiled(
        twins((5, 4), 6, 3), loss="sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"]
    )

    keras, own = pair.fit(x, y, sample_weight=by, epochs=2, batch_size=8)

    assert_same(own, keras, tolerance=1e-4)


def test_5_2_negative_weights_are_keras():
    x, y = rows(20)
    by = np.random.default_rng(2).normal(size=20).astype("float32")
    pair = compiled(twins(4, 6, 1, end="linear"), loss="mse", weighted_metrics=["mae", "root_mean_squared_error"])

    keras, own = pair.fit(x, y, sample_weight=by, epochs=2, batch_size=8)

    assert_same(own, keras, tolerance=1e-4)


def test_2_6_targets_without_the_last_axis_are_keras():
    x, y = rows(20)
    pair = compiled(twins(4, 6, 1, end="linear"), loss="mse", metrics=["mae"])

    keras, own = pair.fit(x, y[:, 0], epochs=2, batch_size=8)

    assert_same(own, keras)


@pytest.mark.parametrize("as_dict", [False, True], ids=["list", "dict"])
@pytest.mark.parametrize("loss_weights", [None, [2.0, 0.3]], ids=["even", "uneven"])
@pytest.mark.parametrize("weight", [None, "one", "each"])
def test_13_2_13_6_and_5_11_several_outputs_are_keras(as_dict, loss_weights, weight):
    x, price = rows(30)
    _, kind = rows(30, classes=3)
    by = {None: None, "one": weights(30), "each": [weights(30), weights(30, seed=4)]}[weight]
    given = {
        "loss": ["mse", "sparse_categorical_crossentropy"],
        "metrics": [["mae"], ["accuracy"]],
        "weighted_metrics": [["mae"], None],
        "loss_weights": loss_weights,
    }
    if as_dict:
        given = {key: part and dict(zip(HEADS, part, strict=True)) for key, part in given.items()}
        given["weighted_metrics"] = {"price": ["mae"]}
        by = dict(zip(HEADS, by, strict=True)) if weight == "each" else by
    targets = {"price": price, "kind": kind} if as_dict else [price, kind]
    for_each = dict.fromkeys(HEADS, by) if as_dict else [by, by]
    pair = compiled(two_heads(as_dict=as_dict, **HEADS), **given)

    keras, own = pair.fit(
        x,
        targets,
        epochs=2,
        batch_size=8,
        keras_only={"sample_weight": for_each if weight == "one" else by},
        own_only={"sample_weight": by},
    )

    assert_same_numbers(own.history, keras.history, 1e-4)


def test_13_3_an_output_without_loss_is_keras():
    x, price = rows(30)
    _, kind = rows(30, classes=3)
    pair = compiled(two_heads(as_dict=True, **HEADS), loss={"price": "mse", "kind": None}, metrics={"kind": ["acc"]})

    keras, own = pair.fit(x, {"price": price, "kind": kind}, epochs=2, batch_size=8)

    assert_same_numbers(own.history, keras.history, 1e-4)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_2_9_losses_of_torch_are_the_same_losses_of_keras(reduction, weighted):
    import keras

    theirs = {"mean": "sum_over_batch_size", "sum": "sum"}[reduction]
    x, y = rows(30, classes=3)
    loss = Each(
        keras=keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=theirs),
        own=torch.nn.CrossEntropyLoss(reduction=reduction),
    )
    pair = compiled(twins(4, 8, 3, end="linear"), loss=loss, metrics=["accuracy"], weighted_metrics=["accuracy"])

    keras_side, own = pair.fit(
        x, y, epochs=2, batch_size=8, sample_weight=weights(30) if weighted else None, validation_split=0.3
    )

    assert_same(own, keras_side, tolerance=1e-4)


def test_4_5_binary_logits_are_the_probabilities_of_keras():
    import keras

    x, y = rows(30, classes=2)
    loss = Each(keras=keras.losses.BinaryCrossentropy(from_logits=True), own=torch.nn.BCEWithLogitsLoss())
    cut = Each(keras=[keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)], own=["accuracy"])
    pair = compiled(twins(4, 8, 1, end="linear"), loss=loss, metrics=cut)

    keras_side, own = pair.fit(x, y.astype("float32"), epochs=2, batch_size=8)

    assert_same(own, keras_side, tolerance=1e-4)
