"""Losses and metrics of several outputs: names, totals, containers, and what is refused."""

import pytest
from torch import nn

from fitdash.engine.objective.objective import Objective
from fitdash.errors import DataError
from tests.engine.objective.objectives import AIM_A, AIM_B, BY_A, BY_B, NAMES, ONE, A, B, added, entropy, squared, two


@pytest.mark.parametrize(
    ("prediction", "given", "names"),
    [
        ([A, B], None, ["out1", "out2"]),
        ((A, B), NAMES, NAMES),
        ({"x": A, "y": B}, None, ["x", "y"]),
        ({"x": A, "y": B}, NAMES, ["x", "y"]),
    ],
)
def test_13_1_outputs_are_named(prediction, given, names):
    _, logs = added([AIM_A, AIM_B], prediction, names=given, **two())

    assert list(logs) == ["loss", *(f"{name}_loss" for name in names)]


def test_13_1_names_must_fit_the_outputs():
    with pytest.raises(ValueError, match=r"there are 2, got \['a'\]"):
        Objective(loss="mse").bind([A, B], ["a"])


def test_13_2_the_total_is_the_weighted_sum_of_losses_logged_before_their_weights():
    total, logs = added([AIM_A, AIM_B], [A, B], [BY_A, BY_B], NAMES, **two(loss_weights=[2.0, 0.25]))

    assert logs["a_loss"] == pytest.approx(squared(BY_A), rel=1e-5)
    assert logs["b_loss"] == pytest.approx(entropy(BY_B), rel=1e-5)
    assert total == pytest.approx(2 * squared(BY_A) + 0.25 * entropy(BY_B), rel=1e-5)
    assert logs["loss"] == pytest.approx(total, rel=1e-6)


def test_13_3_one_loss_applies_to_each_output():
    total, logs = added([AIM_A, AIM_A], [A, A], names=NAMES, loss="mse")

    assert logs["a_loss"] == logs["b_loss"] == pytest.approx(squared(), rel=1e-5)
    assert total == pytest.approx(2 * squared(), rel=1e-5)


@pytest.mark.parametrize(
    "loss", [{"a": "mse"}, {"a": "mse", "b": None}, ["mse", None]], ids=["missing", "None", "list"]
)
@pytest.mark.parametrize("target", [AIM_A, [AIM_A], [AIM_A, AIM_B], {"a": AIM_A}], ids=["tensor", "1", "2", "dict"])
def test_13_3_an_output_without_loss_is_not_trained(loss, target):
    total, logs = added(target, [A, B], names=NAMES, loss=loss)

    assert logs == {"loss": pytest.approx(total)}
    assert total == pytest.approx(squared(), rel=1e-5)


def test_13_3_an_untrained_output_can_be_measured():
    _, logs = added([AIM_A, AIM_B], [A, B], names=NAMES, loss={"a": "mse"}, metrics={"b": "accuracy"})

    assert list(logs) == ["loss", "b_accuracy"]
    assert logs["b_accuracy"] == pytest.approx((B.argmax(1) == AIM_B).float().mean().item())


CONTAINERS = {
    "loss": (["mse", "sparse_categorical_crossentropy"], {"b": "sparse_categorical_crossentropy", "a": "mse"}),
    "metrics": ([["mae"], "acc"], {"b": ["acc"], "a": "mae"}),
    "weighted_metrics": ([None, ["acc"]], {"b": "acc"}),
    "loss_weights": ([1.0, 0.5], {"b": 0.5}),
    "target": ([AIM_A, AIM_B], {"b": AIM_B, "a": AIM_A}),
    "weight": ([BY_A, None], {"a": BY_A}),
    "prediction": ([A, B], {"a": A, "b": B}),
}


def arranged(**as_dict):
    given = {key: CONTAINERS[key][int(as_dict.get(key, False))] for key in CONTAINERS}
    return added(given.pop("target"), given.pop("prediction"), given.pop("weight"), NAMES, **given)


@pytest.mark.parametrize("changed", CONTAINERS)
def test_13_4_each_container_may_be_a_list_or_a_dict_whatever_the_others_are(changed):
    expected = arranged()

    assert arranged(**{changed: True}) == expected
    assert arranged(**{key: key != changed for key in CONTAINERS}) == expected


WRONG = {
    "loss": {"c": "mse"},
    "metrics": {"c": ["mae"]},
    "weighted_metrics": {"c": ["mae"]},
    "loss_weights": {"c": 1.0},
    "sample_weight_mode": {"c": "temporal"},
}


