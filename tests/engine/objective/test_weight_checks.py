"""Weights of samples and steps, for one and for several outputs."""

import pytest
import torch

from fitdash.engine.objective.objective import Objective
from tests.engine.objective.objectives import (
    AIM_A,
    AIM_B,
    BY_A,
    BY_B,
    NAMES,
    ONE,
    STEPS,
    WEIGHT,
    A,
    B,
    added,
    entropy,
    squared,
    two,
)


def test_5_11_one_array_applies_to_every_output():
    _, logs = added([AIM_A, AIM_B], [A, B], BY_A, NAMES, **two())

    assert logs["a_loss"] == pytest.approx(squared(BY_A), rel=1e-5)
    assert logs["b_loss"] == pytest.approx(entropy(BY_A), rel=1e-5)


@pytest.mark.parametrize("weight", [[None, BY_B], {"b": BY_B}, (None, BY_B), {"a": None, "b": BY_B}], ids=str)
@pytest.mark.parametrize("prediction", [[A, B], {"a": A, "b": B}], ids=["list", "dict"])
def test_5_11_an_entry_that_is_none_means_one(weight, prediction):
    _, logs = added([AIM_A, AIM_B], prediction, weight, NAMES, **two())

    assert logs["a_loss"] == pytest.approx(squared(), rel=1e-5)
    assert logs["b_loss"] == pytest.approx(entropy(BY_B), rel=1e-5)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ({"c": BY_A}, r"sample_weight has the key 'c', which is no output\. The outputs are a, b\."),
        ([BY_A], r"sample_weight must have one part per output, got 1\."),
        ([BY_A, torch.ones(3)], r"sample_weight must have the shape \(4,\), got \(3,\)\."),
    ],
    ids=["key", "length", "shape"],
)
def test_5_11_weights_must_fit_the_outputs(weight, message):
    with pytest.raises(ValueError, match=message):
        added([AIM_A, AIM_B], [A, B], weight, NAMES, **two())


@pytest.mark.parametrize("weight", [[WEIGHT], {"any": WEIGHT}, (WEIGHT,)], ids=["list", "dict", "tuple"])
def test_5_11_one_output_takes_weights_in_a_container(weight):
    assert added(*ONE, weight, rows=5, loss="mse") == added(*ONE, WEIGHT, rows=5, loss="mse")


@pytest.mark.parametrize("mode", [None, "temporal", ["temporal"], {"any": "temporal"}], ids=str)
def test_5_7_weights_of_steps_work_with_and_without_the_mode(mode):
    weight = torch.rand(4, 3)

    total, _ = added(*STEPS, weight, loss="mse", sample_weight_mode=mode)

    each = ((STEPS[0] - STEPS[1]) ** 2).mean(-1)
    assert total == pytest.approx((each * weight).sum().item() / 12, rel=1e-5)


@pytest.mark.parametrize(
    ("data", "weight", "message"),
    [
        (STEPS, torch.ones(4), r"sample_weight must have the shape \(4, 3\) with .*'temporal', got \(4,\)\."),
        (STEPS, torch.ones(4, 5), r"sample_weight must have the shape \(4, 3\) with .*'temporal', got \(4, 5\)\."),
        (ONE, torch.ones(5, 1), r"'temporal' needs an output with a time axis, got out1 of shape \(5, 1\)\."),
    ],
)
def test_5_8_the_temporal_mode_wants_weights_of_steps(data, weight, message):
    with pytest.raises(ValueError, match=message):
        added(*data, weight, loss="mse", sample_weight_mode="temporal")


def test_5_8_the_mode_of_one_output_leaves_the_others_alone():
    targets, predictions = [STEPS[0], AIM_A], [STEPS[1], A]

    _, logs = added(
        targets, predictions, [torch.ones(4, 3), BY_A], NAMES, loss="mse", sample_weight_mode={"a": "temporal"}
    )

    assert logs["b_loss"] == pytest.approx(squared(BY_A), rel=1e-5)


def test_1_10_other_modes_are_refused():
    with pytest.raises(ValueError, match="sample_weight_mode must be None or 'temporal', got 'steps'"):
        Objective(loss="mse", sample_weight_mode=[None, "steps"])
