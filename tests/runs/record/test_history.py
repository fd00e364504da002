"""A history read from the store equals the one that training made."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from fitdash.engine.callbacks.history import History
from fitdash.errors import StoreError
from fitdash.runs.callbacks.recorder import Recorder
from fitdash.runs.protocol.events import Created
from fitdash.runs.record.history import history_of


@pytest.fixture
def trained(store, writer):
    """A history as the loop would make it, with a recorder behind it, and the name of the run."""
    rng = np.random.default_rng(1)
    writer.put(Created(uid="a", name="", experiment={}, writer=writer.uid, state="running"))
    history, recorder = History(), Recorder("a", writer.put)
    callbacks = [history, recorder]
    for callback in callbacks:
        callback.set_model(SimpleNamespace(history=history))
    for callback in callbacks:
        callback.set_params({"verbose": 1, "epochs": 60, "steps": None, "samples": 100, "batch_size": 32})
        callback.on_train_begin()
    for epoch in range(50, 60):
        logs = {"loss": float(rng.random()), "accuracy": 1 / 3}
        if epoch % 3 == 0:
            logs |= {"val_loss": math.inf if epoch == 54 else float(rng.standard_normal()), "val_accuracy": math.nan}
        for callback in callbacks:
            callback.on_epoch_begin(epoch)
        for callback in callbacks:
            callback.on_epoch_end(epoch, logs)
    event = {"epoch": 53, "kind": "learning_rate", "value": 3e-4, "was": [0.1 + 0.2]}
    history.events.append(event)
    recorder.on_tell(event)
    recorder.on_train_end()
    writer.flush(10)
    return history


def test_19_7_the_csv_is_the_same_bytes(store, trained):
    assert history_of(store, "a").to_csv() == trained.to_csv()


def test_19_6_the_json_is_the_same_bytes(store, trained):
    assert history_of(store, "a").to_json() == trained.to_json()


def test_19_1_history_epoch_and_params_are_the_same(store, trained):
    again = history_of(store, "a")

    np.testing.assert_equal(again.history, trained.history)
    assert again.epoch == trained.epoch
    assert again.params == trained.params
    assert again.seconds == trained.seconds


def test_a_run_without_epochs_has_an_empty_history(store, writer):
    writer.put(Created(uid="b", name="", experiment={}, writer=writer.uid))
    writer.flush(10)

    assert history_of(store, "b").epoch == []


def test_the_history_of_an_unknown_run_is_refused(store):
    with pytest.raises(StoreError, match="must know the run to give its history, got 'ghost'"):
        history_of(store, "ghost")
