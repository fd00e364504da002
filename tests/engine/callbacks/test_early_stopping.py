import re
from types import SimpleNamespace

import numpy as np
import pytest

from fitdash.engine.callbacks.early_stopping import EarlyStopping
from fitdash.engine.callbacks.monitor import higher_is_better

NAN = float("nan")


@pytest.mark.parametrize(
    ("settings", "values", "stopped", "best_epoch"),
    [
        ({}, [1.0, 0.9, 0.95, 0.8], 2, 1),
        ({"patience": 1}, [1.0, 0.9, 0.95, 0.8], 2, 1),
        ({"patience": 2}, [1.0, 0.9, 0.95, 0.8, 0.9, 0.9, 0.9], 5, 3),
        ({}, [1.0, 1.0], 1, 0),
        ({"mode": "max"}, [0.1, 0.2, 0.2], 2, 1),
        ({"min_delta": 0.1}, [0.8, 0.7], 1, 0),
        ({"min_delta": -0.1}, [0.8, 0.65, 0.6], 2, 1),
        ({"min_delta": 0.1, "mode": "max"}, [0.5, 0.6, 0.5], 1, 0),
        ({"monitor": "val_accuracy"}, [0.5, 0.6, 0.5], 2, 1),
    ],
)
def test_16_6_stops_on_a_non_improving_epoch(drive, losses, settings, values, stopped, best_epoch):
    stopping = EarlyStopping(**settings)

    model = drive(stopping, losses(*values, name=stopping.monitor))

    assert (stopping.stopped_epoch, stopping.best_epoch) == (stopped, best_epoch)
    assert model.history.epoch[-1] == stopped
    assert model.told == [
        {"kind": "early_stop", "monitor": stopping.monitor, "best": values[best_epoch], "best_epoch": best_epoch}
    ]


def test_16_6_the_first_epoch_never_stops(drive, losses):
    stopping = EarlyStopping()

    drive(stopping, losses(NAN, 1.0, 0.5))

    assert (stopping.stopped_epoch, stopping.best) == (0, 0.5)


def test_16_7_a_baseline_keeps_the_count_growing_but_only_a_bad_epoch_stops(drive, losses):
    stopping = EarlyStopping(patience=2, baseline=0.1)

    model = drive(stopping, losses(1.0, 0.9, 0.8, 0.7, 0.75, 0.6))

    assert stopping.stopped_epoch == 4
    assert stopping.wait == 5
    assert model.stop_training


def test_16_7_a_beaten_baseline_resets_the_count(drive, losses):
    stopping = EarlyStopping(patience=2, baseline=0.75)

    drive(stopping, losses(1.0, 0.9, 0.7, 0.8, 0.6))

    assert (stopping.stopped_epoch, stopping.wait) == (0, 0)


def test_16_8_epochs_before_start_from_epoch_are_ignored(drive, losses):
    stopping = EarlyStopping(start_from_epoch=3)

    model = drive(stopping, losses(0.1, 0.5, 0.9, 0.8, 0.85))

    assert (stopping.best, stopping.best_epoch, stopping.stopped_epoch) == (0.8, 3, 4)
    assert model.history.epoch == [0, 1, 2, 3, 4]


def test_16_8_start_from_epoch_is_absolute(drive, losses):
    stopping = EarlyStopping(start_from_epoch=3)

    drive(stopping, losses(0.5, 0.9, 0.9), initial_epoch=2)

    assert (stopping.best, stopping.stopped_epoch) == (0.9, 4)


@pytest.mark.parametrize(("values", "best"), [((1.0, 0.5, 0.7), 2), ((1.0, 0.5), 2), ((0.5, 0.9), 1)])
def test_16_9_best_weights_come_back_whether_or_not_it_stopped(drive, losses, values, best):
    model = drive(EarlyStopping(patience=9, restore_best_weights=True), losses(*values))

    assert model.weight == best
    assert float(model.module.seen) == best
    assert {"kind": "restored_weights", "best_epoch": best - 1} in model.told


def test_16_9_without_any_improvement_the_first_monitored_epoch_comes_back(drive, losses):
    stopping = EarlyStopping(patience=9, restore_best_weights=True, start_from_epoch=1)

    model = drive(stopping, losses(0.1, NAN, NAN, NAN))

    assert model.weight == 2
    assert stopping.best is None


def test_16_9_without_the_wish_nothing_comes_back(drive, losses):
    assert drive(EarlyStopping(), losses(0.5, 0.9)).weight == 2


def test_16_10_it_says_at_the_end_what_it_did(drive, losses, capsys):
    drive(EarlyStopping(verbose=1, restore_best_weights=True), losses(1.0, 0.5, 0.7, 0.1))

    assert capsys.readouterr().out == (
        "Epoch 3: early stopping\nRestoring model weights from the end of the best epoch: 2.\n"
    )


def test_16_10_it_says_nothing_of_stopping_when_it_did_not(drive, losses, capsys):
    drive(EarlyStopping(verbose=1), losses(1.0, 0.5))

    assert capsys.readouterr().out == ""


