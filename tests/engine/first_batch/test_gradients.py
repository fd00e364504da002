"""What no gradient reaches: an error before the first update, or one warning with the names of parameters."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd

X = np.random.default_rng(0).normal(size=(12, 2)).astype("float32")
Y = X.sum(1, keepdims=True)


class Net(nn.Module):
    """Two layers, whose output goes through `change`."""

    def __init__(self, change=lambda h: h):
        super().__init__()
        self.first, self.last, self.change = nn.Linear(2, 3), nn.Linear(3, 1), change

    def forward(self, x):
        return self.change(self.last(self.first(x)))


@torch.no_grad()
def frozen(h):
    return h * 2


CUTS = {
    "argmax": lambda h: h.argmax(1, keepdim=True),
    "argmax as float": lambda h: h.argmax(1, keepdim=True).float(),
    "item": lambda h: torch.tensor([[v.item()] for v in h]),
    "detach": lambda h: h.detach(),
    "no_grad": frozen,
    "round": lambda h: (h > 0).float(),
    "requires_grad_": lambda h: h.detach().requires_grad_(),
}
LOSSES = {
    "float": lambda y, p: float(((p - y) ** 2).mean().detach()),
    "item": lambda y, p: ((p - y) ** 2).mean().item(),
    "detach": lambda y, p: ((p - y) ** 2).detach(),
    "argmax": lambda y, p: (p.argmax(1) - y[:, 0]) ** 2,
    "tensor": lambda y, p: torch.tensor(((p - y) ** 2).mean().item(), requires_grad=True),
}


def assert_refused(model, words):
    """An error of `fit` and of `train_on_batch`, again and again, that leaves the parameters."""
    before = [p.detach().clone() for p in model.module.parameters()]
    for train in (model.fit, model.train_on_batch, model.train_on_batch):
        with pytest.raises(fd.SettingError, match=words):
            train(X, Y)
    assert all(torch.equal(*pair) for pair in zip(before, model.module.parameters(), strict=True))


@pytest.mark.parametrize("loss", ["mse", nn.MSELoss(), "huber"], ids=str)
@pytest.mark.parametrize("cut", CUTS)
def test_1_13_a_forward_without_gradient_is_refused_before_an_update(cut, loss):
    assert_refused(fd.Model(Net(CUTS[cut])).compile("adam", loss), "nothing would be trained")


@pytest.mark.parametrize("loss", LOSSES)
def test_1_13_a_loss_without_gradient_is_refused_before_an_update(loss):
    assert_refused(fd.Model(Net()).compile("adam", LOSSES[loss]), "loss must have a gradient to the parameters")


def test_1_13_the_error_says_what_came_and_what_to_do():
    model = fd.Model(Net(CUTS["argmax"])).compile("adam", "mse")

    with pytest.raises(fd.SettingError) as told:
        model.fit(X, Y, verbose=0)

    assert str(told.value) == (
        "forward must give outputs with a gradient to the parameters, got an output of int64 without one: nothing "
        "would be trained. Leave out .detach(), .item(), torch.no_grad() and argmax, and compute with differentiable "
        "tensor operations in forward."
    )


def test_1_13_a_loss_that_reaches_the_parameters_past_the_output_trains():
    net = Net(lambda h: h.detach())
    model = fd.Model(net).compile("sgd", lambda y, p: (net.last(net.first(torch.ones(1, 2))) - y.mean()) ** 2)
    before = net.last.bias.detach().clone()

    model.fit(X, Y, epochs=1, verbose=0)

    assert not torch.equal(before, net.last.bias)


class Unused(Net):
    def __init__(self):
        super().__init__()
        self.spare = nn.Linear(2, 2)


class Cut(Net):
    def forward(self, x):
        return self.last(self.first(x).detach())


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (Unused, "No gradient reaches 2 parameters (spare.weight, spare.bias): the loss does not depend on them, so"),
        (Cut, "No gradient reaches 2 parameters (first.weight, first.bias): the loss does not depend on them, so"),
    ],
)
def test_1_14_parameters_that_no_gradient_reaches_are_named_once(module, words):
    model = fd.Model(module()).compile("adam", "mse")

    with pytest.warns(UserWarning, match="No gradient reaches") as told:
        model.fit(X, Y, batch_size=4, epochs=3, verbose=0)
    assert [str(one.message)[: len(words)] for one in told] == [words]
    assert told[0].filename == __file__

    with pytest.warns(UserWarning, match="No gradient reaches") as told:
        for _ in range(3):
            model.train_on_batch(X, Y)
    assert len(told) == 1


class Heads(nn.Module):
    """Two heads on one trunk; the first batch takes one branch, the last another."""

    def __init__(self):
        super().__init__()
        self.trunk, self.p, self.q = nn.Linear(2, 2), nn.Linear(2, 1), nn.Linear(2, 1)

    def forward(self, x):
        h = self.trunk(x)
        return {"p": self.p(h), "q": self.q(h)}


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 1), nn.Linear(2, 1)

    def forward(self, x):
        return self.a(x) if x[0, 0] > 0 else self.b(x)


class Skips(nn.Module):
    """A branch that the first batch and the last do not take."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.calls = nn.Linear(2, 2), nn.Linear(2, 1), 0

    def forward(self, x):
        self.calls += 1
        return (self.a(x) if self.calls == 2 else x).sum(1, keepdim=True) + self.b(x)


