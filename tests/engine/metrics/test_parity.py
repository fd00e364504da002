"""Named metrics against Keras, over uneven batches, with and without weights."""

import importlib.util
import warnings

import numpy as np
import pytest
import torch

from fitdash.engine.losses.keras_losses import BY_NAME
from fitdash.engine.metrics.resolve import resolve_metric

pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed"),
]

CUTS = (0, 4, 5, 11)
ROWS = CUTS[-1]
OF_BITS = [
    *("accuracy", "binary_accuracy", "precision", "recall", "auc"),
    *("true_positives", "false_positives", "true_negatives", "false_negatives"),
    *("binary_crossentropy", "hinge", "squared_hinge"),
]
OF_COLUMNS = ["accuracy", "categorical_accuracy", "top_k_categorical_accuracy", "precision", "recall", "auc"]
OF_COLUMNS += ["categorical_crossentropy", "categorical_hinge", "kl_divergence", "binary_accuracy"]
OF_CLASSES = ["accuracy", "sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy"]
OF_CLASSES += ["sparse_categorical_crossentropy"]
OF_NUMBERS = [name for name in BY_NAME if "crossentropy" not in name and "hinge" not in name]
OF_NUMBERS += ["root_mean_squared_error", "r2_score"]


def drawn(kind, columns=7):
    numbers = np.random.default_rng(5)
    classes = torch.from_numpy(numbers.integers(0, columns, size=ROWS))
    shares = torch.from_numpy(numbers.uniform(size=(ROWS, columns)).astype("float32")).softmax(-1)
    bits = torch.from_numpy(numbers.integers(0, 2, size=(ROWS, 1)).astype("float32"))
    probability = torch.from_numpy(numbers.uniform(size=(ROWS, 1)).astype("float32"))
    targets = torch.from_numpy(numbers.uniform(0.1, 3.0, size=(ROWS, 2)).astype("float32"))
    guesses = targets + torch.from_numpy(numbers.normal(size=(ROWS, 2)).astype("float32")) * 0.3
    return {
        "bits": (bits, probability),
        "flat bits": (bits[:, 0].long(), probability),
        "columns": (torch.eye(columns)[classes], shares),
        "classes": (classes, shares),
        "column of classes": (classes[:, None], shares),
        "numbers": (targets, guesses.clamp(min=0.05)),
    }[kind]


def keras_value(name, target, prediction, weight):
    import keras
    from keras.src.trainers.compile_utils import get_metric

    given = {"huber": keras.losses.huber, "log_cosh": keras.metrics.LogCoshError()}.get(name, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metric = get_metric(given, target[:4], prediction[:4])
        for a, b in zip(CUTS, CUTS[1:], strict=False):
            metric.update_state(target[a:b], prediction[a:b], None if weight is None else weight[a:b])
    return float(metric.result())


def own_value(name, target, prediction, weight):
    metric = resolve_metric(name).make(None, weight is not None)
    metric.begin(prediction)
    for a, b in zip(CUTS, CUTS[1:], strict=False):
        metric.update(target[a:b], prediction[a:b], None if weight is None else weight[a:b], b - a)
    return float(metric.result(ROWS, len(CUTS) - 1))


def weights(kind, steps=()):
    numbers = np.random.default_rng(9)
    drawn = {
        "none": None,
        "some zero": numbers.uniform(0, 3, size=(ROWS, *steps)) * (numbers.uniform(size=(ROWS, *steps)) > 0.3),
        "some negative": numbers.normal(1.0, 1.0, size=(ROWS, *steps)),
        "all zero": np.zeros((ROWS, *steps)),
    }[kind]
    return None if drawn is None else torch.from_numpy(drawn.astype("float32"))


@pytest.mark.parametrize("weight", ["none", "some zero", "some negative", "all zero"])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, "bits") for name in OF_BITS),
        *((name, "flat bits") for name in OF_BITS if name not in ("binary_crossentropy", "hinge", "squared_hinge")),
        *((name, "columns") for name in OF_COLUMNS),
        *((name, "classes") for name in OF_CLASSES),
        *((name, "column of classes") for name in OF_CLASSES if name != "sparse_top_k_categorical_accuracy"),
        *((name, "numbers") for name in OF_NUMBERS),
    ],
)
def test_4_6_4_8_and_4_10_named_metrics_are_keras(name, kind, weight):
    target, prediction = drawn(kind)
    by = weights(weight)

    expected = keras_value(name, target, prediction, by)
    if (name, weight) == ("r2_score", "all zero"):
        assert np.isnan(expected)  # Keras' one exception from 4.11
        expected = 0.0

    assert own_value(name, target, prediction, by) == pytest.approx(expected, rel=1e-4, abs=1e-5, nan_ok=True)


@pytest.mark.parametrize("weight", ["none", "some zero", "some negative", "all zero"])
@pytest.mark.parametrize("name", ["mean_squared_error", "categorical_accuracy", "root_mean_squared_error"])
def test_5_9_weights_of_steps_are_keras(name, weight):
    prediction = torch.rand(ROWS, 3, 4)
    target = torch.eye(4)[torch.randint(0, 4, (ROWS, 3))]
    by = weights(weight, (3,))

    expected = keras_value(name, target, prediction, by)

    assert own_value(name, target, prediction, by) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_4_13_f1_is_the_mean_of_kerass_classes():
    import keras

    target, prediction = drawn("columns")
    metric = keras.metrics.F1Score(average="macro")
    metric.update_state(target, prediction)

    assert own_value("f1_score", target, prediction, None) == pytest.approx(float(metric.result()), rel=1e-5)


def test_4_7_callables_are_keras():
    def each(y_true, y_pred):
        return (y_true - y_pred).abs()[:, 0]

    def worst(y_true, y_pred):
        return (y_true - y_pred).abs().max()

    target, prediction = drawn("numbers")
    for function in (each, worst):
        expected = keras_value(function, target, prediction, None)
        assert own_value(function, target, prediction, None) == pytest.approx(expected, rel=1e-5)


def test_4_8_metric_objects_of_keras_are_taken():
    import keras

    target, prediction = drawn("bits")
    by = weights("some zero")
    own = own_value(keras.metrics.AUC(), target, prediction, by)

    assert own == pytest.approx(keras_value("auc", target, prediction, by), rel=1e-5)


def test_4_3_accuracy_of_a_prediction_without_last_axis_is_keras():
    target, prediction = drawn("bits")

    expected = keras_value("accuracy", target[:, 0], prediction[:, 0], None)

    assert own_value("accuracy", target[:, 0], prediction[:, 0], None) == pytest.approx(expected)
