"""A stand-in for a model, and a stand-in for the loop that tells callbacks invented logs."""

from types import SimpleNamespace

import pytest
import torch

from fitdash.data.batches.epochs import EpochBatches
from fitdash.engine.callbacks.base import Moment
from fitdash.engine.callbacks.callback_list import CallbackList, make_callbacks
from fitdash.engine.callbacks.history import History


class StandIn:
    """What callbacks see of a model; its one parameter is the number of epochs trained."""

    def __init__(self, rates=(0.1,)):
        self.module = torch.nn.Linear(1, 1, bias=False)
        self.module.register_buffer("seen", torch.zeros(()))
        weight = self.module.weight
        extra = [torch.nn.Parameter(torch.zeros(1)) for _ in rates[1:]]
        groups = [{"params": [p], "lr": rate} for p, rate in zip([weight, *extra], rates, strict=True)]
        self.optimizer = torch.optim.SGD(groups, momentum=0.9)
        self.console = None
        self.stop_training = False
        self.start_epoch = 0
        self.history = None
        self.told = []
        passes = EpochBatches(SimpleNamespace(reiterable=True, steps=2))
        self.training = SimpleNamespace(passes=passes, validation=None)

    def tell(self, kind, **facts):
        self.told.append({"kind": kind, **facts})

    @property
    def weight(self):
        return float(self.module.weight.detach())

    def train_to(self, value):
        with torch.no_grad():
            self.module.weight.fill_(value)
            self.module.seen.fill_(value)


def drive(callbacks, epoch_logs, *, model=None, initial_epoch=0, steps=2, verbose=0, batch_loss=None, **params):
    """Tell callbacks of a fit whose epochs log the given dicts; gives the model.

    `batch_loss(epoch, step)` is the running loss; by default that of the epoch's logs.
    """
    model = model or StandIn()
    epochs = initial_epoch + len(epoch_logs)
    params = {"verbose": verbose, "epochs": epochs, "steps": steps, **params}
    told = CallbackList(make_callbacks(callbacks, History(), verbose), model, params)
    model.stop_training, model.start_epoch = False, initial_epoch
    last = {}
    told.on_train_begin()
    for epoch in range(model.start_epoch, epochs):
        logs = epoch_logs[epoch - initial_epoch]
        told.on_epoch_begin(epoch)
        for step in range(steps or 3):
            running = {"loss": batch_loss(epoch, step)} if batch_loss else dict(logs)
            model.train_to(epoch + (step + 1) / (steps or 3))
            moment = Moment(epoch=epoch, first=step, last=step, steps=steps, logs=lambda running=running: running)
            if told.between_steps(moment):
                told.on_partial_epoch(epoch, running)
                told.on_train_end(last)
                return model
            if model.stop_training:
                break
        told.on_epoch_end(epoch, logs)
        last = logs
        if model.stop_training:
            break
    told.on_train_end(last)
    return model


@pytest.fixture(name="drive")
def _drive():
    return drive


@pytest.fixture(name="stand_in")
def _stand_in():
    return StandIn


@pytest.fixture
def losses():
    """Epoch logs of val_loss with the given values."""
    return lambda *values, name="val_loss": [{"loss": value, name: value} for value in values]
