"""`optimizer.learning_rate` and `lr`, and what else of an optimizer can be set."""

import copy
import functools
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd
from tests.engine.recording.fits import assert_same, both

X = np.random.default_rng(0).normal(size=(32, 2)).astype("float32")
Y = X.sum(1, keepdims=True)


class OwnRate(torch.optim.SGD):
    """An optimizer that has an attribute `lr` of its own."""

    def __init__(self, parameters):
        self.lr = "mine"
        super().__init__(parameters, lr=0.5)


def instance(module):
    return torch.optim.SGD([{"params": [p], "lr": 0.25} for p in module.parameters()], lr=0.5)


MADE = {
    "name": lambda module: "adam",
    "settings": lambda module: fd.optimizers.sgd(0.25),
    "class": lambda module: torch.optim.Adam,
    "partial": lambda module: functools.partial(torch.optim.Adam, lr=torch.tensor(0.25)),
    "instance": instance,
}


@pytest.fixture(params=MADE.values(), ids=MADE)
def model(request):
    module = nn.Linear(2, 1)
    return fd.Model(module).compile(request.param(module), "mse")


def rates(model):
    return [pytest.approx(float(group["lr"])) for group in model.optimizer.param_groups]


@pytest.mark.parametrize("name", ["learning_rate", "lr"])
@pytest.mark.parametrize("value", [0.125, 0, np.float32(0.125), np.array(0.125), torch.tensor(0.125)], ids=repr)
def test_1_17_the_rate_is_read_and_set_for_all_groups(model, name, value):
    setattr(model.optimizer, name, value)

    assert model.optimizer.learning_rate == model.optimizer.lr == float(value)
    assert {float(group["lr"]) for group in model.optimizer.param_groups} == {float(value)}


@pytest.mark.parametrize("value", ["0.1", None, -0.1, float("nan"), float("inf"), True, [0.1], len], ids=str)
def test_1_17_what_is_no_rate_is_refused(model, value):
    before = model.optimizer.learning_rate

    with pytest.raises(fd.SettingError, match="learning_rate must be a number from 0, got"):
        model.optimizer.learning_rate = value

    assert model.optimizer.learning_rate == before


class Sets(fd.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.optimizer.learning_rate = 0.1 / (epoch + 1)


class Scales(fd.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.lr *= 0.5


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_1_17_a_recorded_step_follows(optimizer):
    x, y = np.tile(X, (8, 1)), np.tile(Y, (8, 1))
    ours, theirs = both(lambda: nn.Linear(2, 1), x, y, optimizer=optimizer, callbacks=[Sets])

    assert ours.speed == "recorded"
    assert_same(ours, theirs)
    assert ours.model.optimizer.lr == 0.1 / 4


def test_1_17_callbacks_and_the_attribute_see_the_same_rate(model):
    model.optimizer.learning_rate = 1e-3
    schedule = fd.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)

    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[schedule, Scales()])

    assert history.history["learning_rate"] == pytest.approx([2.5e-4, 6.25e-5])
    assert model.optimizer.lr == pytest.approx(6.25e-5)


def test_1_17_a_torch_optimizer_stays_the_object_that_it_was():
    module = nn.Linear(2, 1)
    optimizer = instance(module)
    said = repr(optimizer)
    model = fd.Model(module).compile(optimizer, "mse")
    model.fit(X, Y, epochs=1, verbose=0)

    assert model.optimizer is optimizer
    assert isinstance(optimizer, torch.optim.SGD)
    assert repr(optimizer) == said
    assert not hasattr(torch.optim.SGD(module.parameters()), "lr")
    torch.optim.lr_scheduler.StepLR(optimizer, 1)
    del optimizer.step  # the scheduler's, which no pickle takes
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert type(other) is torch.optim.SGD
        assert repr(other) == repr(optimizer)
    other = copy.deepcopy(model)
    other.optimizer.lr = 0.75
    assert (optimizer.lr, other.optimizer.lr) == (0.25, 0.75)


def test_1_17_an_attribute_of_the_users_own_class_stays():
    module = nn.Linear(2, 1)
    model = fd.Model(module).compile(OwnRate, "mse")

    model.optimizer.learning_rate = 0.125

    assert (model.optimizer.lr, model.optimizer.param_groups[0]["lr"]) == ("mine", 0.125)


def test_1_17_settings_of_a_named_optimizer_can_be_set_and_nothing_else():
    model = fd.Model(nn.Linear(2, 1)).compile(fd.optimizers.sgd(0.1), "mse")
    optimizer = model.optimizer
    model.fit(X, Y, epochs=1, verbose=0)

    optimizer.momentum, optimizer.weight_decay, optimizer.clipnorm = 0.5, 0.01, 1.0
    model.fit(X, Y, epochs=1, verbose=0)

    assert (optimizer.momentum, optimizer.weight_decay, optimizer.clipnorm) == (0.5, 0.01, 1.0)
    assert optimizer.param_groups[0]["weight_decay"] == 0.01
    assert optimizer.state[model.module.weight]["momentum"].any()
    with pytest.raises(AttributeError, match=r"no setting 'learning_rat'\. Did you mean 'learning_rate'\?"):
        optimizer.learning_rat = 0.1
    with pytest.raises(fd.SettingError, match="momentum must be a number"):
        optimizer.momentum = "0.5"
    with pytest.raises(AttributeError, match="no attribute 'iterations'"):
        _ = optimizer.iterations


def test_1_17_what_a_torch_optimizer_reads_from_its_groups_cannot_be_set_beside_them():
    module = nn.Linear(2, 1)
    model = fd.Model(module).compile(instance(module), "mse")

    with pytest.raises(
        AttributeError, match=r"SGD reads 'momentum' from its parameter groups\. Set it there: for group"
    ):
        model.optimizer.momentum = 0.5

    model.optimizer.note = "mine"
    assert model.optimizer.note == "mine"
