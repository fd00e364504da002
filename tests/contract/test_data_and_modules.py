"""What a fit does to the caller's data, modules and settings (contract 7.14 and 7.15)."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd
from tests.contract.alike import X, Y
from tests.contract.networks import Constant, counted, linear, parameters


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


@pytest.mark.filterwarnings("ignore:. must have a number")
@pytest.mark.parametrize("place", ["x", "y"])
def test_7_15_nan_trains_on_and_is_logged(place):
    data = {"x": X.copy(), "y": Y.copy()}
    data[place][0, 0] = np.nan

    history = linear().fit(**data, epochs=2, verbose=0)

    assert np.isnan(history.history["loss"]).all()


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
