"""Named losses against Keras: values, weights and gradients."""

import importlib.util
import warnings

import numpy as np
import pytest
import torch

from fitdash.engine.losses.keras_losses import BY_NAME
from fitdash.engine.losses.resolve import resolve_loss

pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed"),
]

WEIGHTS = [None, [1.0, 0.0, -2.0, 3.0, 0.5], [0.0, 0.0, 0.0, 0.0, 0.0]]
SPARSE = "sparse_categorical_crossentropy"


def keras_loss(name, target, prediction, weight=None):
    """The loss and the gradient of the prediction, as Keras has them."""
    import keras

    prediction = prediction.clone().requires_grad_()
    function = keras.losses.get(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loss = keras.src.losses.losses.LossFunctionWrapper(function)(target, prediction, sample_weight=weight)
    loss.backward()
    return loss.item(), prediction.grad.numpy()


def own_loss(name, target, prediction, weight=None):
    prediction = prediction.clone().requires_grad_()
    loss = resolve_loss(name)(target, prediction, weight)
    loss.backward()
    return loss.item(), prediction.grad.numpy()


def compare(name, target, prediction, weight=None):
    theirs, ours = keras_loss(name, target, prediction, weight), own_loss(name, target, prediction, weight)

    assert ours[0] == pytest.approx(theirs[0], rel=1e-5, abs=1e-6)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-4, atol=1e-5)


def drawn(name, shape, seed=0):
    """A target and a prediction in the range that the loss is for."""
    numbers = np.random.default_rng(seed)
    classes = numbers.integers(0, shape[-1], size=shape[:-1])
    prediction = torch.from_numpy(numbers.uniform(0.01, 1.5, size=shape).astype("float32"))
    if name == SPARSE:
        return torch.from_numpy(classes), prediction
    if "crossentropy" in name or "hinge" in name:
        target = np.eye(shape[-1], dtype="float32")[classes] if shape[-1] > 1 else numbers.integers(0, 2, size=shape)
        return torch.from_numpy(target.astype("float32")), prediction.clamp(max=1.0)
    target = torch.from_numpy(numbers.uniform(-1.0, 2.0, size=shape).astype("float32"))
    return target, prediction


@pytest.mark.parametrize("weight", WEIGHTS, ids=["unweighted", "weighted", "zeros"])
@pytest.mark.parametrize("shape", [(5, 3), (5, 1), (5, 4, 3)], ids=str)
@pytest.mark.parametrize("name", BY_NAME)
def test_2_2_and_5_1_named_losses_are_keras(name, shape, weight):
    if weight is not None and len(shape) == 3:
        weight = np.random.default_rng(1).normal(size=shape[:2]).tolist()
    target, prediction = drawn(name, shape)

    compare(name, target, prediction, None if weight is None else torch.tensor(weight))


@pytest.mark.parametrize("name", BY_NAME)
def test_2_4_the_edges_of_probabilities_are_keras(name):
    prediction = torch.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [1e-9, 1 - 1e-9], [0.5, 0.5]])
    classes = torch.tensor([0, 0, 1, 0, 1])
    target = classes if name == SPARSE else torch.eye(2)[classes]

    compare(name, target, prediction)


@pytest.mark.parametrize("name", ["hinge", "squared_hinge", "categorical_hinge"])
@pytest.mark.parametrize("target", [[0, 1, 1, 0], [-1, 1, 1, -1], [0.0, 0.5, 1.0, -1.0], [1, 1, 1, 1]], ids=str)
def test_2_5_hinge_targets_are_keras(name, target):
    compare(name, torch.tensor(target).float()[:, None], torch.tensor([[0.3], [-2.0], [1.7], [0.9]]))


@pytest.mark.parametrize(
    "name", [name for name in BY_NAME if "categorical" not in name and name != "cosine_similarity"]
)
def test_2_6_alignment_is_keras(name):
    target, prediction = drawn(name, (5, 1))

    compare(name, target[:, 0], prediction)


def test_2_6_a_last_axis_of_class_ids_is_keras():
    target, prediction = drawn(SPARSE, (5, 3))

    compare(SPARSE, target[:, None], prediction, torch.tensor(WEIGHTS[1]))


def test_2_6_integer_targets_are_keras():
    target, prediction = drawn("binary_crossentropy", (5, 1))

    compare("binary_crossentropy", target.int(), prediction)


def test_2_11_a_callable_is_weighted_like_keras():
    import keras

    def loss(y_true, y_pred):
        return (y_true - y_pred) ** 2

    def mean(y_true, y_pred):
        return ((y_true - y_pred) ** 2).mean()

    target, prediction = drawn("mse", (5, 1))
    weight = torch.tensor(WEIGHTS[1])
    for function in (loss, mean):
        wrapped = keras.src.losses.losses.LossFunctionWrapper(function)
        expected = wrapped(target, prediction, sample_weight=weight).item()
        assert resolve_loss(function)(target, prediction, weight).item() == pytest.approx(expected, rel=1e-5)
