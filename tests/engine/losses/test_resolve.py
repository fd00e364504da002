"""Losses by name and as callables: values, shapes, weights, and what is refused."""

import functools
import math

import pytest
import torch

from fitdash.engine.losses.keras_losses import BY_NAME
from fitdash.engine.losses.resolve import resolve_loss
from tests.names import named

PROBABILITIES = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.05, 0.05, 0.9]])
CLASSES = torch.tensor([0, 2, 1, 2])
STEPS, STEP_TARGETS = torch.rand(4, 3, 2), torch.rand(4, 3, 2)


def by_hand(target, prediction):
    """One squared error per sample, the mean of its columns."""
    return ((prediction - target) ** 2).mean(-1)


def test_2_1_a_loss_is_a_name_a_module_or_a_callable():
    target, prediction = torch.rand(4, 2), torch.rand(4, 2)
    expected = by_hand(target, prediction).mean()

    for given in ("mse", torch.nn.MSELoss(), torch.nn.MSELoss, by_hand, torch.nn.functional.mse_loss):
        assert resolve_loss(given)(target, prediction).item() == pytest.approx(expected.item(), rel=1e-6)


def test_2_2_the_batch_loss_is_the_mean_over_all_positions():
    values = resolve_loss("mae").values(STEP_TARGETS, STEPS)

    assert values.shape == (4, 3)
    assert torch.allclose(resolve_loss("mae")(STEP_TARGETS, STEPS), values.mean())


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("mean_squared_error", "mse"),
        ("mean_absolute_error", "mae"),
        ("mean_absolute_percentage_error", "mape"),
        ("mean_squared_logarithmic_error", "msle"),
        ("kl_divergence", "kld"),
        ("binary_crossentropy", "bce"),
        ("log_cosh", "logcosh"),
        ("crossentropy", "ce"),
    ],
)
def test_2_3_synonyms_mean_the_same_loss(name, short):
    assert resolve_loss(short).name == resolve_loss(name).name == name


@pytest.mark.parametrize("name", BY_NAME)
def test_2_3_names_may_be_written_in_camel_case(name):
    camel = "".join(word.capitalize() for word in name.split("_"))

    assert resolve_loss(camel).name == resolve_loss(camel.upper()).name == name


@pytest.mark.parametrize(
    ("target", "prediction", "meant"),
    [
        (torch.tensor([[1.0], [0.0]]), torch.tensor([[0.3], [0.6]]), "bce"),
        (torch.tensor([1, 0]), torch.tensor([[0.3], [0.6]]), "bce"),
        (CLASSES, PROBABILITIES, "sparse_categorical_crossentropy"),
        (CLASSES[:, None], PROBABILITIES, "sparse_categorical_crossentropy"),
        (torch.eye(3)[CLASSES], PROBABILITIES, "categorical_crossentropy"),
    ],
)
def test_2_3_crossentropy_is_chosen_by_shapes_like_accuracy(target, prediction, meant):
    weight = torch.arange(len(prediction)).float()

    for by in (None, weight):
        assert torch.equal(
            resolve_loss("crossentropy")(target, prediction, by), resolve_loss(meant)(target, prediction, by)
        )


def test_2_4_a_probability_of_zero_costs_16_118():
    target, prediction = torch.tensor([[1.0], [0.0]]), torch.tensor([[0.0], [0.0]])

    values = resolve_loss("binary_crossentropy").values(target, prediction)

    assert values.tolist() == pytest.approx([16.118, 0.0], abs=1e-3)
    sparse = resolve_loss("sparse_categorical_crossentropy")(torch.tensor([0]), torch.tensor([[0.0, 1.0]]))
    assert sparse.item() == pytest.approx(16.118, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "target"),
    [("sparse_categorical_crossentropy", [1]), ("categorical_crossentropy", [[0.0, 1.0]])],
)
def test_2_4_rows_are_divided_by_their_sum(name, target):
    loss = resolve_loss(name)(torch.tensor(target), torch.tensor([[2.0, 2.0]]))

    assert loss.item() == pytest.approx(math.log(2), abs=1e-6)


def test_2_4_clipped_probabilities_have_no_gradient():
    prediction = torch.tensor([[0.0], [1.0], [0.5]], requires_grad=True)

    resolve_loss("bce")(torch.tensor([1.0, 1.0, 1.0]), prediction).backward()

    assert prediction.grad.flatten().tolist() == pytest.approx([0.0, 0.0, -2.0 / 3])


