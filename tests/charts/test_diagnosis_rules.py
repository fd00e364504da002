"""The rules that read curves, on curves with known answers.

recorded_curves.json: real runs on iris, wine, digits, moons, circles, blobs, spiral, breast cancer and diabetes, made
after the thresholds were set. "healthy" had usual settings; `rises` tells of them whether the loss on rows that no
rule sees rose by more than 5 % in the end, so that "overfits" is no false alarm. The others were made ill: learning
rates of 0.3 to 30 (high) or 3e-6 to 3e-5 (low), 45 to 90 rows for 256 × 3 units (overfit), a straight line for a
spiral or targets at random (underfit), targets that nobody can predict better (plateau).
"""

import json
from pathlib import Path

import numpy as np
import pytest

from fitdash.charts.diagnosis import LossCurves
from fitdash.charts.diagnosis_rules import diagnose_curves

RECORDED = json.loads((Path(__file__).parent / "recorded_curves.json").read_text(encoding="utf-8"))
ALARMS = {"diverged", "too_fast", "overfits", "underfits", "too_slow", "flat"}
ANSWERS = {
    "high": {"too_fast", "diverged"},
    "nan": {"diverged"},
    "low": {"too_slow"},
    "overfit": {"overfits"},
    "underfit": {"underfits"},
    "plateau": {"flat"},
}


def values(numbers):
    return None if numbers is None else np.array([np.nan if one is None else one for one in numbers], dtype=float)


def curves(loss, val=None, **known):
    loss, val = values(loss), values(val)
    return LossCurves(
        **{"epochs": np.arange(len(loss)) + 1.0, "loss": loss, "val_loss": val, "planned": len(loss), **known}
    )


def recorded(run, epochs=None):
    loss, val = run["loss"], run.get("val")
    known = {"trivial": run["trivial"], "learning_rate": run["rate"], "dropout": run["dropout"]}
    is_over = epochs in (None, len(loss))
    return curves(loss[:epochs], val and val[:epochs], **known, planned=len(loss), is_over=is_over)


def kinds(found):
    return [one.kind for one in found]


def alarms(run, epochs=None):
    """What is said of a run that is not said of a healthy one."""
    return set(kinds(diagnose_curves(recorded(run, epochs)))) & ALARMS - ({"overfits"} if run.get("rises") else set())


def only(found, kind):
    (one,) = [one for one in found if one.kind == kind]
    return one


def falling(n, start=1.0, end=0.1, speed=6.0):
    """A loss that falls fast at first."""
    return end + (start - end) * np.exp(-speed * np.linspace(0, 1, n))


def test_at_most_one_healthy_run_in_twenty_is_said_to_be_ill():
    healthy = [run for run in RECORDED if run["label"] == "healthy"]

    wrong = [run for run in healthy if alarms(run)]

    assert len(healthy) >= 100
    assert len(wrong) <= 0.05 * len(healthy)


def test_nor_at_any_epoch_while_it_trains():
    healthy = [run for run in RECORDED if run["label"] == "healthy"]

    wrong = [run for run in healthy if any(alarms(run, n) for n in range(1, len(run["loss"])))]

    assert len(wrong) <= 0.05 * len(healthy)


@pytest.mark.parametrize("label", ANSWERS)
def test_nine_in_ten_ill_runs_are_found(label):
    ill = [run for run in RECORDED if run["label"] == label]

    found = [run for run in ill if alarms(run) & ANSWERS[label]]

    assert len(found) >= 0.9 * len(ill) > 0


@pytest.mark.parametrize("noise", [0.0, 0.005, 0.01, 0.02])
@pytest.mark.parametrize("epochs", [5, 12, 40, 200])
def test_a_falling_curve_with_noise_is_left_alone(noise, epochs):
    wrong = 0
    for seed in range(60):
        random = np.random.default_rng(seed).standard_normal((2, epochs)) * noise
        told = diagnose_curves(curves(falling(epochs) + random[0], falling(epochs, end=0.15) + random[1], trivial=1.1))
        wrong += bool(set(kinds(told)) & (ALARMS - {"flat"}))

    assert wrong <= 3


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.02])
@pytest.mark.parametrize("every", [1, 3])
def test_a_validation_loss_that_turns_is_found_at_its_epoch(noise, every):
    found = []
    for seed in range(40):
        random = np.random.default_rng(seed).standard_normal((2, 60)) * noise
        val = np.concatenate([np.linspace(1, 0.4, 20), np.linspace(0.4, 1.0, 41)[1:]]) + random[0]
        val[np.arange(60) % every != every - 1] = np.nan
        found += diagnose_curves(curves(falling(60, end=0.02) + random[1], val, trivial=1.1))
    turned = [one for one in found if one.kind == "overfits"]

    assert len(turned) == 40
    assert all(16 <= one.epoch <= 26 for one in turned)
    assert all(one.is_sure for one in turned)
    assert turned[0].change.settings == {"fit.epochs": turned[0].epoch}


