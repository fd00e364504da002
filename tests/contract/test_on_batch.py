"""train_on_batch and test_on_batch (contract 22)."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import fitdash as fd
from tests.contract.networks import Loader, Noting, Pair, counted, linear, parameters, xy
from tests.parity import compiled, rows, twins, weights

X, Y = xy(10)


def test_22_1_one_update_on_exactly_the_given_rows():
    model = fd.Model(Noting()).compile(torch.optim.Adam, loss="mse")
    model.module.train()

    model.train_on_batch(*counted(50))

    assert model.module.trained == [list(range(50))]
    assert {float(state["step"]) for state in model.optimizer.state.values()} == {1.0}


def test_22_1_the_loss_is_that_before_the_update():
    model = linear(metrics=["mae"])
    before = model.evaluate(X, Y, verbose=0)

    assert model.train_on_batch(X, Y) == pytest.approx(before)
    assert model.test_on_batch(X, Y)[0] < before[0]


@pytest.mark.parametrize("method", ["train_on_batch", "test_on_batch"])
def test_22_1_values_are_returned_as_by_evaluate(method):
    alone, several = linear(), linear(metrics=["mae"])

    assert type(getattr(alone, method)(X, Y)) is float
    assert [type(value) for value in getattr(several, method)(X, Y)] == [float, float]
    assert list(getattr(several, method)(X, Y, return_dict=True)) == ["loss", "mae"]


@pytest.mark.parametrize("method", ["train_on_batch", "test_on_batch"])
def test_22_1_metrics_are_of_this_batch_only(method):
    model = fd.Model(nn.Linear(2, 1)).compile(fd.optimizers.sgd(learning_rate=0.0), loss="mse", metrics=["mae"])
    first = getattr(model, method)(X[:5], Y[:5])
    getattr(model, method)(X[5:], Y[5:])

    assert getattr(model, method)(X[:5], Y[:5]) == first


def test_22_1_test_on_batch_changes_nothing():
    model = linear()
    before = parameters(model)

    model.test_on_batch(X, Y, np.ones(10))

    assert all((a == b).all() for a, b in zip(before, parameters(model), strict=True))
    assert model.module.training


def test_22_1_no_callbacks_and_no_change_of_the_last_history():
    model = linear()
    history = model.fit(X, Y, epochs=1, verbose=0)

    model.train_on_batch(X, Y)

    assert model.history is history
    assert history.epoch == [0]


def test_22_1_weights_and_several_outputs():
    model = fd.Model(Pair(as_dict=True)).compile("sgd", loss="mse")

    plain = model.test_on_batch(X, {"p": Y, "q": Y}, return_dict=True)
    doubled = model.test_on_batch(X, {"p": Y, "q": Y}, {"p": np.full(10, 2.0), "q": np.ones(10)}, return_dict=True)

    assert doubled["p_loss"] == pytest.approx(2 * plain["p_loss"])
    assert doubled["q_loss"] == pytest.approx(plain["q_loss"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((X,), "y must be given"), ((X, Y[:3]), "x has 10, y has 3"), ((X[:0], Y[:0]), "empty"), ((), "x")],
)
@pytest.mark.parametrize("method", ["train_on_batch", "test_on_batch"])
def test_22_1_what_is_wrong_is_named(method, arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        getattr(linear(), method)(*arguments)


@pytest.mark.parametrize("method", ["train_on_batch", "test_on_batch", "predict_on_batch"])
@pytest.mark.parametrize("source", [Loader([(X, Y), (X, Y)]), TensorDataset(torch.ones(100, 2), torch.ones(100, 1))])
def test_22_1_a_source_of_batches_is_not_one_batch(method, source):
    with pytest.raises(ValueError, match="x must be the arrays of one batch, got a"):
        getattr(linear(), method)(source)


def test_22_1_all_that_is_wrong_is_said_at_once():
    with pytest.raises(ValueError, match="class_weight must map(.|\n)*x has 10, y has 3"):
        linear().train_on_batch(X, Y[:3], class_weight="balanced")


def test_22_2_the_optimizers_state_carries_over_into_fit():
    mixed, single = linear(optimizer="adam"), linear(optimizer="adam")
    single.set_weights(mixed.get_weights())

    for _ in range(3):
        mixed.train_on_batch(X, Y)
    mixed.fit(X, Y, epochs=2, batch_size=10, shuffle=False, verbose=0)
    single.fit(X, Y, epochs=5, batch_size=10, shuffle=False, verbose=0)

    for a, b in zip(parameters(mixed), parameters(single), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parity
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_22_single_batches_are_keras(optimizer, weighted):
    pair = compiled(twins(4, 5, 1, end="linear"), loss="mse", metrics=["mae"], optimizer=optimizer)
    more = {"sample_weight": weights(7)} if weighted else {}

    for method in ("train_on_batch", "train_on_batch", "test_on_batch", "train_on_batch"):
        keras, own = pair.call(method, *rows(7), **more)
        assert own.result == pytest.approx([float(value) for value in keras.result], rel=1e-5)
    for a, b in zip(own.parameters, keras.parameters, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parity
def test_22_and_6_11_class_weight_of_train_on_batch_is_keras():
    pair = compiled(twins(4, 5, 3), loss="sparse_categorical_crossentropy")

    keras, own = pair.call("train_on_batch", *rows(9, classes=3), class_weight={0: 2.0, 1: 0.5})

    assert own.result == pytest.approx(float(np.ravel(keras.result)[0]), rel=1e-5)
    for a, b in zip(own.parameters, keras.parameters, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