@pytest.mark.parametrize("name", ["hinge", "squared_hinge"])
def test_2_5_targets_of_0_and_1_are_minus_one_and_one(name):
    prediction = torch.randn(5, 1)
    zero_one = torch.tensor([0, 1, 1, 0, 1])

    expected = resolve_loss(name)(2.0 * zero_one - 1.0, prediction)

    assert torch.equal(resolve_loss(name)(zero_one, prediction), expected)


def test_2_5_other_targets_stay_as_they_are():
    assert resolve_loss("hinge")(torch.tensor([-1.0, 1.0]), torch.zeros(2, 1)).item() == 1.0
    assert resolve_loss("hinge")(torch.tensor([0.0, 0.5]), torch.ones(2, 1)).item() == 0.75


ELEMENTWISE = [
    *(name for name in BY_NAME if "categorical" not in name),
    torch.nn.MSELoss(),
    torch.nn.L1Loss(),
    torch.nn.functional.smooth_l1_loss,
    by_hand,
    lambda y_true, y_pred: (y_true - y_pred).abs(),
]


@pytest.mark.parametrize("given", ELEMENTWISE, ids=named)
@pytest.mark.parametrize("shapes", [((6,), (6, 1)), ((6, 1), (6,)), ((2, 3), (2, 3, 1))])
def test_2_6_a_last_axis_of_one_is_no_difference(given, shapes):
    of_target, of_prediction = shapes
    target, prediction = torch.rand(6), torch.rand(6)
    whole = resolve_loss(given)

    loss = whole(target.reshape(of_target), prediction.reshape(of_prediction))

    assert loss.shape == ()
    assert loss.item() == pytest.approx(whole(target[:, None], prediction[:, None]).item(), rel=1e-5)


def test_2_6_a_prediction_without_last_axis_has_one_loss_per_sample():
    target, prediction = torch.rand(6), torch.rand(6)

    assert torch.allclose(resolve_loss("mse").values(target, prediction), (target - prediction) ** 2)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.bool, torch.float64, torch.uint8])
def test_2_6_targets_are_cast_to_the_predictions_kind(dtype):
    target = torch.tensor([0, 1, 1])
    prediction = torch.tensor([[0.2], [0.7], [0.4]])

    for name in ("mse", "bce", "mape", "hinge", "poisson"):
        found = resolve_loss(name)(target.to(dtype), prediction)
        assert found.dtype == torch.float32
        assert torch.equal(found, resolve_loss(name)(target.float(), prediction))


@pytest.mark.parametrize("given", ["mse", "binary_crossentropy", "categorical_crossentropy", "cosine_similarity"])
def test_2_7_other_shapes_are_refused_with_both(given):
    with pytest.raises(ValueError, match=r"(?s)\(4, 2\).*\(4, 1\)"):
        resolve_loss(given)(torch.rand(4, 2), torch.rand(4, 1))


def test_2_7_class_ids_for_a_loss_over_columns_are_refused_with_both_shapes():
    with pytest.raises(ValueError, match=r"categorical_crossentropy .* got \(4,\) and \(4, 3\)\."):
        resolve_loss("categorical_crossentropy")(CLASSES, PROBABILITIES)


def test_2_7_columns_for_a_loss_over_class_ids_are_refused_with_both_shapes():
    with pytest.raises(ValueError, match=r"must have the shape \(4,\) or \(4, 1\), got \(4, 3\)"):
        resolve_loss("sparse_categorical_crossentropy")(torch.eye(3)[CLASSES], PROBABILITIES)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.float32])
def test_2_10_sparse_targets_of_any_number_type_are_class_ids(dtype):
    loss = resolve_loss("sparse_categorical_crossentropy")

    assert torch.equal(loss(CLASSES.to(dtype), PROBABILITIES), loss(CLASSES, PROBABILITIES))


def test_2_10_a_callable_gets_the_target_first():
    seen = []

    def loss(y_true, y_pred):
        seen.append((y_true, y_pred))
        return (y_pred - y_true).mean()

    target, prediction = torch.zeros(3, 1), torch.ones(3, 1)

    assert resolve_loss(loss)(target, prediction).item() == 1.0
    assert torch.equal(seen[0][0], target)
    assert torch.equal(seen[0][1], prediction)