@pytest.mark.parametrize("bad", [np.nan, np.inf], ids=str)
def test_a_loss_that_is_no_number_is_told_with_its_epoch_and_a_smaller_learning_rate(bad):
    (told,) = diagnose_curves(curves([2.5, 40.0, bad, bad], [1.0, 1.0, np.nan, np.nan], learning_rate=3.0))

    assert (told.name, told.is_sure) == ("Diverged at epoch 3", True)
    assert "40.00 the epoch before" in told.text
    assert told.change.settings == {"compile.learning_rate": 0.3}


def test_epochs_are_those_of_the_run_not_counted_from_its_first():
    told = diagnose_curves(curves([1.0, np.nan], epochs=np.array([21.0, 22.0])))

    assert told[0].epoch == 22


def test_a_loss_that_grows_is_said_to_diverge_from_the_epoch_on():
    told = only(diagnose_curves(curves([1.0, 2.0, 5.0, 9.0, 20.0, 40.0], [1.0] * 6)), "diverged")

    assert (told.name, told.epoch) == ("Diverges since epoch 3", 3)


def test_leaps_from_epoch_to_epoch_mean_a_learning_rate_that_is_too_high():
    loss = 0.6 + 0.2 * (-1.0) ** np.arange(20)

    told = only(diagnose_curves(curves(loss, loss, trivial=1.1, learning_rate=0.5)), "too_fast")

    assert told.text == "The loss leaps by 0.3266 from epoch to epoch instead of falling."
    assert told.change.text == "Set learning_rate to 0.05."


def test_a_loss_that_may_be_negative_is_not_measured_against_its_beginning():
    assert kinds(diagnose_curves(curves(-falling(20)[::-1], -falling(20)[::-1]))) == []


def test_a_slow_steady_fall_asks_for_a_higher_rate_where_it_is_small_else_for_more_epochs():
    loss = np.linspace(1.1, 1.0, 20)

    small, usual = (only(diagnose_curves(curves(loss, loss, learning_rate=r)), "too_slow") for r in (1e-5, 1e-3))

    assert small.change.settings == {"compile.learning_rate": 1e-4}
    assert usual.change.settings == {"fit.epochs": 60}


def test_nothing_is_said_of_the_pace_before_half_of_the_run_is_over():
    loss = np.linspace(1.1, 1.0, 12)

    assert kinds(diagnose_curves(curves(loss, loss, planned=100, is_over=False, trivial=1.1))) == []


def test_no_better_than_the_trivial_answer_is_told_with_both_numbers():
    told = only(diagnose_curves(curves(np.full(12, 1.05), np.full(12, 1.12), trivial=1.1)), "underfits")

    assert "validation loss is 1.120" in told.text
    assert "1.100" in told.text


@pytest.mark.parametrize("noise", [0.0, 0.002, 0.005])
def test_a_validation_loss_that_wins_nothing_more_is_flat_though_training_still_creeps(noise):
    found = []
    for seed in range(40):
        random = np.random.default_rng(seed).standard_normal((2, 80)) * noise
        loss = falling(80, end=0.5, speed=60) - 0.02 * np.linspace(0, 1, 80)
        val = falling(80, end=0.55, speed=60) + 0.03 * np.linspace(0, 1, 80)
        found += [
            one for one in diagnose_curves(curves(loss + random[0], val + random[1], trivial=1.1)) if one.kind == "flat"
        ]

    assert len(found) == 40
    assert all(3 <= one.epoch <= 49 for one in found)


def test_of_a_plateau_in_validation_alone_it_is_not_sure_and_tells_the_validation_loss():
    loss = falling(80, end=0.5, speed=60) - 0.02 * np.linspace(0, 1, 80)
    val = falling(80, end=0.55, speed=60) + 0.03 * np.linspace(0, 1, 80)

    told = only(diagnose_curves(curves(loss, val, trivial=1.1)), "flat")

    assert not told.is_sure
    assert "the validation loss went from 0.56" in told.text


def test_training_that_still_wins_much_is_no_plateau_whatever_validation_does():
    loss = falling(80, end=0.02, speed=3)
    val = falling(80, end=0.55, speed=20)

    assert "flat" not in kinds(diagnose_curves(curves(loss, val, trivial=1.1)))


def test_where_nothing_is_held_out_it_is_said_and_can_be_changed():
    told = only(diagnose_curves(curves([1.0])), "nothing_held_out")

    assert told.change.settings["fit.validation_data"] == "stratified"
    assert kinds(diagnose_curves(curves([]))) == []


@pytest.mark.parametrize(
    ("dropout", "words"), [(0.3, "dropout silences 30%"), (0.0, "the mean over the epoch")], ids=["dropout", "mean"]
)
def test_a_training_loss_above_the_validation_loss_is_explained(dropout, words):
    loss = falling(10)

    told = only(diagnose_curves(curves(loss, 0.8 * loss, dropout=dropout)), "upside_down")

    assert words in told.text
    assert told.change is None


def test_what_is_wrong_comes_first():
    found = diagnose_curves(curves(np.linspace(1.1, 1.09, 12), trivial=1.1, learning_rate=1e-5))

    assert [one.weight for one in found] == ["hint", "note"]
