"""Kinds of gradients, modules, optimizers, metrics and losses that keep a step eager."""

import functools

import pytest
import torch
from torch import nn

import fitdash as fd
from tests.engine.recording.fits import assert_eager
from tests.engine.recording.modules import Base, N, X, Y

pytestmark = pytest.mark.usefixtures("_records_short_fits")

PAIR = [1.0, 2.0]


class Sparse(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 3, sparse=True)

    def forward(self, x):
        return self.words(x).mean(1)


def test_sparse_gradients_stay_eager():
    words = torch.randint(0, 9, (N, 4))

    assert_eager(Sparse, words, Y, "SparseAdam", optimizer=lambda parameters: torch.optim.SparseAdam(list(parameters)))
    assert_eager(Sparse, words, Y, "layout")


def test_a_script_module_stays_eager():
    assert_eager(lambda: _scripted(), X, Y, "ScriptModule")


def _scripted():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(nn.Sequential(nn.Linear(6, 3)))


def test_optimizers_of_torch_stay_eager():
    assert_eager(Base_, X, Y, "AdamW", optimizer=lambda parameters: torch.optim.AdamW(list(parameters)))


class Base_(Base):
    def forward(self, x):
        return self.head(x)


def test_metrics_with_an_account_of_their_own_stay_eager():
    class Counted:
        name = "counted"

        def __init__(self):
            self.total = 0

        def reset_state(self):
            self.total = 0

        def update_state(self, true, said, sample_weight=None):
            self.total += len(true)

        def result(self):
            return self.total

    assert_eager(Base_, X, Y, "counted", metrics=[Counted()])


def test_losses_are_watched_like_modules():
    def counting():
        calls = []

        def loss(true, said):
            calls.append(1)
            return (true - said).abs().mean() * len(calls)

        return loss

    assert_eager(Base_, X, Y, "", loss=functools.partial(_times, PAIR))
    torch.manual_seed(0)
    model = fd.Model(Base_()).compile("sgd", counting())
    assert model.fit(X, Y, verbose=0).params["stepper"].startswith("eager: the step")


def _times(pair, true, said):
    pair[0] += 0.0
    pair.append(pair.pop(0))
    return (true - said).square().mean() * pair[0]
