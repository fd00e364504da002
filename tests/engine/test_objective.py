"""Losses and metrics over outputs, batches and containers: names, totals, weights, and what is refused."""

import warnings

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from fitdash.engine.losses_named import BY_NAME
from fitdash.engine.metrics_counts import CELLS, WHOLE_METRICS
from fitdash.engine.metrics_named import MEANS
from fitdash.engine.objective import Objective

ONE = (torch.tensor([[1.0], [0.0], [1.0], [0.0], [1.0]]), torch.tensor([[0.9], [0.6], [0.4], [0.5], [0.51]]))
WEIGHT = torch.tensor([1.0, 2.0, 0.0, 3.0, 0.5])
DRAW = torch.Generator().manual_seed(3)
A, B = torch.rand(4, 1, generator=DRAW), torch.rand(4, 3, generator=DRAW).softmax(-1)
AIM_A, AIM_B = torch.rand(4, generator=DRAW), torch.tensor([0, 1, 2, 0])
BY_A, BY_B = torch.tensor([1.0, 0.0, 2.0, -1.0]), torch.tensor([0.5, 0.5, 3.0, 0.0])
NAMES = ["a", "b"]


def squared(weight=None):
    each = (A[:, 0] - AIM_A) ** 2
    return (each if weight is None else each * weight).mean().item()


def entropy(weight=None):
    each = -B[torch.arange(4), AIM_B].log()
    return (each if weight is None else each * weight).mean().item()


def logs_of(objective, target, prediction, weight=None, *, cuts=(), names=None):
    """The logs after batches that end at the cuts."""
    objective.bind(prediction, names)
    book = objective.new_book()
    edges = [0, *cuts, len(target)]
    for a, b in zip(edges, edges[1:], strict=False):
        book.add(target[a:b], prediction[a:b], None if weight is None else weight[a:b], b - a)
    return book.logs()


def added(target, prediction, weight=None, names=None, rows=4, **settings):
    """The total loss and the logs of one batch."""
    objective = Objective(**settings)
    objective.bind(prediction, names)
    book = objective.new_book()
    total = book.add(target, prediction, weight, rows).item()
    logs = book.logs()
    assert list(logs) == objective.names
    return total, logs


def two(**settings):
    return {"loss": ["mse", "sparse_categorical_crossentropy"], **settings}


def test_3_1_the_epochs_loss_counts_rows_not_batches():
    target, prediction = ONE
    each = ((target - prediction) ** 2)[:, 0]

    logs = logs_of(Objective(loss="mse"), target, prediction, cuts=(1,))

    assert logs == {"loss": pytest.approx(each.mean().item(), rel=1e-6)}
    assert logs["loss"] != pytest.approx((each[0] + each[1:].mean()).item() / 2, rel=0.1)


def test_3_2_weights_do_not_enter_the_denominator():
    target, prediction = ONE
    each = ((target - prediction) ** 2)[:, 0]

    logs = logs_of(Objective(loss="mse"), target, prediction, WEIGHT, cuts=(3,))

    assert logs["loss"] == pytest.approx((each * WEIGHT).sum().item() / 5, rel=1e-6)


def test_3_3_logs_run_from_the_last_reset_to_this_batch():
    target, prediction = ONE
    objective = Objective(loss="mse", metrics=["mae", "auc"])
    book = objective.new_book()

    for start in (0, 2, 4):
        book.add(target[start : start + 2], prediction[start : start + 2], None, len(target[start : start + 2]))
        seen = slice(0, start + 2)
        assert book.logs() == pytest.approx(logs_of(objective, target[seen], prediction[seen]), rel=1e-6)


def test_3_5_a_reset_begins_anew():
    target, prediction = ONE
    objective = Objective(loss="mse", metrics=["accuracy", "auc", "r2_score"], weighted_metrics=["mae"])
    book = objective.new_book()
    book.add(target * 0.2, prediction * 0.1, WEIGHT, 5)

    book.reset()
    book.add(target, prediction, None, 5)

    assert book.logs() == logs_of(objective, target, prediction)


