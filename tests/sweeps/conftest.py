"""Sweeps whose trials are invented curves, so that the search is tested without training."""

import pytest

from fitdash.runs.protocol.events import EpochEnded
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import Writer
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.validation_data import HoldOut
from fitdash.sweeps.api import begin_sweep, resume_sweep
from fitdash.sweeps.config import Budget, make_sweep_config
from fitdash.sweeps.coordinator import Coordinator

BASE = Experiment(fit=FitArgs(epochs=4, validation_data=HoldOut()))
SPACE = {"compile.learning_rate": "1e-4..1e-1 log", "network.width": [8, 16, 32]}


@pytest.fixture
def store(home):
    with Store() as store:
        yield store


@pytest.fixture
def writer(store):
    writer = Writer(store)
    yield writer
    writer.close()


class Invented:
    """A place where trials log what `curve(values)` gives, values by address.

    Args:
        curve: Gives the losses by epoch, or raises.
        most: Runs at once.
        before: Called with the number of the order, from 0, before each epoch.
    """

    def __init__(self, curve, most=1, before=None):
        self.curve, self.most, self.before = curve, most, before or (lambda number, epoch, control: None)
        self.orders = []

    def train(self, order, uid, put, control):
        number = len(self.orders)
        plain = order["experiment"]
        self.orders.append(plain)
        values = {"rate": plain["compile"]["learning_rate"], "width": plain["network"]["width"]}
        for epoch, loss in enumerate(self.curve(values)):
            self.before(number, epoch, control)
            if control.stop_is_wanted:
                return
            put(EpochEnded(uid=uid, epoch=epoch, logs={"loss": loss, "val_loss": loss}, seconds=0.1))
            if control.stop_is_wanted:
                return

    def close(self):
        pass


def falling(values):
    """Losses that end at the learning rate: small ones are best."""
    return [values["rate"] + 1 / (epoch + 1) for epoch in range(4)]


@pytest.fixture
def searched(store, writer):
    """Carries a sweep out at a place; gives its uid and the state it ended in."""

    def carry(
        place,
        *,
        trials=None,
        seconds=None,
        uid=None,
        listener=None,
        clock=None,
        space=SPACE,
        together=False,
        refuse=None,
        **settings,
    ):
        if uid is None:
            recipe = make_sweep_config(BASE, space, **settings)
            record = begin_sweep(store, recipe, Budget(trials=trials, seconds=seconds), writer=writer)
        else:
            store.reap()
            record = resume_sweep(store, uid, writer=writer, trials=trials, seconds=seconds)
        more = {} if clock is None else {"clock": clock}
        state = Coordinator(record, writer, place, listener=listener, together=together, refuse=refuse, **more).run()
        return record.uid, state

    return carry