class ReturnsNumber(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, p, y):
        return self.value


@pytest.mark.parametrize("value", [0.5, 1, np.float32(0.5)], ids=repr)
def test_1_13_a_module_as_loss_that_returns_a_number_is_refused(value):
    assert_refused(fd.Model(Net()).compile("adam", ReturnsNumber(value)), "loss must have a gradient")


@pytest.mark.parametrize(
    "loss", [ReturnsNumber(None), lambda y, p: None, lambda y, p: "low"], ids=["module", "f", "text"]
)
def test_1_13_a_loss_that_returns_no_number_is_refused_in_words(loss):
    assert_refused(fd.Model(Net()).compile("adam", loss), "loss must return a tensor, .* returned (None|a str)")


class Embedded(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.last = nn.Embedding(9, 2, sparse=True), nn.Linear(2, 1)

    def forward(self, x):
        return self.last(self.table(x.abs().long().clamp(0, 8)[:, 0]))


def test_1_14_no_word_of_parameters_that_are_frozen_or_unused_on_purpose():
    model = fd.Model(Unused()).compile("adam", "mse")
    model.module.spare.requires_grad_(False)

    model.fit(X, Y, epochs=1, verbose=0)
    fd.Model(Heads()).compile("adam", {"p": "mse"}).fit(X, {"p": Y}, epochs=1, verbose=0)
    fd.Model(Heads()).compile("adam", "mse", loss_weights={"p": 1.0, "q": 0.0}).fit(
        X, {"p": Y, "q": Y}, epochs=1, verbose=0
    )


def test_1_14_no_word_of_branches_sparse_gradients_and_gradients_of_zero():
    rows = X.copy()
    rows[:6, 0], rows[6:, 0] = 1.0, -1.0
    fd.Model(Branches()).compile("sgd", "mse").fit(rows, Y, batch_size=6, epochs=1, shuffle=False, verbose=0)
    for optimizer in ("sgd", "adam", torch.optim.Adagrad):
        fd.Model(Skips()).compile(optimizer, "mse").fit(X, Y, batch_size=4, epochs=1, verbose=0)
    fd.Model(Embedded()).compile("sgd", "mse").fit(X, Y, epochs=1, verbose=0)
    with pytest.warns(UserWarning, match="^sample_weight must be above 0") as told:
        fd.Model(Net()).compile("sgd", "mse").fit(X, Y, epochs=1, sample_weight=np.zeros(12), verbose=0)
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fd.Model(Net(lambda h: h * 0)).compile("sgd", "mse").train_on_batch(X, Y)


def test_1_13_a_callback_that_trains_a_batch_itself_leaves_the_checks_of_the_fit():
    class Trains(fd.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 0:
                self.model.train_on_batch(X, Y)

    model = fd.Model(Unused()).compile("sgd", "mse")

    with pytest.warns(UserWarning, match="No gradient reaches") as told:
        model.fit(X, Y, epochs=2, verbose=0, callbacks=Trains())

    assert len(told) == 2