def test_2_10_callables_of_every_kind_are_taken():
    class Loss:
        def __call__(self, y_true, y_pred):
            return by_hand(y_true, y_pred)

        def method(self, y_true, y_pred):
            return by_hand(y_true, y_pred)

    def powered(y_true, y_pred, *, power):
        return ((y_true - y_pred).abs() ** power).mean(-1)

    target, prediction = torch.rand(4, 2), torch.rand(4, 2)
    expected = resolve_loss("mse")(target, prediction).item()

    for given in (Loss(), Loss().method, Loss, lambda t, p: by_hand(t, p), functools.partial(powered, power=2)):
        assert resolve_loss(given)(target, prediction).item() == pytest.approx(expected, rel=1e-6)


def test_2_10_functions_of_torch_get_the_prediction_first():
    target, prediction = torch.tensor([0.0, 1.0]), torch.tensor([[0.2], [3.0]])
    huber = functools.partial(torch.nn.functional.huber_loss, delta=0.5)
    logits = torch.nn.functional.binary_cross_entropy_with_logits

    assert resolve_loss(huber)(target, prediction) == torch.nn.HuberLoss(delta=0.5)(prediction[:, 0], target)
    assert resolve_loss(logits)(target, prediction) == logits(prediction[:, 0], target)
    assert resolve_loss(torch.nn.functional.cross_entropy)(CLASSES.int()[:, None], PROBABILITIES) == (
        torch.nn.functional.cross_entropy(PROBABILITIES, CLASSES)
    )


def test_2_10_class_ids_reach_a_callable_as_they_are():
    def nll(y_true, y_pred):
        return torch.nn.functional.nll_loss(y_pred.log(), y_true, reduction="none")

    found = resolve_loss(nll)(CLASSES, PROBABILITIES)

    assert found.item() == pytest.approx(
        resolve_loss("sparse_categorical_crossentropy")(CLASSES, PROBABILITIES).item(), rel=1e-5
    )


def test_2_11_values_of_a_callable_are_weighted_then_averaged():
    target, prediction, weight = torch.rand(4, 2), torch.rand(4, 2), torch.tensor([1.0, 0.0, -2.0, 3.0])

    found = resolve_loss(by_hand)(target, prediction, weight)

    assert torch.allclose(found, (by_hand(target, prediction) * weight).mean())


def test_2_11_a_callables_values_per_step_are_weighted_by_step():
    weight = torch.rand(4, 3)

    found = resolve_loss(by_hand)(STEP_TARGETS, STEPS, weight)

    assert torch.allclose(found, (by_hand(STEP_TARGETS, STEPS) * weight).sum() / 12)


def test_2_11_a_number_is_multiplied_by_the_mean_weight():
    weight = torch.tensor([1.0, 0.0, 0.0, 3.0, 6.0])
    target, prediction = torch.zeros(5, 1), torch.ones(5, 1)

    assert resolve_loss(lambda t, p: (p - t).mean())(target, prediction, weight).item() == 2.0
    assert resolve_loss(lambda t, p: 0.5)(target, prediction, weight).item() == 1.0


@pytest.mark.parametrize("offending", [3, -1, -100, 7])
@pytest.mark.parametrize("given", ["sparse_categorical_crossentropy", "crossentropy", torch.nn.NLLLoss(ignore_index=9)])
def test_2_12_a_class_id_outside_is_named(offending, given):
    target = torch.tensor([0, offending, 1, 2])

    with pytest.raises(ValueError, match=rf"Class ids must be 0 to 2, .* 3 columns; got {offending}\."):
        resolve_loss(given)(target, PROBABILITIES)


@pytest.mark.parametrize("given", ["sparse_categorical_crossentropy", torch.nn.NLLLoss()])
def test_2_12_a_column_for_each_class_comes_with_the_remedy(given):
    with pytest.raises(ValueError, match=r"takes one class id per prediction: .* Pass np.argmax\(y, -1\)\.$"):
        resolve_loss(given)(torch.eye(3)[CLASSES], PROBABILITIES)


def test_2_12_one_column_is_said_in_the_singular():
    with pytest.raises(ValueError, match="since the prediction has 1 column; got 1"):
        resolve_loss("sparse_categorical_crossentropy")(torch.ones(4), torch.ones(4, 1))


def test_5_1_weights_are_not_normalised():
    target, prediction, weight = torch.rand(4, 2), torch.rand(4, 2), torch.tensor([2.0, 0.0, -1.0, 0.5])
    loss = resolve_loss("mse")

    found = loss(target, prediction, weight)

    assert torch.allclose(found, (by_hand(target, prediction) * weight).sum() / 4)
    assert torch.allclose(loss(target, prediction, 2 * weight), 2 * found)


