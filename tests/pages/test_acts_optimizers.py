"""Every setting of the optimizer acts: moved on the page, seen in the losses of the run.

The whole data is one batch, so that an epoch is one step; the optimizer of torch makes the same steps from the same
start.
"""

import copy

import pytest
import torch
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

import fitdash.jobs.build
from fitdash.data.tables.prepared import prepare_data
from fitdash.settings.experiment import Experiment
from tests.pages.conftest import trained
from tests.pages.test_acts_time import QUICK
from tests.pages.test_form import by_key

WHOLE = QUICK | {"data__name": "iris", "fit__batch_size": "150", "fit__shuffle": "off", "fit__epochs": "4"}


@pytest.fixture
def beginnings(monkeypatch):
    """Copies of the networks that were made, as they were before training."""
    found = []
    make = fitdash.jobs.build.make_network

    def made(*args):
        module = make(*args)
        found.append(copy.deepcopy(module))
        return module

    monkeypatch.setattr("fitdash.jobs.build.make_network", made)
    return found


def losses_of_torch(module, data, make, clip=None):
    """Loss before each of four steps."""
    module = copy.deepcopy(module)
    x, y = torch.tensor(data.x.tolist()), torch.tensor(data.y.tolist())
    optimizer = make(module.parameters())
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = torch.nn.functional.nll_loss(module(x).log(), y)
        loss.backward()
        if clip is not None:
            clip(list(module.parameters()))
        optimizer.step()
        losses.append(loss.item())
    return losses


def each(length):
    return lambda parameters: [clip_grad_norm_([one], length) for one in parameters]


OPTIM = torch.optim
ADAM = {"eps": 1e-7}
MOVED = {
    "learning_rate": ("adam", {"learning_rate": 0.05}, lambda p: OPTIM.Adam(p, lr=0.05, **ADAM), None),
    "weight_decay": (
        "adamw",
        {"learning_rate": 0.1, "weight_decay": 0.9},
        lambda p: OPTIM.AdamW(p, lr=0.1, weight_decay=0.9, **ADAM),
        None,
    ),
    "momentum": ("sgd", {"learning_rate": 0.5, "momentum": 0.9}, lambda p: OPTIM.SGD(p, lr=0.5, momentum=0.9), None),
    "nesterov": (
        "sgd",
        {"learning_rate": 0.5, "momentum": 0.9, "nesterov": True},
        lambda p: OPTIM.SGD(p, lr=0.5, momentum=0.9, nesterov=True),
        None,
    ),
    "rho": (
        "rmsprop",
        {"learning_rate": 0.01, "rho": 0.5},
        lambda p: OPTIM.RMSprop(p, lr=0.01, alpha=0.5, eps=1e-7),
        None,
    ),
    "beta_1": (
        "adam",
        {"learning_rate": 0.05, "beta_1": 0.2},
        lambda p: OPTIM.Adam(p, lr=0.05, betas=(0.2, 0.999), **ADAM),
        None,
    ),
    "beta_2": (
        "adam",
        {"learning_rate": 0.05, "beta_2": 0.1},
        lambda p: OPTIM.Adam(p, lr=0.05, betas=(0.9, 0.1), **ADAM),
        None,
    ),
    "clipnorm": ("sgd", {"learning_rate": 5.0, "clipnorm": 0.01}, lambda p: OPTIM.SGD(p, lr=5.0), each(0.01)),
    "global_clipnorm": (
        "sgd",
        {"learning_rate": 5.0, "global_clipnorm": 0.02},
        lambda p: OPTIM.SGD(p, lr=5.0),
        lambda parameters: clip_grad_norm_(parameters, 0.02),
    ),
    "clipvalue": (
        "sgd",
        {"learning_rate": 5.0, "clipvalue": 0.001},
        lambda p: OPTIM.SGD(p, lr=5.0),
        lambda parameters: clip_grad_value_(parameters, 0.001),
    ),
}


WITHOUT = {
    "learning_rate": lambda p: OPTIM.Adam(p, lr=0.001, **ADAM),
    "weight_decay": lambda p: OPTIM.AdamW(p, lr=0.1, weight_decay=0.004, **ADAM),
    "momentum": lambda p: OPTIM.SGD(p, lr=0.5),
    "nesterov": lambda p: OPTIM.SGD(p, lr=0.5, momentum=0.9),
    "rho": lambda p: OPTIM.RMSprop(p, lr=0.01, alpha=0.9, eps=1e-7),
    "beta_1": lambda p: OPTIM.Adam(p, lr=0.05, **ADAM),
    "beta_2": lambda p: OPTIM.Adam(p, lr=0.05, **ADAM),
    **dict.fromkeys(("clipnorm", "global_clipnorm", "clipvalue"), lambda p: OPTIM.SGD(p, lr=5.0)),
}
"""The same optimizers, the setting at its default."""


@pytest.mark.parametrize("name", list(MOVED))
def test_a_setting_of_the_optimizer_decides_the_steps(open_page, beginnings, name):
    optimizer, settings, make, clip = MOVED[name]
    page = open_page(**WHOLE, compile__optimizer=optimizer)
    for setting, value in settings.items():
        by_key(page, f"compile.{setting}").set_value(value).run()

    run, logs = trained(page)

    data = prepare_data(Experiment.from_dict(run.experiment))
    losses = losses_of_torch(beginnings[-1], data, make, clip)
    without = losses_of_torch(beginnings[-1], data, WITHOUT[name])
    assert [one["loss"] for one in logs] == pytest.approx(losses, rel=5e-4)
    assert losses[-1] != pytest.approx(without[-1], rel=2e-3)


@pytest.mark.parametrize("name", ["adagrad", "adadelta", "adamax", "nadam", "rmsprop"])
def test_every_optimizer_makes_steps_of_its_own(open_page, name):
    ended = {}
    page = open_page(**WHOLE, compile__learning_rate="0.1")
    for optimizer in ("sgd", name):
        by_key(page, "compile.optimizer").set_value(optimizer).run()
        _, logs = trained(page)
        assert logs[1]["loss"] != logs[0]["loss"]
        ended[optimizer] = logs[1]["loss"]

    assert ended["sgd"] != ended[name]
