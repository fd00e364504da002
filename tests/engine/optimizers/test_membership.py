"""Layers that are unfrozen, added or replaced after `compile`, and optimizers of the user that lack some."""

import copy
import functools

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd
from tests.engine.recording.fits import assert_same, both

X = np.random.default_rng(0).normal(size=(32, 2)).astype("float32")
Y = X.sum(1, keepdims=True)

MADE = {
    "name": "adam",
    "settings": fd.optimizers.sgd(0.1, momentum=0.9),
    "class": torch.optim.Adam,
    "partial": functools.partial(torch.optim.SGD, lr=0.1, momentum=0.9),
    "adagrad": functools.partial(torch.optim.Adagrad, lr=0.1),
    "groups": lambda parameters: torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.ndim > 1]},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
    ),
}


def two_layers():
    return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))


def fit(model, epochs=1, **arguments):
    return model.fit(X, Y, **{"epochs": epochs, "batch_size": 8, "verbose": 0} | arguments)


def moves(model, train=fit):
    """By name, whether a parameter changes."""
    before = {name: p.detach().clone() for name, p in model.module.named_parameters()}
    train(model)
    return {name: not torch.equal(p, before[name]) for name, p in model.module.named_parameters()}


class At(fd.Callback):
    """Does something to the module at the beginning or the end of an epoch."""

    def __init__(self, epoch, change, hook="on_epoch_begin"):
        super().__init__()
        self.epoch, self.change = epoch, change
        setattr(self, hook, self.run)

    def run(self, epoch, logs=None):
        if epoch == self.epoch:
            self.change(self.model.module)


@pytest.mark.parametrize("optimizer", MADE.values(), ids=MADE)
def test_1_16_unfrozen_parameters_train_in_the_next_fit_and_the_others_keep_their_state(optimizer):
    model = fd.Model(two_layers()).compile(optimizer, "mse")
    model.module[0].requires_grad_(False)
    assert list(moves(model).values()) == [False, False, True, True]
    made, head = model.optimizer, model.module[1].weight
    state = copy.deepcopy(dict(model.optimizer.state[head]))

    model.module[0].requires_grad_(True)
    model._current_optimizer()

    assert model.optimizer is made
    assert repr(dict(made.state[head])) == repr(state)
    assert all(moves(model).values())
    assert all(moves(model, lambda one: one.train_on_batch(X, Y)).values())


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_epoch_end"])
def test_1_16_a_callback_unfreezes_for_the_next_epoch(hook, eagerly):
    model = fd.Model(two_layers()).compile("adam", "mse", run_eagerly=eagerly)
    model.module[0].requires_grad_(False)

    callback = At(1, lambda module: module.requires_grad_(True), hook)
    assert all(moves(model, lambda one: fit(one, 3, callbacks=callback)).values())


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_1_16_recorded_steps_notice_what_was_unfrozen_frozen_and_replaced(optimizer):
    def change(module):
        module[0].requires_grad_(True)
        module[1].requires_grad_(False)

    def swap(module):
        torch.manual_seed(1)
        module[1] = nn.Linear(3, 1)

    def half():
        module = two_layers()
        module[0].requires_grad_(False)
        return module

    x, y = np.tile(X, (8, 1)), np.tile(Y, (8, 1))
    makes = [lambda: At(2, change), lambda: At(4, swap, "on_epoch_end")]
    ours, theirs = both(half, x, y, optimizer=optimizer, epochs=7, callbacks=makes)

    assert ours.speed == "recorded"
    assert_same(ours, theirs)
    assert [len(group["params"]) for group in ours.kept["param_groups"]] == [4]


def test_1_16_all_frozen_at_first_and_all_frozen_later():
    model = fd.Model(two_layers().requires_grad_(False)).compile("sgd", "mse")
    with pytest.warns(UserWarning, match="no trainable parameters"):
        moved = moves(model, lambda one: fit(one, 2, callbacks=At(1, lambda module: module.requires_grad_(True))))
    assert all(moved.values())

    model.module.requires_grad_(False)
    with pytest.warns(UserWarning, match="no trainable parameters"):
        moved = moves(model)
    assert not any(moved.values())


@pytest.mark.parametrize("optimizer", MADE.values(), ids=MADE)
def test_1_16_a_replaced_head_is_taken_and_the_former_one_forgotten(optimizer):
    model = fd.Model(two_layers()).compile(optimizer, "mse")
    fit(model)
    former = model.module[1]
    model.module[1] = nn.Linear(3, 1)

    assert all(moves(model).values())

    held = {id(p) for group in model.optimizer.param_groups for p in group["params"]}
    assert held == {id(p) for p in model.module.parameters()}
    assert not any(p in model.optimizer.state for p in former.parameters())


def test_1_16_parameters_frozen_later_stay_and_go_on_with_their_state():
    model = fd.Model(two_layers()).compile(fd.optimizers.adam(0.01, weight_decay=0.1), "mse")
    fit(model)
    model.module[0].requires_grad_(False)

    assert list(moves(model).values()) == [False, False, True, True]
    assert "momentum" in model.optimizer.state[model.module[0].weight]


def test_1_16_lazy_layers_and_what_a_factory_left_out():
    lazy = fd.Model(nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 1))).compile("adam", "mse")
    assert all(p.shape for p in lazy.module[1].parameters())
    fit(lazy)
    assert len(lazy.optimizer.param_groups[0]["params"]) == 4

    chosen = fd.Model(two_layers()).compile(lambda parameters: torch.optim.SGD(parameters[2:], lr=0.1), "mse")
    for _ in range(2):
        assert list(moves(chosen).values()) == [False, False, True, True]


def test_1_14_an_optimizer_that_lacks_parameters_is_named_once():
    module = two_layers()
    for held, words in [
        (module[1].parameters(), r"The optimizer \(SGD\) holds not all .*: 2 parameters \(0.weight, 0.bias\) will not"),
        (two_layers().parameters(), r"holds none of the module's trainable parameters: 4 parameters \(0.weight, 0.b"),
    ]:
        model = fd.Model(module).compile(torch.optim.SGD(held, lr=0.1), "mse")
        with pytest.warns(UserWarning, match=words) as told:
            fit(model, 3)
        assert len(told) == 1


def test_1_14_an_optimizer_that_lacks_frozen_parameters_is_left_in_peace_until_they_train():
    module = two_layers()
    module[0].requires_grad_(False)
    model = fd.Model(module).compile(torch.optim.SGD(module[1].parameters(), lr=0.1), "mse")
    fit(model)

    with pytest.warns(UserWarning, match=r"2 parameters \(0.weight, 0.bias\)") as told:
        fit(model, 4, callbacks=At(1, lambda module: module.requires_grad_(True)))

    assert len(told) == 1