@pytest.mark.parametrize("given", [*BY_NAME, torch.nn.MSELoss(), by_hand], ids=named)
def test_5_1_weights_of_one_change_nothing(given):
    sparse = given == "sparse_categorical_crossentropy"
    target, prediction = CLASSES if sparse else torch.eye(3)[CLASSES], PROBABILITIES
    loss = resolve_loss(given)

    assert loss(target, prediction, torch.ones(4)).item() == pytest.approx(loss(target, prediction).item(), rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.int64, torch.bool])
def test_5_2_weights_of_any_type_and_with_a_last_axis_of_one(dtype):
    target, prediction = torch.rand(4, 2), torch.rand(4, 2)
    weight = torch.tensor([1, 0, 1, 1]).to(dtype)
    expected = (by_hand(target, prediction) * weight.float()).mean().item()

    for given in (weight, weight[:, None]):
        found = resolve_loss("mse")(target, prediction, given)
        assert found.item() == pytest.approx(expected, rel=1e-6)
        assert found.dtype == torch.float32


def test_5_2_a_weight_that_is_not_a_number_gives_such_a_loss():
    found = resolve_loss("mse")(torch.rand(2, 1), torch.rand(2, 1), torch.tensor([1.0, float("nan")]))

    assert found.isnan()


@pytest.mark.parametrize("name", ["mse", "bce", "kld", "categorical_crossentropy"])
def test_5_7_weights_of_steps_weigh_each_step(name):
    weight = torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.0, -1.0], [3.0, 1.0, 1.0], [1.0, 1.0, 0.0]])
    loss = resolve_loss(name)

    found = loss(STEP_TARGETS, STEPS, weight)

    assert torch.allclose(found, (loss.values(STEP_TARGETS, STEPS) * weight).sum() / 12)


def test_5_7_steps_of_one_column_are_weighed_whether_the_target_has_the_column_or_not():
    target, prediction, weight = torch.rand(4, 3), torch.rand(4, 3, 1), torch.rand(4, 3)
    expected = ((target - prediction[..., 0]) ** 2 * weight).sum() / 12

    assert torch.allclose(resolve_loss("mse")(target, prediction, weight), expected)
    assert torch.allclose(resolve_loss("mse")(target[..., None], prediction, weight), expected)
    assert torch.allclose(resolve_loss("mse")(target, prediction, weight[..., None]), expected)


def test_5_8_a_wrong_number_of_steps_is_refused_with_the_shapes():
    with pytest.raises(ValueError, match=r"sample_weight must have the shape \(4,\) or \(4, 3\), got \(4, 5\)\."):
        resolve_loss("mse")(STEP_TARGETS, STEPS, torch.ones(4, 5))


def test_5_3_a_wrong_number_of_samples_is_refused_with_the_shapes():
    with pytest.raises(ValueError, match=r"sample_weight must have the shape \(4,\), got \(3,\)\."):
        resolve_loss("mse")(torch.rand(4, 1), torch.rand(4, 1), torch.ones(3))


def test_5_10_weights_of_samples_weigh_samples_even_with_as_many_steps():
    prediction, target = torch.rand(3, 3, 2), torch.rand(3, 3, 2)
    weight = torch.tensor([1.0, 0.0, 5.0])
    loss = resolve_loss("mse")

    found = loss(target, prediction, weight)

    assert torch.allclose(found, (loss.values(target, prediction) * weight[:, None]).sum() / 9)


def test_7_15_predictions_that_are_no_numbers_give_such_a_loss():
    prediction = torch.tensor([[0.5], [float("nan")]])

    for name in ("mse", "bce", "huber", "log_cosh", "poisson", "kld"):
        assert resolve_loss(name)(torch.ones(2, 1), prediction).isnan()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("crossentropi", r"Unknown loss 'crossentropi'\. Did you mean 'crossentropy'\? Known: binary_crossentropy, "),
        ("qqq", r"Unknown loss 'qqq'\. Known: "),
        (5, r"loss must be a name, a torch\.nn loss or a callable \(y_true, y_pred\), got 5\."),
    ],
)
def test_24_an_unknown_loss_is_named(given, message):
    with pytest.raises(ValueError, match=message):
        resolve_loss(given)
