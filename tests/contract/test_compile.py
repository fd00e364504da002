"""compile, as fit sees it (contract 1.1 to 1.5 and 1.8)."""

import copy
import functools
import inspect

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd
from tests.contract.networks import linear, parameters, xy

X, Y = xy(10)


def test_1_1_names_order_and_defaults_of_the_arguments():
    given = {
        name: parameter.default
        for name, parameter in inspect.signature(fd.Model.compile).parameters.items()
        if name != "self"
    }
    kinds = {name: parameter.kind for name, parameter in inspect.signature(fd.Model.compile).parameters.items()}

    assert list(given.items()) == [
        ("optimizer", "adam"), ("loss", None), ("metrics", None), ("loss_weights", None), ("weighted_metrics", None),
        ("sample_weight_mode", None), ("run_eagerly", False), ("device", None), ("precision", "float32"),
    ]  # fmt: skip
    assert [name for name, kind in kinds.items() if kind is inspect.Parameter.KEYWORD_ONLY] == [
        "run_eagerly", "device", "precision",
    ]  # fmt: skip


@pytest.mark.parametrize("eagerly", [True, False])
def test_1_1_run_eagerly_changes_no_number(eagerly):
    torch.manual_seed(0)
    model = linear(run_eagerly=eagerly, metrics=["mae"])

    history = model.fit(X, Y, batch_size=3, epochs=5, shuffle=False, verbose=0).history

    torch.manual_seed(0)
    other = linear(metrics=["mae"]).fit(X, Y, batch_size=3, epochs=5, shuffle=False, verbose=0).history
    assert list(other) == list(history)
    assert all(other[name] == pytest.approx(history[name], rel=1e-6) for name in history)


def test_1_1_coarser_precision_still_trains_and_logs_floats():
    model = fd.Model(nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1)))
    model.compile("adam", "mse", ["mae"], precision="bfloat16")

    history = model.fit(X, Y, epochs=2, validation_split=0.2, verbose=0).history

    assert all(type(value) is float and np.isfinite(value) for values in history.values() for value in values)
    assert model.predict(X).dtype == np.float32
    with pytest.raises(ValueError, match="precision must be"):
        model.compile("adam", "mse", precision="int4")


@pytest.mark.parametrize("device", ["gpu", "cuda:77", 1.5])
def test_1_1_a_device_that_is_not_there_is_refused_by_name(device):
    with pytest.raises(ValueError, match=f"device must be .*{device}"):
        linear(device=device)


def test_1_2_compiling_again_keeps_weights_and_forgets_the_optimizers_state():
    model, fresh = linear(optimizer="adam"), linear(optimizer="adam")
    model.fit(X, Y, epochs=3, verbose=0)
    before = parameters(model)

    model.compile("adam", loss="mae")
    assert all((a == b).all() for a, b in zip(before, parameters(model), strict=True))
    fresh.set_weights(model.get_weights())
    fresh.compile("adam", loss="mae")
    for one in (model, fresh):
        one.fit(X, Y, epochs=2, shuffle=False, verbose=0)

    assert model.metrics_names == ["loss"]
    assert all((a == b).all() for a, b in zip(parameters(fresh), parameters(model), strict=True))


def test_1_2_frozen_parameters_can_be_thawed_by_compiling_again():
    model = linear()
    model.module.weight.requires_grad_(False)
    model.compile("sgd", loss="mse").fit(X, Y, epochs=1, verbose=0)
    before = model.module.weight.detach().clone()

    model.module.weight.requires_grad_(True)
    model.compile("sgd", loss="mse").fit(X, Y, epochs=1, verbose=0)

    assert not torch.equal(before, model.module.weight)


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_1_3_training_and_evaluation_need_compile(method):
    with pytest.raises(RuntimeError, match="compile"):
        getattr(fd.Model(nn.Linear(2, 1)), method)(X, Y)


@pytest.mark.parametrize("method", ["predict", "predict_on_batch", "predict_classes"])
def test_1_3_prediction_needs_no_compile(method):
    assert getattr(fd.Model(nn.Linear(2, 1)), method)(X).shape == (10, 1)


def test_1_4_no_loss_is_accepted_until_it_is_needed():
    model = fd.Model(nn.Linear(2, 1)).compile("sgd", metrics=["mae"])

    assert model.predict(X).shape == (10, 1)
    for method in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="loss"):
            method(X, Y, verbose=0)


@pytest.mark.parametrize(
    "optimizer",
    [
        "SGD",
        torch.optim.SGD,
        lambda parameters: torch.optim.SGD(parameters, lr=0.01),
        functools.partial(torch.optim.SGD, lr=0.01),
        fd.optimizers.sgd(learning_rate=0.01),
    ],
    ids=["name", "class", "lambda", "partial", "factory"],
)
def test_1_5_every_form_of_an_optimizer_trains(optimizer):
    model = linear(optimizer=optimizer)
    before = parameters(model)

    model.fit(X, Y, epochs=1, verbose=0)

    assert (before[0] != parameters(model)[0]).any()


def test_1_5_a_torch_optimizer_is_used_as_it_is():
    module = nn.Linear(2, 1)
    optimizer = torch.optim.SGD([{"params": [module.weight], "lr": 0.1}], lr=0.5)
    model = fd.Model(module).compile(optimizer, loss="mse")
    bias = module.bias.detach().clone()

    with pytest.warns(UserWarning, match=r"holds not all .* 1 parameter \(bias\) will not be trained"):
        model.fit(X, Y, epochs=1, verbose=0)

    assert model.optimizer is optimizer
    assert torch.equal(module.bias, bias)


def test_1_8_a_model_with_nothing_to_train_warns_once_and_runs():
    module = nn.Linear(2, 1).requires_grad_(False)
    model = fd.Model(module).compile("adam", loss="mse")
    before = parameters(model)

    with pytest.warns(UserWarning, match="no trainable parameters") as told:
        history = model.fit(X, Y, epochs=3, validation_split=0.2, verbose=0)

    assert (len(told), history.epoch) == (1, [0, 1, 2])
    assert all((a == b).all() for a, b in zip(before, parameters(model), strict=True))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_copied_model_trains_by_itself(optimizer):
    model = linear(optimizer=optimizer)
    model.fit(X, Y, epochs=1, verbose=0)

    copied = copy.deepcopy(model)
    before = parameters(model)
    copied.fit(X, Y, epochs=2, verbose=0)

    assert all((a == b).all() for a, b in zip(before, parameters(model), strict=True))
    assert all((a != b).any() for a, b in zip(before, parameters(copied), strict=True))
