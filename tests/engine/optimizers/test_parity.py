"""Update for update the same numbers as Keras, from the same gradients."""

import importlib.util
import inspect
import warnings

import numpy as np
import pytest
import torch

from fitdash import optimizers
from tests.parity import KERAS_NAMES as NAMES
from tests.parity import assert_same, assert_same_numbers, compiled, rows, twins

pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed"),
]

NOT_HERE = {"use_ema", "ema_momentum", "ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps"}
SETTINGS = [
    *((name, {}) for name in NAMES),
    *((name, {"weight_decay": 0.05, "learning_rate": 0.02}) for name in NAMES),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
    ("sgd", {"nesterov": True}),
    ("sgd", {"momentum": 0.8, "nesterov": True, "weight_decay": 0.01, "clipnorm": 0.5}),
    ("adam", {"amsgrad": True}),
    ("adam", {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}),
    ("adamw", {"amsgrad": True, "weight_decay": 0.1}),
    ("rmsprop", {"momentum": 0.9}),
    ("rmsprop", {"centered": True}),
    ("rmsprop", {"centered": True, "momentum": 0.5, "rho": 0.7, "epsilon": 1e-4}),
    ("adagrad", {"initial_accumulator_value": 0.0, "epsilon": 1e-3}),
    ("adagrad", {"initial_accumulator_value": 0.5, "learning_rate": 0.1}),
    ("adadelta", {"rho": 0.5, "epsilon": 1e-4, "learning_rate": 1.0}),
    ("adamax", {"beta_1": 0.7, "beta_2": 0.9}),
    ("nadam", {"beta_1": 0.7, "beta_2": 0.9}),
    *((name, {"clipnorm": 0.3}) for name in ("sgd", "adagrad")),
    *((name, {"clipvalue": 0.1}) for name in ("sgd", "adagrad")),
    *((name, {"global_clipnorm": 0.3}) for name in ("sgd", "adagrad")),
]


def gradients(scale, steps=40):
    """Gradients of a (3, 4) and a (4,) parameter for each step, of changing size."""
    numbers = np.random.default_rng(7)
    swing = 1 + np.sin(np.arange(steps))
    return [[(numbers.normal(size=s) * scale * k).astype("float32") for s in ((3, 4), (4,))] for k in swing]


def starts(scale):
    numbers = np.random.default_rng(3)
    return [(numbers.normal(size=shape) * scale).astype("float32") for shape in ((3, 4), (4,))]


def keras_walk(name, settings, begin, steps, rates):
    """The parameters after each step, flat: (steps, elements)."""
    import keras

    optimizer = getattr(keras.optimizers, NAMES[name])(**settings)
    variables = [keras.Variable(start) for start in begin]
    walk = []
    for parts, rate in zip(steps, rates, strict=True):
        if rate is not None:
            optimizer.learning_rate = rate
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Nadam reads tensors the old way; a missing gradient is told
            optimizer.apply([None if g is None else torch.from_numpy(g) for g in parts], variables)
        walk.append(np.concatenate([v.value.detach().numpy().ravel() for v in variables]))
    return np.array(walk)


def own_walk(name, settings, begin, steps, rates, make=torch.nn.Parameter):
    parameters = [make(torch.from_numpy(start.copy())) for start in begin]
    optimizer = getattr(optimizers, name)(**settings)(parameters)
    walk = []
    for parts, rate in zip(steps, rates, strict=True):
        if rate is not None:
            optimizer.param_groups[0]["lr"] = rate
        for parameter, gradient in zip(parameters, parts, strict=True):
            parameter.grad = None if gradient is None else torch.from_numpy(gradient.copy())
        optimizer.step()
        walk.append(torch.cat([p.detach().flatten() for p in parameters]).numpy())
    return np.array(walk)


class Watched(torch.nn.Parameter):
    """Of another class than torch's own, so that no fused kernel is used."""


