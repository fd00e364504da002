import numpy as np
import pytest

from fitdash.engine.callbacks.learning_rate_scheduler import LearningRateScheduler
from fitdash.engine.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau


def test_16_14_the_schedule_gets_the_absolute_epoch_and_the_rate(drive, losses):
    asked = []

    def halved(epoch, rate):
        asked.append((epoch, rate))
        return rate / 2

    model = drive(LearningRateScheduler(halved), losses(1.0, 1.0), initial_epoch=3)

    assert asked == [(3, 0.1), (4, 0.05)]
    assert model.history.history["learning_rate"] == [0.05, 0.025]
    assert model.told == [
        {"kind": "learning_rate", "value": 0.05, "was": 0.1},
        {"kind": "learning_rate", "value": 0.025, "was": 0.05},
    ]


def test_16_14_a_schedule_of_the_epoch_alone_works(drive, losses, stand_in):
    model = drive(LearningRateScheduler(lambda epoch: 0.1 * (epoch + 1)), losses(1.0, 1.0), model=stand_in((0.1, 0.5)))

    assert model.history.history["learning_rate"] == [0.1, 0.2]
    assert [group["lr"] for group in model.optimizer.param_groups] == [0.2, 0.2]


@pytest.mark.parametrize("rate", [1, "0.1", None, np.int64(1), [0.1]])
def test_16_14_a_rate_that_is_no_float_is_refused(drive, losses, rate):
    with pytest.raises(ValueError, match="schedule must give a float, got .* for epoch 0."):
        drive(LearningRateScheduler(lambda epoch, lr: rate), losses(1.0))


@pytest.mark.parametrize("kind", [float, np.float32, np.float64])
def test_16_14_numpy_floats_are_floats(drive, losses, kind):
    model = drive(LearningRateScheduler(lambda epoch, lr: kind(0.25)), losses(1.0))

    assert model.history.history["learning_rate"] == [0.25]
    assert type(model.optimizer.param_groups[0]["lr"]) is float


def test_16_14_verbose_says_the_rate(drive, losses, capsys):
    drive(LearningRateScheduler(lambda epoch, lr: 0.5, verbose=1), losses(1.0))

    assert capsys.readouterr().out == "\nEpoch 1: LearningRateScheduler setting learning rate to 0.5.\n"


def test_16_14_a_rate_that_stays_is_no_event(drive, losses):
    assert drive(LearningRateScheduler(lambda epoch, lr: lr), losses(1.0)).told == []


def test_16_14_and_16_11_the_rate_that_is_logged_last_wins(drive, losses):
    both = [ReduceLROnPlateau(factor=0.5, patience=1), LearningRateScheduler(lambda epoch, lr: 0.2)]

    model = drive(both, losses(1.0, 1.0))

    assert model.history.history["learning_rate"] == [0.2, 0.1]


def test_16_14_it_prints_rates_without_the_noise_of_their_last_digits(drive, capsys):
    drive(LearningRateScheduler(lambda epoch: 0.1 * 0.1, verbose=1), [{"loss": 1.0}])

    assert "setting learning rate to 0.01.\n" in capsys.readouterr().out