def test_3_6_books_count_apart():
    target, prediction = ONE
    objective = Objective(loss="mse", metrics=["accuracy"])
    train, test = objective.new_book(), objective.new_book()
    train.add(target, prediction, None, 5)
    before = train.logs()

    test.add(target[:2], 1 - prediction[:2], None, 2)
    test.reset()

    assert train.logs() == before


def test_3_7_logs_are_python_floats():
    _, logs = added(*ONE, rows=5, loss="mse", metrics=["accuracy", "auc", lambda t, p: 1], weighted_metrics=["recall"])

    assert {type(value) for value in logs.values()} == {float}


def test_3_4_the_returned_loss_has_its_graph_and_the_sums_have_none():
    prediction = ONE[1].clone().requires_grad_()
    book = Objective(loss="mse", metrics=["mae"]).new_book()

    loss = book.add(ONE[0], prediction, None, 5)

    assert loss.requires_grad
    assert not any(state.requires_grad for state in book.states())


def test_3_5_sums_made_in_inference_mode_can_be_used_outside():
    objective = Objective(loss="mse", metrics=["accuracy", "auc"])
    book = objective.new_book()
    with torch.inference_mode():
        book.add(*ONE, None, 5)
    first = book.logs()

    book.reset()
    book.add(*ONE, None, 5)

    assert book.logs() == first


def test_4_1_repeated_names_are_numbered():
    def mse(y_true, y_pred):
        return (y_true - y_pred) ** 2

    _, logs = added(*ONE, rows=5, loss="mse", metrics=["mse", "mse", mse, "mae"])

    assert list(logs) == ["loss", "mse", "mse_1", "mse_2", "mae"]


def test_4_1_a_metric_called_loss_does_not_hide_the_loss():
    def loss(y_true, y_pred):
        return y_pred * 0 + 7.0

    total, logs = added(*ONE, rows=5, loss="mse", metrics=[loss])

    assert logs == {"loss": pytest.approx(total), "loss_1": 7.0}


