"""Metrics: names, shapes, batches, weights and logits."""

import functools
import math

import pytest
import torch
from torch import nn

from fitdash.engine.losses.resolve import resolve_loss
from fitdash.engine.metrics.counted import CELLS, WHOLE_METRICS
from fitdash.engine.metrics.means import MEANS
from fitdash.engine.metrics.resolve import resolve_metric
from tests.names import named

CLASSES = torch.tensor([0, 2, 1, 2, 0])
PROBABILITIES = torch.tensor([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.1, 0.8, 0.1]])
BITS = torch.tensor([[1.0], [0.0], [1.0], [0.0], [1.0]])
SHARES = torch.tensor([[0.9], [0.6], [0.4], [0.5], [0.51]])
WEIGHT = torch.tensor([1.0, 2.0, 0.0, 3.0, 0.5])


def measured(given, target, prediction, weight=None, *, cuts=(2,), loss=None, weighted=None):
    """The metric over batches that end at the cuts."""
    weighted = weight is not None if weighted is None else weighted
    recipe = resolve_metric(given, weighted=weighted)
    metric = recipe.make(None if loss is None else resolve_loss(loss), weighted)
    metric.begin(prediction)
    edges = [0, *cuts, len(prediction)]
    for a, b in zip(edges, edges[1:], strict=False):
        metric.update(target[a:b], prediction[a:b], None if weight is None else weight[a:b], b - a)
    return float(metric.result(len(prediction), len(edges) - 1))


@pytest.mark.parametrize("name", ["acc", "Acc", "accuracy", "MeanSquaredError", "BCE", "topKCategoricalAccuracy"])
def test_4_1_the_log_name_is_the_string_as_written(name):
    assert resolve_metric(name).name == name


def test_4_1_callables_are_called_by_their_name_and_objects_by_theirs():
    class Named:
        name = "mine"

        def __call__(self, y_true, y_pred):
            return y_true

    def error(y_true, y_pred, power=1):
        return y_true

    given = [error, functools.partial(error, power=2), Named(), torch.nn.functional.l1_loss, nn.HuberLoss()]

    assert [resolve_metric(one).name for one in given] == ["error", "error", "mine", "l1_loss", "huber_loss"]


def test_4_1_capitals_that_stand_together_are_one_word():
    assert [resolve_metric(one).name for one in (nn.MSELoss, nn.BCEWithLogitsLoss())] == [
        "mse_loss",
        "bce_with_logits_loss",
    ]


@pytest.mark.parametrize(
    ("target", "prediction", "expected"),
    [
        (BITS, SHARES, 0.6),
        (BITS[:, 0], SHARES, 0.6),
        (BITS.long(), SHARES, 0.6),
        (CLASSES, PROBABILITIES, 0.6),
        (CLASSES[:, None], PROBABILITIES, 0.6),
        (CLASSES.float(), PROBABILITIES, 0.6),
        (torch.eye(3)[CLASSES], PROBABILITIES, 0.6),
        (torch.eye(3)[CLASSES].long(), PROBABILITIES, 0.6),
        (CLASSES.repeat(4, 1), PROBABILITIES.repeat(4, 1, 1), 0.6),
        (BITS.repeat(4, 1, 1), SHARES.repeat(4, 1, 1), 0.6),
    ],
    ids=["binary", "binary-n", "binary-int", "sparse", "sparse-n1", "sparse-float", "one-hot", "one-hot-int"]
    + ["sparse-steps", "binary-steps"],
)
def test_4_2_accuracy_is_chosen_by_shapes(target, prediction, expected):
    assert measured("accuracy", target, prediction) == pytest.approx(expected)


def test_4_3_many_sigmoid_columns_are_categorical_to_accuracy():
    target = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    prediction = torch.tensor([[0.8, 0.9, 0.1], [0.9, 0.4, 0.8]])

    assert measured("accuracy", target, prediction, cuts=()) == 0.5
    assert measured("binary_accuracy", target, prediction, cuts=()) == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("binary_accuracy", 0.6),
        ("precision", 2 / 3),
        ("recall", 2 / 3),
        ("true_positives", 2),
        ("false_positives", 1),
        ("true_negatives", 1),
        ("false_negatives", 1),
        ("f1_score", 2 / 3),
    ],
)
def test_4_4_exactly_one_half_is_negative(name, expected):
    assert measured(name, BITS, SHARES) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "loss", [nn.BCEWithLogitsLoss(), torch.nn.functional.binary_cross_entropy_with_logits], ids=named
)
@pytest.mark.parametrize(
    "name", ["accuracy", "acc", "binary_accuracy", "precision", "recall", "auc", "f1_score", "bce"]
)
def test_4_5_logits_are_cut_at_zero(name, loss):
    logits = torch.tensor([[2.0], [0.3], [-0.4], [1e-9], [0.04]])

    found = measured(name, BITS, logits, loss=loss)

    above = torch.where(logits > 0, logits.sigmoid().clamp(min=0.5001), logits.sigmoid())
    assert found == pytest.approx(measured(name, BITS, above), abs=1e-3)


