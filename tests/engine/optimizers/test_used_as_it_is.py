"""Optimizers of the user: their own `zero_grad` and `step`, and those whose step needs a closure."""

import functools

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd
from fitdash.engine.optimizers.keras_optimizer import KerasOptimizer

X = np.random.default_rng(0).normal(size=(40, 2)).astype("float32")
Y = X.sum(1, keepdims=True)


class Accumulating(torch.optim.SGD):
    """Adds up the gradients of 4 batches, then steps."""

    def __init__(self, parameters, **settings):
        super().__init__(parameters, **settings)
        self.batches = 0

    def zero_grad(self, set_to_none=True):
        if self.batches % 4 == 0:
            super().zero_grad(set_to_none)

    def step(self, closure=None):
        self.batches += 1
        if self.batches % 4 == 0:
            super().step()


def on_the_instance(parameters):
    """The same by attributes of a plain optimizer."""
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    clear, step, count = optimizer.zero_grad, optimizer.step, iter(range(1000))
    state = {"n": 0}

    def zero_grad(set_to_none=True):
        if state["n"] % 4 == 0:
            clear(set_to_none)

    def every_fourth(closure=None):
        next(count)
        state["n"] += 1
        if state["n"] % 4 == 0:
            step()

    optimizer.zero_grad, optimizer.step = zero_grad, every_fourth
    return optimizer


def plain_loop(module, optimizer):
    for _ in range(2):
        for start in range(0, 40, 4):
            loss = nn.functional.mse_loss(
                module(torch.tensor(X[start : start + 4])), torch.tensor(Y[start : start + 4])
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


@pytest.mark.parametrize("make", [functools.partial(Accumulating, lr=0.1), on_the_instance], ids=["class", "instance"])
@pytest.mark.parametrize("is_made", [True, False], ids=["optimizer", "factory"])
def test_1_18_own_zero_grad_and_step_are_called_as_in_a_plain_loop(make, is_made):
    modules = []
    for _ in range(2):
        torch.manual_seed(0)
        modules.append(nn.Linear(2, 1))
    ours, theirs = modules

    model = fd.Model(ours).compile(make(ours.parameters()) if is_made else make, "mse")
    model.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    plain_loop(theirs, make(theirs.parameters()))

    assert all(torch.equal(*pair) for pair in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_1_18_one_batch_at_a_time_accumulates_too():
    module = nn.Linear(2, 1)
    model = fd.Model(module).compile(Accumulating(module.parameters(), lr=0.1), "mse")
    before = module.weight.detach().clone()

    moved = []
    for _ in range(4):
        model.train_on_batch(X, Y)
        moved.append(not torch.equal(before, module.weight))

    assert moved == [False, False, False, True]


def test_1_18_a_named_optimizer_with_a_zero_grad_of_its_own_is_not_recorded():
    class Counts(fd.Callback):
        def on_train_begin(self, logs=None):
            self.called = 0
            self.clear = self.model.optimizer.zero_grad
            self.model.optimizer.zero_grad = self.zero_grad

        def zero_grad(self):
            self.called += 1
            self.clear()

    counts = Counts()
    model = fd.Model(nn.Linear(2, 1)).compile("adam", "mse")

    history = model.fit(X, Y, batch_size=1, epochs=3, verbose=0, callbacks=counts)

    assert counts.called == 120
    assert history.params["stepper"].startswith("eager")


class NeedsMore(torch.optim.SGD):
    def step(self, hessian, *, closure=None):
        super().step()


CLOSURES = {
    "class": lambda module: torch.optim.LBFGS,
    "partial": lambda module: functools.partial(functools.partial(torch.optim.LBFGS, lr=1), max_iter=4),
    "instance": lambda module: torch.optim.LBFGS(module.parameters()),
}


@pytest.mark.parametrize("make", CLOSURES.values(), ids=CLOSURES)
def test_1_19_an_optimizer_whose_step_needs_a_closure_is_refused_by_compile(make):
    module = nn.Linear(2, 1)

    with pytest.raises(fd.SettingError) as told:
        fd.Model(module).compile(make(module), "mse")

    assert str(told.value) == (
        "optimizer must have a step() that takes no argument, got LBFGS, whose step needs closure: fit computes the "
        "loss of each batch once, then updates. Use another, such as 'adam', or train with this one in a loop of your "
        "own."
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda parameters: torch.optim.LBFGS(parameters), "got LBFGS, whose step needs closure"),
        (lambda parameters: NeedsMore(parameters), "got NeedsMore, whose step needs hessian"),
    ],
    ids=["LBFGS", "NeedsMore"],
)
def test_1_19_one_that_a_function_makes_is_refused_before_training(make, words):
    module = nn.Linear(2, 1)
    before = module.weight.detach().clone()
    model = fd.Model(module).compile(make, "mse")

    for train in (model.fit, model.train_on_batch):
        with pytest.raises(fd.SettingError, match=words):
            train(X, Y)

    assert torch.equal(before, module.weight)


def test_1_19_steps_whose_arguments_may_be_left_out_are_taken():
    class Optional(torch.optim.SGD):
        def step(self, closure=None, *more, size=3, **others):
            super().step()

    module = nn.Linear(2, 1)
    for optimizer in (
        Optional,
        Optional(module.parameters()),
        KerasOptimizer(module.parameters(), fd.optimizers.sgd()),
    ):
        fd.Model(module).compile(optimizer, "mse").train_on_batch(X, Y)