def test_16_10_it_can_be_used_again(drive, losses):
    stopping = EarlyStopping(restore_best_weights=True)
    drive(stopping, losses(0.1, 0.5))

    model = drive(stopping, losses(2.0, 1.0))

    assert (stopping.stopped_epoch, stopping.best, stopping.wait) == (0, 1.0, 0)
    assert model.weight == 2


def test_16_1_the_first_value_improves_even_if_it_is_infinite(drive, losses):
    stopping = EarlyStopping(patience=9)

    drive(stopping, losses(float("inf"), 3.0))

    assert (stopping.best, stopping.best_epoch) == (3.0, 1)


@pytest.mark.parametrize(
    ("name", "up"),
    [
        ("loss", False),
        ("val_loss", False),
        ("val_p_loss", False),
        ("mse", False),
        ("val_mean_absolute_error", False),
        ("RootMeanSquaredError", False),
        ("sparse_categorical_crossentropy", False),
        ("false_positives", False),
        ("val_acc", True),
        ("out2_weighted_accuracy", True),
        ("accuracy_1", True),
        ("val_p_auc", True),
        ("precision", True),
        ("recall", True),
        ("r2_score", True),
        ("R2Score", True),
        ("cosine_similarity", True),
        ("f1_score", True),
        ("F1", True),
        ("MulticlassAUROC", True),
        ("sparse_top_k_categorical_accuracy", True),
        ("speed", None),
        ("floss", None),
    ],
)
def test_16_2_auto_knows_the_direction_by_name(name, up):
    assert higher_is_better(name) is up


def test_16_2_a_monitor_of_unknown_direction_is_refused_before_training(drive, losses):
    with pytest.raises(ValueError, match="EarlyStopping cannot tell whether 'val_speed' is better when low or high"):
        drive(EarlyStopping("val_speed"), [])


def test_16_3_an_unknown_mode_is_auto_with_a_warning(drive, losses):
    with pytest.warns(UserWarning, match="EarlyStopping mode must be 'auto', 'min' or 'max', got 'up'") as caught:
        stopping = EarlyStopping("val_accuracy", mode="up")

    assert caught[0].filename == __file__
    drive(stopping, losses(0.5, 0.6, name="val_accuracy"))
    assert stopping.best == 0.6


def test_16_4_a_missing_monitor_warns_and_skips_the_epoch(drive):
    stopping = EarlyStopping()
    message = "EarlyStopping watches 'val_loss', which is not available. Available: loss, accuracy."

    with pytest.warns(UserWarning, match=re.escape(message)):
        drive(stopping, [{"loss": 1.0, "accuracy": 0.0}] * 3)

    assert (stopping.wait, stopping.best) == (0, None)


def test_16_5_nan_is_never_best(drive, losses):
    stopping = EarlyStopping(patience=3)

    drive(stopping, losses(NAN, 1.0, NAN, 0.5))

    assert (stopping.best, stopping.best_epoch, stopping.wait) == (0.5, 3, 0)


@pytest.mark.parity
@pytest.mark.parametrize("restore", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"patience": 2},
        {"patience": 1, "baseline": 0.55},
        {"patience": 3, "baseline": 0.2},
        {"patience": 2, "min_delta": 0.1},
        {"patience": 2, "mode": "max"},
        {"patience": 1, "start_from_epoch": 4},
    ],
)
def test_16_6_and_16_9_are_as_in_keras(drive, losses, settings, restore):
    keras = pytest.importorskip("keras")
    rng = np.random.default_rng(3)
    for _ in range(20):
        values = rng.integers(1, 10, size=9) / 10
        mine = EarlyStopping("val_loss", restore_best_weights=restore, **settings)
        model = drive(mine, losses(*map(float, values)))
        theirs = keras.callbacks.EarlyStopping("val_loss", restore_best_weights=restore, **settings)

        ran, weight = _keras_run(theirs, values)

        assert model.history.epoch[-1] == ran
        assert (mine.stopped_epoch, mine.best_epoch, mine.wait) == (
            theirs.stopped_epoch,
            theirs.best_epoch if restore or theirs.best_epoch else mine.best_epoch,
            theirs.wait,
        )
        assert model.weight == weight


def _keras_run(callback, values):
    """Last epoch that ran and the weight after it, with Keras' own callback."""
    model = SimpleNamespace(stop_training=False, weight=0.0)
    model.get_weights = lambda: model.weight
    model.set_weights = lambda weight: setattr(model, "weight", weight)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        model.weight = epoch + 1.0
        callback.on_epoch_end(epoch, {"loss": value, "val_loss": value})
        if model.stop_training:
            break
    callback.on_train_end()
    return epoch, model.weight


def test_16_4_the_warning_comes_once_in_a_fit_and_waits_count_measured_epochs(drive, recwarn):
    stopping = EarlyStopping(patience=2)
    measured, unmeasured = {"loss": 1.0, "val_loss": 1.0}, {"loss": 1.0}

    model = drive(stopping, [unmeasured, measured, unmeasured, unmeasured, measured, unmeasured, unmeasured])

    assert (stopping.wait, len(model.history.epoch), len(recwarn.list)) == (1, 7, 1)