def test_4_5_metrics_of_other_losses_see_the_prediction_as_it_is():
    assert measured("accuracy", BITS, torch.full((5, 1), 0.2), loss="bce") == pytest.approx(0.4)


@pytest.mark.parametrize("name", ["precision", "recall", "auc", "sparse_categorical_crossentropy"])
def test_4_5_logits_of_classes_become_probabilities_too(name):
    logits = PROBABILITIES.log() + 3.0

    found = measured(name, CLASSES, logits, loss=nn.CrossEntropyLoss())

    assert found == pytest.approx(measured(name, CLASSES, PROBABILITIES), abs=1e-5)


@pytest.mark.parametrize("name", MEANS)
def test_4_6_uneven_batches_do_not_bias(name):
    prediction = torch.rand(7, 6)
    prediction = prediction / prediction.sum(1, keepdim=True)
    classes = torch.arange(7) % 6
    target = classes if "sparse" in name else torch.eye(6)[classes]

    whole = measured(name, target, prediction, cuts=())

    for cuts in ((2,), (5,), (1, 2, 6)):
        assert measured(name, target, prediction, cuts=cuts) == pytest.approx(whole, rel=1e-6)


def test_4_6_values_of_steps_are_averaged_for_each_sample_first():
    target, prediction = torch.rand(4, 3, 2), torch.rand(4, 3, 2)

    assert measured("mae", target, prediction) == pytest.approx((target - prediction).abs().mean().item(), rel=1e-6)


def test_4_7_a_callable_with_a_value_per_sample_counts_samples():
    def error(y_true, y_pred):
        return (y_true - y_pred).abs()[:, 0]

    expected = (BITS - SHARES).abs().mean().item()

    assert measured(error, BITS, SHARES, cuts=(4,)) == pytest.approx(expected, rel=1e-6)


def test_4_7_a_callable_with_one_number_counts_batches():
    def worst(y_true, y_pred):
        return (y_true - y_pred).abs().max()

    assert measured(worst, BITS, SHARES, cuts=(4,)) == pytest.approx((0.6 + 0.49) / 2, rel=1e-6)
    assert measured(lambda t, p: 3, BITS, SHARES, cuts=(4,)) == 3.0


def test_4_7_a_callable_never_sees_shapes_that_broadcast():
    def error(y_true, y_pred):
        assert y_true.shape == y_pred.shape
        return (y_true - y_pred).abs()

    expected = (BITS - SHARES).abs().mean().item()

    assert measured(error, BITS[:, 0], SHARES) == pytest.approx(expected, rel=1e-6)
    assert measured(error, BITS, SHARES[:, 0]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["root_mean_squared_error", *CELLS, *WHOLE_METRICS])
def test_4_8_counting_metrics_do_not_average_batches(name):
    whole = measured(name, BITS, SHARES, cuts=())

    assert measured(name, BITS, SHARES, cuts=(1, 2)) == pytest.approx(whole, rel=1e-6)
    assert measured(name, BITS, SHARES, cuts=(4,)) == pytest.approx(whole, rel=1e-6)


def test_4_8_by_hand():
    error = BITS - SHARES

    assert measured("root_mean_squared_error", BITS, SHARES) == pytest.approx(error.square().mean().sqrt().item())
    variance = ((BITS - BITS.mean()) ** 2).sum()
    assert measured("r2_score", BITS, SHARES) == pytest.approx((1 - (error**2).sum() / variance).item(), rel=1e-5)


def test_4_9_auc_is_near_the_exact_area():
    target = torch.arange(400)[:, None] % 2
    prediction = (torch.rand(400, 1) * 0.7 + 0.3 * target).clamp(0, 1)
    positive, negative = prediction[target == 1], prediction[target == 0]
    exact = ((positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)).float().mean()

    assert measured("auc", target, prediction, cuts=(3, 350)) == pytest.approx(exact.item(), abs=0.02)


def test_4_9_auc_without_one_of_the_classes_is_zero():
    assert measured("auc", torch.ones(3, 1), torch.rand(3, 1), cuts=()) == 0.0


@pytest.mark.parametrize(
    "name", ["accuracy", "mae", "precision", "r2_score", "auc", "f1_score", "root_mean_squared_error"]
)
def test_4_11_weighted_metrics_without_weights_are_the_plain_ones(name):
    assert measured(name, BITS, SHARES, weighted=True) == pytest.approx(measured(name, BITS, SHARES), rel=1e-6)


def test_4_10_weighted_means_divide_by_the_sum_of_weights():
    right = torch.tensor([1.0, 0.0, 0.0, 1.0, 1.0])

    found = measured("accuracy", BITS, SHARES, WEIGHT)

    assert found == pytest.approx(((right * WEIGHT).sum() / WEIGHT.sum()).item(), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("precision", 1.5 / 3.5), ("recall", 1.0), ("true_positives", 1.5), ("false_positives", 2), ("true_negatives", 3)],
)
def test_4_10_weighted_counts_add_weights(name, expected):
    assert measured(name, BITS, SHARES, WEIGHT) == pytest.approx(expected, rel=1e-6)