def assert_same_walk(own, keras, begin):
    """Apart by no more than 1e-5 of the way gone so far, and what 40 roundings of the place come to."""
    begin = np.concatenate([start.ravel() for start in begin])
    way = np.abs(np.diff(keras, axis=0, prepend=begin[None])).cumsum(axis=0)
    assert (way[-1] > 0).all()
    assert (np.abs(own - keras) / (2e-6 * np.abs(begin) + 1e-5 * way)).max() < 1


@pytest.mark.parametrize("scale", [1.0, 1e-2, 1e-6])
@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=str)
def test_1_6_every_step_equals_keras(name, settings, scale):
    begin, steps = starts(scale), gradients(scale)
    rates = [None] * len(steps)

    expected = keras_walk(name, settings, begin, steps, rates)

    assert_same_walk(own_walk(name, settings, begin, steps, rates), expected, begin)
    assert_same_walk(own_walk(name, settings, begin, steps, rates, make=Watched), expected, begin)


@pytest.mark.parametrize(
    ("name", "settings"),
    [*((name, {}) for name in NAMES), ("sgd", {"momentum": 0.9}), ("sgd", {"momentum": 0.9, "nesterov": True})],
    ids=str,
)
def test_1_6_a_changing_learning_rate_enters_where_keras_has_it(name, settings):
    begin, steps = starts(1.0), gradients(1.0)
    rates = [0.1, *[None] * 9, 0.01, *[None] * 9, 0.5, *[0.0] * 4, *np.linspace(0.2, 0.001, 15).tolist()]

    expected = keras_walk(name, settings, begin, steps, rates)

    assert_same_walk(own_walk(name, settings, begin, steps, rates), expected, begin)
    assert_same_walk(own_walk(name, settings, begin, steps, rates, make=Watched), expected, begin)


@pytest.mark.parametrize("name", NAMES)
def test_1_6_a_parameter_without_a_gradient_stays_and_joins_later_at_the_common_count(name):
    begin, steps = starts(1.0), gradients(1.0)
    settings = {"weight_decay": 0.1, "learning_rate": 0.01}
    steps = [[a, None if i < 5 or i % 7 == 0 else b] for i, (a, b) in enumerate(steps)]

    expected = keras_walk(name, settings, begin, steps, [None] * len(steps))
    own = own_walk(name, settings, begin, steps, [None] * len(steps))

    assert_same_walk(own, expected, begin)
    np.testing.assert_array_equal(own[4, -4:], begin[1])


@pytest.mark.parametrize("name", NAMES)
def test_1_12_arguments_and_defaults_are_those_of_keras(name):
    import keras

    keras_signature = inspect.signature(getattr(keras.optimizers, NAMES[name])).parameters
    keras_defaults = {key: p.default for key, p in keras_signature.items() if p.default is not inspect.Parameter.empty}
    own = inspect.signature(getattr(optimizers, name)).parameters

    expected = {key: value for key, value in keras_defaults.items() if key not in NOT_HERE | {"name", "kwargs"}}
    assert {key: p.default for key, p in own.items()} == expected
    by_place = [key for key, p in own.items() if p.kind == p.POSITIONAL_OR_KEYWORD]
    assert by_place == list(keras_signature)[: len(by_place)]


@pytest.mark.parametrize(
    "optimizer", ["adam", "nadam", "rmsprop", ("sgd", {"momentum": 0.9, "nesterov": True})], ids=str
)
def test_22_2_optimizer_state_carries_over_between_calls_and_fits(optimizer):
    pair = compiled(twins(4, 8, 3), optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = rows(50, classes=3)

    first = pair.fit(x, y, epochs=2, batch_size=16)
    between = pair.call("train_on_batch", x[:20], y[:20], return_dict=True)
    last = pair.fit(x, y, epochs=4, initial_epoch=2, batch_size=16, callbacks=lambda kit: [falling(kit)])

    for keras, own in (first, between, last):
        assert_same(own, keras)
    assert_same_numbers(between[1].result, between[0].result)


def falling(kit):
    """Another learning rate in each epoch."""
    return kit.LearningRateScheduler(lambda epoch, rate: rate / (1 + epoch))
