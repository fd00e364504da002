from types import SimpleNamespace

import numpy as np
import pytest

from fitdash.engine.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau


def rates(model):
    return [group["lr"] for group in model.optimizer.param_groups]


@pytest.mark.parametrize("factor", [1.0, 2])
def test_16_11_factor_must_be_below_1(factor):
    with pytest.raises(ValueError, match=f"ReduceLROnPlateau factor must be below 1, got {factor}."):
        ReduceLROnPlateau(factor=factor)


def test_16_11_it_logs_the_rate_in_force_during_the_epoch(drive, losses):
    model = drive(ReduceLROnPlateau(factor=0.5, patience=1), losses(1.0, 1.0, 1.0))

    assert model.history.history["learning_rate"] == [0.1, 0.1, 0.05]
    assert rates(model) == [0.025]


def test_16_11_it_logs_the_rate_also_where_the_monitor_is_missing(drive):
    with pytest.warns(UserWarning, match="ReduceLROnPlateau watches 'val_loss'.*Available: loss, learning_rate."):
        model = drive(ReduceLROnPlateau(), [{"loss": 1.0}])

    assert model.history.history["learning_rate"] == [0.1]


def test_16_12_patience_counts_epochs_without_a_gain_above_min_delta(drive, losses):
    model = drive(ReduceLROnPlateau(patience=2), losses(1.0, 0.99995, 0.9, 0.8999, 0.89995, 0.9))

    assert model.history.history["learning_rate"] == [0.1] * 5 + [pytest.approx(0.01)]


def test_16_12_cooldown_rests_and_then_counts_at_once(drive, losses):
    model = drive(ReduceLROnPlateau(factor=0.5, patience=2, cooldown=2), losses(*[1.0] * 9))

    assert model.history.history["learning_rate"] == [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025]


def test_16_12_the_rate_does_not_fall_below_min_lr(drive, losses):
    model = drive(ReduceLROnPlateau(patience=1, min_lr=0.05, verbose=1), losses(*[1.0] * 4))

    assert rates(model) == [0.05]
    assert len(model.told) == 1


def test_16_13_every_group_is_reduced_by_its_own_rate(drive, losses, stand_in):
    model = drive(ReduceLROnPlateau(factor=0.5, patience=1), losses(1.0, 1.0), model=stand_in(rates=(0.1, 0.01)))

    assert rates(model) == [0.05, 0.005]
    assert model.told == [{"kind": "learning_rate", "value": 0.05, "was": 0.1, "since": 2}]


def test_16_13_its_state_starts_anew_with_each_fit(drive, losses):
    plateau = ReduceLROnPlateau(patience=2, cooldown=5)
    drive(plateau, losses(0.1, 1.0, 1.0))

    model = drive(plateau, losses(2.0, 2.0))

    assert (plateau.best, plateau.wait, plateau.cooldown_counter) == (2.0, 1, 0)
    assert rates(model) == [0.1]


def test_16_12_verbose_says_the_new_rate(drive, losses, capsys):
    drive(ReduceLROnPlateau(factor=0.5, patience=1, verbose=1), losses(1.0, 1.0))

    assert capsys.readouterr().out == "\nEpoch 2: ReduceLROnPlateau reducing learning rate to 0.05.\n"


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 1},
        {"patience": 2, "cooldown": 2},
        {"patience": 2, "min_delta": 0.1},
        {"patience": 1, "mode": "max", "min_lr": 0.002},
        {"patience": 0, "cooldown": 1},
    ],
)
def test_16_12_is_as_in_keras(drive, losses, settings):
    keras = pytest.importorskip("keras")
    rng = np.random.default_rng(4)
    for _ in range(10):
        values = [float(v) for v in rng.integers(1, 10, size=12) / 10]
        model = drive(ReduceLROnPlateau(factor=0.5, **settings), losses(*values))
        theirs = keras.callbacks.ReduceLROnPlateau(factor=0.5, **settings)
        theirs.set_model(SimpleNamespace(optimizer=keras.optimizers.SGD(0.1)))
        theirs.on_train_begin()
        expected = []
        for epoch, value in enumerate(values):
            logs = {"loss": value, "val_loss": value}
            theirs.on_epoch_end(epoch, logs)
            expected.append(logs["learning_rate"])

        assert model.history.history["learning_rate"] == pytest.approx(expected, rel=1e-6)


def test_16_13_it_prints_rates_without_the_noise_of_their_last_digits(drive, losses, capsys, stand_in):
    drive(ReduceLROnPlateau(patience=1, verbose=1), losses(1.0, 1.0), model=stand_in(rates=(0.1,)))

    assert "reducing learning rate to 0.01.\n" in capsys.readouterr().out