def test_4_3_accuracy_of_a_prediction_without_last_axis_warns():
    book = Objective(loss="mse", metrics=["accuracy"]).new_book()

    with pytest.warns(UserWarning, match=r"accuracy takes a prediction of shape \(5,\) for one categorical answer"):
        book.add(ONE[0][:, 0], ONE[1][:, 0], None, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        book.add(ONE[0][:, 0], ONE[1][:, 0], None, 5)


def test_4_5_accuracy_after_a_logits_loss_is_cut_at_zero():
    target, prediction = torch.tensor([[1.0], [0.0]]), torch.tensor([[0.2], [-0.2]])

    _, logs = added(target, prediction, rows=2, loss=nn.BCEWithLogitsLoss(), metrics=["accuracy"])

    assert logs["accuracy"] == 1.0


def test_4_5_classes_in_the_second_axis_are_found():
    prediction, target = torch.randn(4, 3, 5), torch.randint(0, 3, (4, 5))
    right = (prediction.argmax(1) == target).float()

    _, logs = added(target, prediction, loss=nn.CrossEntropyLoss(), metrics=["accuracy", "precision"])

    assert logs["accuracy"] == pytest.approx(right.mean().item())


def test_4_10_metrics_ignore_weights_and_weighted_metrics_do_not():
    target, prediction = ONE

    _, logs = added(*ONE, WEIGHT, rows=5, loss="mse", metrics=["mae"], weighted_metrics=["mse"])

    each = (target - prediction)[:, 0]
    assert logs["mae"] == pytest.approx(each.abs().mean().item(), rel=1e-6)
    assert logs["mse"] == pytest.approx(((each**2 * WEIGHT).sum() / WEIGHT.sum()).item(), rel=1e-6)


def test_4_11_batches_with_and_without_weights_may_follow_each_other():
    target, prediction = ONE
    book = Objective(loss="mse", weighted_metrics=["mae"]).new_book()
    book.add(target[:2], prediction[:2], None, 2)
    book.add(target[2:], prediction[2:], WEIGHT[2:], 3)

    by = torch.tensor([1.0, 1.0, 0.0, 3.0, 0.5])
    each = (target - prediction).abs()[:, 0]
    assert book.logs()["mae"] == pytest.approx(((each * by).sum() / by.sum()).item(), rel=1e-6)


def test_4_12_a_weighted_metric_steps_aside_where_names_clash():
    _, logs = added(
        *ONE, WEIGHT, rows=5, loss="mse", metrics=["acc", "mae"], weighted_metrics=["acc", "acc", "mse", "mse"]
    )

    assert list(logs) == ["loss", "acc", "mae", "weighted_acc", "weighted_acc_1", "mse", "weighted_mse"]


def test_4_12_with_outputs_the_prefix_comes_first():
    _, logs = added(
        [AIM_A, AIM_B], [A, B], names=NAMES, **two(metrics=[["mae"], None], weighted_metrics=[["mae"], ["acc"]])
    )

    assert list(logs) == ["loss", "a_loss", "b_loss", "a_mae", "a_weighted_mae", "b_acc"]


def test_1_9_metrics_may_be_one_bare_name_or_callable():
    for given, name in (("mae", "mae"), (abs_error, "abs_error"), (["mae"], "mae"), (("mae",), "mae")):
        _, logs = added(*ONE, rows=5, loss="mse", metrics=given, weighted_metrics=given)
        assert list(logs) == ["loss", name, f"weighted_{name}"]
        assert logs[name] == pytest.approx(0.458, abs=1e-3)


def abs_error(y_true, y_pred):
    return (y_true - y_pred).abs()


def test_1_9_one_bare_metric_measures_every_output():
    _, logs = added([AIM_A, AIM_A], [A, A], names=NAMES, loss="mse", metrics="mae")

    assert list(logs) == ["loss", "a_loss", "b_loss", "a_mae", "b_mae"]


@pytest.mark.parametrize("loss", ["mse", ["mse"], ("mse",), {"out1": "mse"}, {"any": "mse"}], ids=str)
def test_2_1_one_output_takes_a_loss_in_a_list_or_a_dict(loss):
    total, logs = added(*ONE, rows=5, loss=loss)

    assert logs == {"loss": pytest.approx(total)}


@pytest.mark.parametrize("metrics", [["mae", "mse"], [["mae", "mse"]], {"out1": ["mae", "mse"]}, [["mae"], ["mse"]]])
def test_4_1_all_metrics_belong_to_a_single_output(metrics):
    _, logs = added(*ONE, rows=5, loss="mse", metrics=metrics)

    assert list(logs) == ["loss", "mae", "mse"]


# several outputs ------------------------------------------------------------------------------------------------------


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


def test_20_1_a_single_loss_is_all_there_is():
    assert Objective(loss="mse").single_loss
    assert not Objective(loss="mse", metrics=["mae"]).single_loss


def test_21_5_links_are_given_per_output():
    objective = Objective(loss=[nn.BCEWithLogitsLoss(), nn.CrossEntropyLoss(), "mse", None])
    objective.bind([A, A, A, A])

    assert objective.links == ["sigmoid", "softmax", None, None]


# weights --------------------------------------------------------------------------------------------------------------


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


STEPS = (torch.rand(4, 3, 2, generator=DRAW), torch.rand(4, 3, 2, generator=DRAW))


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


# what is refused ------------------------------------------------------------------------------------------------------


def test_1_11_all_that_is_unknown_is_named_at_once():
    with pytest.raises(ValueError, match=r"(?s)loss 'msse'.*metric 'acuracy'.*metric 'zzz'.*loss_weights .* got 'x'"):
        Objective(loss={"a": "msse"}, metrics=["acuracy"], weighted_metrics=[["zzz"]], loss_weights=["x"])


@pytest.mark.parametrize("loss", [None, [None], {}, {"a": None}], ids=str)
def test_1_4_without_a_loss_nothing_can_be_added(loss):
    objective = Objective(loss=loss)

    assert not objective.has_loss
    with pytest.raises(ValueError, match="loss"):
        objective.new_book().add(*ONE, None, 5)


def test_13_1_the_outputs_must_stay():
    objective = Objective(loss="mse")
    objective.bind([A, B])

    with pytest.raises(ValueError, match=r"The outputs must stay \['out1', 'out2'\], got \['out1'\]"):
        objective.bind(A)


# for the loop ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "depends"),
    [
        ({"loss": "mse", "metrics": ["accuracy", "auc"]}, False),
        ({"loss": nn.CrossEntropyLoss()}, False),
        ({"loss": nn.CrossEntropyLoss(weight=torch.ones(3))}, True),
        ({"loss": nn.MSELoss(reduction="sum")}, True),
        ({"loss": "hinge"}, True),
        ({"loss": abs_error}, True),
        ({"loss": "mse", "metrics": [abs_error]}, True),
    ],
    ids=str,
)
def test_4_7_it_is_known_whether_the_cut_into_batches_matters(settings, depends):
    assert Objective(**settings).depends_on_batches is depends