def test_4_10_a_callable_with_one_number_weighs_batches():
    def mean(y_true, y_pred):
        return y_pred.mean()

    found = measured(mean, BITS, SHARES, WEIGHT, cuts=(2,))

    first, second = SHARES[:2].mean() * 1.5, SHARES[2:].mean() * (3.5 / 3)
    assert found == pytest.approx(((first + second) / (1.5 + 3.5 / 3)).item(), rel=1e-6)


@pytest.mark.parametrize(
    "name", ["accuracy", "mse", "precision", "auc", "root_mean_squared_error", "f1_score", "r2_score"]
)
def test_4_11_weights_that_are_all_zero_give_zero(name):
    assert measured(name, BITS, SHARES, torch.zeros(5)) == 0.0


def test_5_9_weights_of_steps_divide_by_the_mean_weight_of_each_sample():
    target, prediction, weight = torch.rand(4, 3, 2), torch.rand(4, 3, 2), torch.rand(4, 3)
    values = (target - prediction).abs().mean(-1)

    found = measured("mae", target, prediction, weight)

    assert found == pytest.approx(((values * weight).mean(1).sum() / weight.mean(1).sum()).item(), rel=1e-5)


def test_5_10_weights_of_samples_weigh_samples_in_metrics_too():
    target, prediction, weight = torch.rand(3, 3, 2), torch.rand(3, 3, 2), torch.tensor([1.0, 0.0, 2.0])
    values = (target - prediction).abs().mean((1, 2))

    found = measured("mae", target, prediction, weight)

    assert found == pytest.approx(((values * weight).sum() / 3).item(), rel=1e-5)


@pytest.mark.parametrize("name", [*MEANS, *CELLS, *WHOLE_METRICS])
def test_4_13_camel_case_in_any_case_means_the_same(name):
    camel = "".join(word.capitalize() for word in name.split("_"))
    classes = torch.arange(5) % 3
    target = classes if "sparse" in name else torch.eye(3)[classes]
    expected = measured(name, target, PROBABILITIES)

    for written in (camel, camel.lower(), name.upper()):
        assert measured(written, target, PROBABILITIES) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("name", ["mse", "mae", "mape", "msle", "bce", "kld", "logcosh", "LogCoshError", "ce"])
def test_4_13_synonyms_of_losses_are_metrics(name):
    loss = {"LogCoshError": "log_cosh"}.get(name, name)

    assert measured(name, BITS, SHARES) == pytest.approx(resolve_loss(loss)(BITS, SHARES).item(), rel=1e-5)


def test_4_13_cosine_similarity_is_positive_as_a_metric():
    target = torch.rand(5, 3)

    assert measured("cosine_similarity", target, 2 * target) == pytest.approx(1.0, rel=1e-6)


def test_4_13_top_k_counts_the_five_best():
    prediction = torch.tensor([[6.0, 5, 4, 3, 2, 1], [6.0, 5, 4, 3, 2, 1], [1.0, 1, 1, 1, 1, 1]])
    classes = torch.tensor([4, 5, 5])

    assert measured("sparse_top_k_categorical_accuracy", classes, prediction) == pytest.approx(2 / 3)
    assert measured("top_k_categorical_accuracy", torch.eye(6)[classes], prediction) == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", ["precision", "recall", "auc", "f1_score", "true_positives", "false_negatives"])
def test_4_13_class_ids_count_like_one_hot_targets(name):
    one_hot = measured(name, torch.eye(3)[CLASSES], PROBABILITIES)

    assert measured(name, CLASSES, PROBABILITIES) == pytest.approx(one_hot)
    assert measured(name, CLASSES[:, None], PROBABILITIES) == pytest.approx(one_hot)


def test_2_7_metrics_refuse_other_shapes_with_both():
    for name in ("binary_accuracy", "mse", "r2_score", "precision"):
        with pytest.raises(ValueError, match=r"(?s)\(5, 3\).*\(5, 1\)"):
            measured(name, torch.rand(5, 3), SHARES, cuts=())


def test_2_12_metrics_name_a_class_outside():
    for name in ("sparse_top_k_categorical_accuracy", "precision"):
        with pytest.raises(ValueError, match=r"0 to 2, .* got 3\."):
            measured(name, CLASSES + 1, PROBABILITIES, cuts=())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("acuracy", r"Unknown metric 'acuracy'\. Did you mean 'accuracy'\? Known: accuracy, auc, "),
        (3, r"metrics must be names, callables \(y_true, y_pred\) or metric objects, got 3\."),
    ],
)
def test_1_11_an_unknown_metric_is_named(given, message):
    with pytest.raises(ValueError, match=message):
        resolve_metric(given)


def test_7_15_predictions_that_are_no_numbers_raise_nothing():
    prediction = torch.tensor([[0.9], [float("nan")], [0.1], [0.2], [0.3]])

    assert math.isnan(measured("mse", BITS, prediction))
    for name in ("accuracy", "auc", "precision", "f1_score", "r2_score"):
        measured(name, BITS, prediction)
