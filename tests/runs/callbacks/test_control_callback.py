"""Stopping and pacing, without waiting for a real clock."""

import threading
from types import SimpleNamespace

import pytest

from fitdash.engine.callbacks.base import Moment
from fitdash.errors import SettingError
from fitdash.runs.callbacks.control_callback import ControlCallback
from fitdash.runs.protocol.control import Control


class Time:
    """A clock that waiting moves; `meanwhile` happens during the next waits."""

    def __init__(self):
        self.now = 0.0
        self.waits = []
        self.meanwhile = []

    def clock(self):
        return self.now

    def wait(self, seconds, changes):
        self.waits.append(seconds)
        if self.meanwhile:
            self.now += seconds / 2
            self.meanwhile.pop(0)()
        else:
            self.now += seconds


class Told(SimpleNamespace):
    def tell(self, kind, **facts):
        self.told.append({"kind": kind, **facts})


@pytest.fixture
def time():
    return Time()


def steering_of(control, time, epochs):
    steering = ControlCallback(control, clock=time.clock, wait=time.wait)
    steering.set_model(Told(stop_training=False, told=[]))
    steering.set_params({"epochs": epochs})
    steering.on_train_begin()
    return steering


def train(steering, time, epochs, *, first=0, seconds=0.0):
    """Go through epochs that take this long; gives when each began."""
    began = []
    for epoch in range(first, epochs):
        began.append(time.now)
        steering.on_epoch_begin(epoch)
        time.now += seconds
        steering.on_epoch_end(epoch, {})
        if steering.model.stop_training:
            break
    return began


def moment(step):
    return Moment(epoch=0, first=step, last=step, steps=None, logs=dict)


def test_at_full_pace_nothing_waits(time):
    train(steering_of(Control("full"), time, 100), time, 100)

    assert time.waits == []


@pytest.mark.parametrize("rate", [1, 5, 20])
def test_a_rate_is_so_many_epochs_a_second(time, rate):
    began = train(steering_of(Control(rate), time, 10), time, 10, seconds=0.01)

    assert began == pytest.approx([epoch / rate for epoch in range(10)])


def test_an_epoch_that_takes_longer_than_its_pace_is_not_held_up(time):
    train(steering_of(Control(20), time, 10), time, 10, seconds=0.06)

    assert time.waits == []


def test_watchable_is_five_epochs_a_second_for_a_short_run(time):
    began = train(steering_of(Control("watchable"), time, 20), time, 20, seconds=0.001)

    assert began == pytest.approx([epoch / 5 for epoch in range(20)])


@pytest.mark.parametrize("epochs", [76, 1000, 10_000])
def test_watchable_adds_about_15_seconds_at_most(time, epochs):
    train(steering_of(Control("watchable"), time, epochs), time, epochs, seconds=0.001)

    assert 13 <= time.now - epochs * 0.001 <= 15.001


def test_watchable_shows_a_long_run_grow_evenly(time):
    began = train(steering_of(Control("watchable"), time, 1000), time, 1000, seconds=0.001)

    gaps = [later - earlier for earlier, later in zip(began, began[1:], strict=False)]
    assert max(gaps) == pytest.approx(min(gaps))


def test_watchable_counts_the_epochs_that_this_fit_runs(time):
    train(steering_of(Control("watchable"), time, 1010), time, 1010, first=1000, seconds=0.0)

    assert time.now == pytest.approx(9 * 0.2)


def test_nothing_waits_after_the_last_epoch(time):
    train(steering_of(Control(1), time, 1), time, 1)

    assert time.waits == []


def test_a_new_pace_counts_at_once_also_while_waiting(time):
    control = Control(1)
    time.meanwhile = [lambda: setattr(control, "pace", "full")]

    train(steering_of(control, time, 10), time, 10)

    assert time.now == 0.5


def test_stop_ends_training_after_this_batch(time):
    control = Control()
    steering = steering_of(control, time, 10)
    assert not steering.between_steps(moment(0))

    control.stop()

    assert steering.between_steps(moment(1)) is True
    assert steering.model.told == [{"kind": "stop_run", "step": 1}]
    assert not steering.model.stop_training


def test_stop_ends_the_wait_and_no_other_epoch_begins(time):
    control = Control(1)
    time.meanwhile = [control.stop]
    steering = steering_of(control, time, 10)

    began = train(steering, time, 10)

    assert began == [0.0]
    assert time.now == 0.5
    assert steering.model.stop_training
    assert steering.model.told == [{"kind": "stop_run"}]


def test_a_real_wait_ends_with_the_wish():
    control = Control()
    changes = control.changes
    thread = threading.Thread(target=control.wait, args=[60, changes])
    thread.start()

    control.stop()
    thread.join(10)

    assert not thread.is_alive()


def test_a_wish_between_reading_and_waiting_is_not_missed():
    control = Control()
    changes = control.changes
    control.pace = 5

    control.wait(60, changes)

    assert control.pace == 5


@pytest.mark.parametrize("pace", ["fast", 0, -1, float("nan"), float("inf"), True, None])
def test_what_is_no_pace_is_refused(pace):
    with pytest.raises(SettingError, match=r'pace must be "watchable", "full" or a number of epochs per second'):
        Control(pace)