def test_measuring_and_advancing_are_what_adding_does():
    objective = Objective(loss="mse", metrics=["accuracy", abs_error], weighted_metrics=["mae"])
    whole, apart = objective.new_book(), objective.new_book()
    whole.add(*ONE, WEIGHT, 5)

    apart.prepare(*ONE)
    apart.measure(*ONE, WEIGHT, 5)
    apart.advance(5)

    assert apart.logs() == whole.logs()


class NoReads(TorchDispatchMode):
    """Refuses operations that hand values to Python, or whose shape depends on values."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        by_number = func is torch.ops.aten.index.Tensor and all(
            i.dtype == torch.int64 for i in args[1] if i is not None
        )
        if not by_number:
            assert not {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(func.tags), func
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("weight", [None, BY_A.abs()], ids=["plain", "weighted"])
@pytest.mark.parametrize("loss", [*BY_NAME, "crossentropy", nn.CrossEntropyLoss(torch.ones(3)), nn.MSELoss()], ids=str)
def test_no_loss_reads_values(loss, weight):
    sparse = "sparse" in str(loss) or isinstance(loss, nn.CrossEntropyLoss)
    target, book = AIM_B if sparse else torch.eye(3)[AIM_B], Objective(loss=loss).new_book()
    book.prepare(target, B)

    with NoReads():
        measured = book.measure(target, B, weight, 4)

    book.advance(4)
    assert book.logs()["loss"] == pytest.approx(measured.item(), rel=1e-6)


@pytest.mark.parametrize("weight", [None, BY_A.abs()], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", [*MEANS, *CELLS, *WHOLE_METRICS])
def test_no_metric_reads_values(name, weight):
    target = AIM_B if "sparse" in name else torch.eye(3)[AIM_B]
    book = Objective(loss="crossentropy", metrics=[name], weighted_metrics=[name]).new_book()
    book.prepare(target, B)

    with NoReads():
        book.measure(target, B, weight, 4)

    assert len(book.states()) >= 3


def test_half_precision_is_counted_in_single():
    target, prediction = ONE
    rounded = prediction.bfloat16()

    found = added(target, rounded, rows=5, loss="mse", metrics=["mse"])

    assert found == added(target, rounded.float(), rows=5, loss="mse", metrics=["mse"])


def test_a_collection_of_torchmetrics_is_logged_by_its_keys():
    torchmetrics = pytest.importorskip("torchmetrics")
    collection = torchmetrics.MetricCollection(
        {"error": torchmetrics.MeanAbsoluteError(), "square": torchmetrics.MeanSquaredError()}
    )

    _, logs = added(*ONE, rows=5, loss="mse", metrics=collection)

    assert list(logs) == ["loss", "error", "square"]
    assert logs["square"] == pytest.approx(logs["loss"], rel=1e-6)
