"""What the recorder tells."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fitdash.engine.callbacks.base import Moment
from fitdash.engine.callbacks.history import History
from fitdash.runs.callbacks.recorder import BETWEEN_SECONDS, Recorder
from fitdash.runs.protocol.events import BatchEnded, Began, EpochEnded, PartialEpoch, Printed, Told


class Clock:
    """Seconds that a test sets."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def events():
    return []


@pytest.fixture
def recorder(events, clock):
    recorder = Recorder("a", events.append, clock=clock)
    recorder.set_model(SimpleNamespace())
    recorder.set_params({"epochs": 2, "steps": None, "verbose": 1})
    return recorder


def moment(step, logs=None):
    return Moment(epoch=0, first=step, last=step, steps=10, logs=lambda: logs or {"loss": 1.0})


def test_every_epoch_is_told_with_a_copy_of_its_logs(recorder, events, clock):
    logs = {"loss": np.float32(0.5), "accuracy": torch.tensor(0.25), "val_loss": 1.0}

    recorder.on_epoch_begin(3)
    clock.now += 1.5
    recorder.on_epoch_end(3, logs)
    logs["loss"] = "changed by a later callback"

    told = next(event for event in events if isinstance(event, EpochEnded))
    assert (told.uid, told.epoch, told.seconds) == ("a", 3, 1.5)
    assert list(told.logs.items()) == [("loss", 0.5), ("accuracy", 0.25), ("val_loss", 1.0)]
    assert {type(value) for value in told.logs.values()} == {float}


def test_seconds_and_params_are_those_of_history(recorder, events):
    history = History()
    recorder.model.history = history
    history.params = {"epochs": 2, "samples": 100}
    history.seconds = [0.1, 0.7]

    recorder.on_train_begin()
    recorder.on_epoch_begin(1)
    recorder.on_epoch_end(1, {"loss": 1.0})

    assert [event.params for event in events if isinstance(event, Began)] == [{"epochs": 2, "samples": 100}]
    assert events[-1].seconds == 0.7


def test_params_that_become_known_later_are_told_again(recorder, events):
    recorder.on_train_begin()
    recorder.on_train_begin()
    recorder.params["steps"] = 10
    recorder.on_epoch_end(0, {})

    assert [event.params["steps"] for event in events if isinstance(event, Began)] == [None, 10]


def test_running_values_are_told_by_the_clock_and_not_by_the_step(recorder, events, clock):
    recorder.on_epoch_begin(0)
    asked = []
    for step in range(40):
        clock.now += BETWEEN_SECONDS / 10
        recorder.between_steps(
            Moment(epoch=0, first=step, last=step, steps=40, logs=lambda: asked.append(1) or {"loss": 1.0})
        )

    told = [event.step for event in events if isinstance(event, BatchEnded)]
    assert 3 <= len(told) <= 4
    assert len(asked) == len(told)
    assert np.diff(told).min() >= 9


def test_an_epoch_shorter_than_the_interval_tells_no_running_values(recorder, events, clock):
    for epoch in range(50):
        recorder.on_epoch_begin(epoch)
        clock.now += BETWEEN_SECONDS * 0.9
        recorder.between_steps(moment(0))

    assert events == []


def test_the_recorder_never_asks_training_to_stop(recorder, clock):
    clock.now += 10

    assert recorder.between_steps(moment(0)) is None


def test_a_partial_epoch_is_told_apart(recorder, events):
    recorder.on_partial_epoch(4, {"loss": np.float64(2.0)})

    assert isinstance(events[0], PartialEpoch)
    assert (events[0].epoch, events[0].logs) == (4, {"loss": 2.0})


def test_what_callbacks_tell_is_copied(recorder, events):
    facts = {"epoch": 0, "kind": "learning_rate", "value": np.float64(0.1)}

    recorder.on_tell(facts)
    facts["value"] = 7

    assert isinstance(events[0], Told)
    assert events[0].facts == {"epoch": 0, "kind": "learning_rate", "value": 0.1}


def test_what_is_printed_becomes_lines(recorder, events):
    print("Epoch 1/2", file=recorder.console)
    recorder.console.write("1/4 \r2/4 \r4/4 - loss: 0.5\nunfin")
    recorder.console.write("ished")
    recorder.on_train_end()

    assert [event.text for event in events if isinstance(event, Printed)] == [
        "Epoch 1/2",
        "4/4 - loss: 0.5",
        "unfinished",
    ]
    assert not recorder.console.isatty()
