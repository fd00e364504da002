"""The checks of the first batch: when they are called, and what an error of theirs leaves."""

import numpy as np
import pytest
import torch

import fitdash as fd
from fitdash.engine.first_batch.checks import FirstBatchChecks

X = np.arange(24, dtype="float32").reshape(12, 2) / 24
Y = X.sum(1)


def model_of_two_weights() -> fd.Model:
    return fd.Model(torch.nn.Linear(2, 1)).compile("sgd", "mse")


def test_each_fit_checks_its_first_batch_once_and_before_the_update(monkeypatch):
    model = model_of_two_weights()
    called, weight = [], model.module.weight
    before = []

    def note(name):
        def method(self, *given):
            called.append((name, [part.prefix for part in self.parts]))
            before.append(weight.detach().clone())

        return method

    for name in ("check_prediction", "check_loss", "check_gradients"):
        monkeypatch.setattr(FirstBatchChecks, name, note(name))
    start = weight.detach().clone()
    model.fit(X, Y, batch_size=4, epochs=2, verbose=0, validation_data=(X, Y))
    parts = ["", "validation "]
    assert called == [("check_prediction", parts), ("check_loss", parts), ("check_gradients", parts)]
    assert all(torch.equal(seen, start) for seen in before)
    model.fit(X, Y, batch_size=4, epochs=1, verbose=0)
    assert [name for name, _ in called[3:]] == ["check_prediction", "check_loss", "check_gradients"]


@pytest.mark.parametrize("name", ["check_prediction", "check_loss", "check_gradients"])
def test_an_error_of_a_check_leaves_the_parameters_and_ends_with_its_fit(monkeypatch, name):
    model = model_of_two_weights()
    before = [parameter.detach().clone() for parameter in model.module.parameters()]

    def refuse(self, *given):
        raise fd.DataError("y must be right.")

    with monkeypatch.context() as patched:
        patched.setattr(FirstBatchChecks, name, refuse)
        with pytest.raises(fd.DataError, match=r"y must be right\."):
            model.fit(X, Y, batch_size=4, epochs=2, verbose=0)
    assert all(torch.equal(*pair) for pair in zip(before, model.module.parameters(), strict=True))
    model.train_on_batch(X, Y)
