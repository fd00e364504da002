"""Losses and metrics over batches: names, sums, weighted metrics, and what is refused."""

import warnings

import pytest
import torch
from torch import nn

from fitdash.engine.objective.objective import Objective
from tests.engine.objective.objectives import AIM_A, AIM_B, NAMES, ONE, WEIGHT, A, B, abs_error, added, logs_of, two


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