@pytest.mark.parametrize("argument", WRONG)
def test_13_4_a_wrong_key_is_refused_with_the_outputs(argument):
    settings = {"loss": "mse", argument: WRONG[argument]}

    with pytest.raises(ValueError, match=rf"{argument} has the key 'c', which is no output\. The outputs are a, b\."):
        Objective(**settings).bind([A, B], NAMES)


@pytest.mark.parametrize(
    ("argument", "given"),
    [
        ("loss", ["mse"]),
        ("loss", ["mse"] * 3),
        ("metrics", ["mae"]),
        ("metrics", ["mae", "mse", "mae"]),
        ("weighted_metrics", [["mae"]]),
        ("loss_weights", [1.0]),
        ("sample_weight_mode", ["temporal"]),
    ],
)
def test_13_5_a_wrong_length_is_refused_with_the_outputs(argument, given):
    settings = {"loss": "mse", argument: given}

    with pytest.raises(ValueError, match=rf"{argument} must have one entry per output, got {len(given)}\. .* are a, b"):
        Objective(**settings).bind([A, B], NAMES)


def test_13_4_one_factor_for_several_outputs_is_refused():
    with pytest.raises(ValueError, match="loss_weights must be a list or a dict for several outputs: a, b"):
        Objective(loss="mse", loss_weights=2.0).bind([A, B], NAMES)


def test_13_2_one_factor_weighs_a_single_loss():
    total, logs = added(*ONE, rows=5, loss="mse", loss_weights=3.0)

    assert total == logs["loss"] == pytest.approx(3 * added(*ONE, rows=5, loss="mse")[0])


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"a": AIM_A, "c": AIM_B}, r"y has the key 'c', which is no output\. The outputs are a, b\."),
        ([AIM_A], r"y must have one part per output, got 1\. The outputs are a, b\."),
        (AIM_A, r"y must have one part per output, got 1\."),
        ([AIM_A, AIM_B, AIM_B], r"y must have one part per output, got 3\."),
    ],
)
def test_13_4_targets_must_fit_the_outputs(target, message):
    with pytest.raises(ValueError, match=message):
        added(target, [A, B], names=NAMES, **two())


@pytest.mark.parametrize("target", [{"a": AIM_A}, [AIM_A, None]], ids=["dict", "list"])
def test_13_8_a_missing_target_names_its_output(target):
    with pytest.raises(ValueError, match="y has no target for the output 'b'"):
        added(target, [A, B], names=NAMES, **two())


def test_13_6_metrics_carry_the_name_of_their_output():
    _, logs = added([AIM_A, AIM_B], [A, B], names=NAMES, **two(metrics={"b": ["acc"], "a": ["mae", "mse"]}))

    assert list(logs) == ["loss", "a_loss", "b_loss", "a_mae", "a_mse", "b_acc"]


def test_13_7_loss_comes_first_then_losses_metrics_and_weighted_metrics():
    _, logs = added(
        {"a": AIM_A, "b": AIM_B},
        {"b": B, "a": A},
        loss={"a": "mse", "b": "sparse_categorical_crossentropy"},
        metrics={"a": "mae", "b": "acc"},
        weighted_metrics={"a": "mape", "b": "acc"},
    )

    assert list(logs) == ["loss", "b_loss", "a_loss", "b_acc", "a_mae", "b_weighted_acc", "a_mape"]


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"loss": "mse"}, ["loss"]),
        ({"loss": "mse", "metrics": ["mae"], "weighted_metrics": "mae"}, ["loss", "mae", "weighted_mae"]),
        ({"loss": {"a": "mse", "b": "mse"}, "metrics": {"b": "mae"}}, ["loss", "a_loss", "b_loss", "b_mae"]),
        ({"loss": ["mse", "mse"]}, ["loss", "out1_loss", "out2_loss"]),
        ({}, ["loss"]),
    ],
)
def test_23_6_names_are_known_before_training_as_far_as_they_can_be(settings, names):
    assert Objective(**settings).names == names


@pytest.mark.parametrize("given", [None, A.numpy(), [A, (A, A)]], ids=["nothing", "NumPy", "nested"])
def test_13_1_outputs_that_are_no_tensors_are_refused_with_their_kind(given):
    with pytest.raises(DataError, match="forward must give a tensor, .* got (NoneType|ndarray|tuple) for out"):
        Objective(loss="mse").new_book().add(ONE, given, None, 4)


def test_13_3_an_output_that_is_not_trained_may_be_anything():
    loss = Objective(loss=["mse", None]).new_book().add([A], [A, (A, None)], None, 4)

    assert float(loss) == 0.0


def test_21_5_links_are_given_per_output():
    objective = Objective(loss=[nn.BCEWithLogitsLoss(), nn.CrossEntropyLoss(), "mse", None])
    objective.bind([A, A, A, A])

    assert objective.links == ["sigmoid", "softmax", None, None]
