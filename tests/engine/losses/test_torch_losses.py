"""Losses with torch's arithmetic: targets as the modules want them, and weights that change nothing where all are 1."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fitdash.engine.losses.resolve import resolve_loss
from tests.names import named

WEIGHT = torch.tensor([1.0, 0.0, -0.5, 2.0])
CLASSES = torch.tensor([0, 2, 1, 2])


def logits(*shape):
    return torch.randn(*shape)


def pairs():
    """Module, target, prediction."""
    bits, numbers = torch.tensor([0.0, 1, 1, 0])[:, None], torch.randn(4, 2)
    return [
        (nn.MSELoss(), numbers, logits(4, 2)),
        (nn.L1Loss(), numbers, logits(4, 2)),
        (nn.HuberLoss(delta=0.3), numbers, logits(4, 2)),
        (nn.SmoothL1Loss(beta=0.5), numbers, logits(4, 2)),
        (nn.BCELoss(), bits, logits(4, 1).sigmoid()),
        (nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.0])), bits, logits(4, 1)),
        (nn.PoissonNLLLoss(), numbers.abs(), logits(4, 2)),
        (nn.KLDivLoss(reduction="batchmean"), numbers.softmax(-1), logits(4, 2).log_softmax(-1)),
        (nn.SoftMarginLoss(), 2 * bits - 1, logits(4, 1)),
        (nn.MultiLabelSoftMarginLoss(), (numbers > 0).float(), logits(4, 2)),
        (nn.CrossEntropyLoss(), CLASSES, logits(4, 3)),
        (nn.CrossEntropyLoss(label_smoothing=0.1), CLASSES, logits(4, 3)),
        (nn.CrossEntropyLoss(), torch.rand(4, 3).softmax(-1), logits(4, 3)),
        (nn.CrossEntropyLoss(), torch.randint(0, 3, (4, 5)), logits(4, 3, 5)),
        (nn.NLLLoss(), CLASSES, logits(4, 3).log_softmax(-1)),
        (nn.MultiMarginLoss(), CLASSES, logits(4, 3)),
        (nn.MultiLabelMarginLoss(), torch.tensor([[2, 0, -1]] * 4), logits(4, 3)),
    ]


IDS = [type(module).__name__ + str(i) for i, (module, _, _) in enumerate(pairs())]


@pytest.fixture(params=range(len(pairs())), ids=IDS)
def pair(request):
    return pairs()[request.param]


def test_2_9_without_weights_the_module_reduces(pair):
    module, target, prediction = pair

    assert torch.equal(resolve_loss(module)(target, prediction), module(prediction, target))


def test_2_9_weights_of_one_change_nothing(pair):
    module, target, prediction = pair

    for reduction in (module.reduction, "sum"):
        module.reduction = reduction
        found = resolve_loss(module)(target, prediction, torch.ones(4))
        assert found.item() == pytest.approx(module(prediction, target).item(), rel=1e-5)


def test_2_9_weights_multiply_values_before_the_mean(pair):
    module, target, prediction = pair
    each = type(module)(reduction="none")
    each.__dict__.update({**module.__dict__, "reduction": "none"})
    values = each(prediction, target).flatten(1) if prediction.ndim > 2 else each(prediction, target)
    rows = values.reshape(4, -1).mean(1)
    if module.reduction == "batchmean":
        rows = rows * 2

    found = resolve_loss(module)(target, prediction, WEIGHT)

    assert found.item() == pytest.approx((rows * WEIGHT).mean().item(), rel=1e-4, abs=1e-6)


def test_2_9_a_sum_becomes_a_weighted_sum():
    target, prediction = torch.rand(4, 2), torch.rand(4, 2)

    found = resolve_loss(nn.MSELoss(reduction="sum"))(target, prediction, WEIGHT)

    assert torch.allclose(found, (((target - prediction) ** 2) * WEIGHT[:, None]).sum())


def test_2_9_a_module_without_reduction_is_averaged():
    target, prediction = torch.rand(4, 2), torch.rand(4, 2)
    loss = resolve_loss(nn.L1Loss(reduction="none"))

    assert torch.allclose(loss(target, prediction), F.l1_loss(prediction, target))
    assert torch.allclose(loss(target, prediction, WEIGHT), ((target - prediction).abs() * WEIGHT[:, None]).sum() / 8)


def test_2_9_batchmean_divides_by_samples():
    target, prediction = torch.rand(4, 3).softmax(-1), torch.randn(4, 3).log_softmax(-1)
    loss = resolve_loss(nn.KLDivLoss(reduction="batchmean"))

    expected = (F.kl_div(prediction, target, reduction="none").sum(1) * WEIGHT).sum() / 4

    assert torch.allclose(loss(target, prediction, WEIGHT), expected)


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss, nn.NLLLoss])
@pytest.mark.parametrize("ignored", [-100, 1])
def test_2_9_class_weights_and_ignored_classes_keep_the_modules_denominator(loss, ignored):
    by_class = torch.tensor([1.0, 5.0, 0.25])
    module = loss(weight=by_class, ignore_index=ignored)
    target = torch.tensor([0, 1, 2, ignored])
    prediction = torch.randn(4, 3).log_softmax(-1)
    kept = target != ignored
    safe = torch.where(kept, target, 0)
    nll = -prediction[torch.arange(4), safe] * by_class[safe] * kept
    divisor = (by_class[safe] * kept).sum()

    assert torch.allclose(resolve_loss(module)(target, prediction, torch.ones(4)), module(prediction, target))
    assert torch.allclose(resolve_loss(module)(target, prediction, WEIGHT), (nll * WEIGHT).sum() / divisor)


def test_2_9_weights_of_steps_of_a_sequence_classifier():
    prediction, target, weight = torch.randn(4, 3, 5), torch.randint(0, 3, (4, 5)), torch.rand(4, 5)
    target[0, 2:] = -100
    each = F.cross_entropy(prediction, target, reduction="none")

    found = resolve_loss(nn.CrossEntropyLoss())(target, prediction, weight)

    assert torch.allclose(found, (each * weight).sum() / (target != -100).sum())


def test_2_8_class_ids_of_any_type_and_with_a_last_axis_of_one():
    prediction = torch.randn(4, 3)
    expected = F.cross_entropy(prediction, CLASSES)

    for target in (
        CLASSES.int(),
        CLASSES.to(torch.uint8),
        CLASSES[:, None],
        CLASSES.float(),
        CLASSES.double()[:, None],
    ):
        assert torch.equal(resolve_loss(nn.CrossEntropyLoss())(target, prediction), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_2_8_targets_in_the_predictions_shape_are_class_probabilities(dtype):
    prediction = torch.randn(4, 3)

    found = resolve_loss(nn.CrossEntropyLoss())(torch.eye(3)[CLASSES].to(dtype), prediction)

    assert torch.allclose(found, F.cross_entropy(prediction, CLASSES))


def test_2_8_other_modules_get_float_targets():
    prediction = torch.randn(4, 1)
    target = torch.tensor([0, 1, 1, 0])

    found = resolve_loss(nn.BCEWithLogitsLoss())(target, prediction)

    assert torch.equal(found, F.binary_cross_entropy_with_logits(prediction, target.float()[:, None]))


def test_2_8_modules_of_the_users_own_are_called_like_torchs():
    class Asymmetric(nn.Module):
        def forward(self, prediction, target):
            assert target.shape == prediction.shape
            return torch.where(prediction > target, prediction - target, 3 * (target - prediction)).mean()

    loss = resolve_loss(Asymmetric())

    assert loss(torch.tensor([0, 2]), torch.ones(2, 1)).item() == 2.0
    assert loss(torch.tensor([0, 2]), torch.ones(2, 1), torch.tensor([1.0, 3.0])).item() == 4.0


@pytest.mark.parametrize("module", [nn.MSELoss(), nn.BCEWithLogitsLoss(), nn.HuberLoss()], ids=str)
def test_2_7_modules_refuse_other_shapes_with_both(module):
    with pytest.raises(ValueError, match=rf"{type(module).__name__} .* got \(4, 2\) and \(4, 1\)\."):
        resolve_loss(module)(torch.rand(4, 2), torch.rand(4, 1))


def test_2_7_cross_entropy_names_the_shape_it_needs():
    with pytest.raises(ValueError, match=r"target must have the shape \(4,\), got \(4, 2\)"):
        resolve_loss(nn.CrossEntropyLoss())(torch.zeros(4, 2).long(), torch.randn(4, 3))


def test_2_12_cross_entropy_names_the_class_outside_and_not_the_ignored_one():
    target = torch.tensor([0, -1, 4, 2])

    with pytest.raises(ValueError, match=r"0 to 2, .* 3 columns; got 4\."):
        resolve_loss(nn.CrossEntropyLoss(ignore_index=-1))(target, torch.randn(4, 3))


def test_2_12_an_error_of_another_kind_stays_torchs():
    with pytest.raises(RuntimeError, match="weight tensor"):
        resolve_loss(nn.CrossEntropyLoss(weight=torch.ones(2)))(CLASSES, torch.randn(4, 3))


@pytest.mark.parametrize(
    ("given", "link"),
    [
        (nn.BCEWithLogitsLoss(), "sigmoid"),
        (F.binary_cross_entropy_with_logits, "sigmoid"),
        (nn.CrossEntropyLoss(), "softmax"),
        (F.cross_entropy, "softmax"),
        (nn.NLLLoss(), "softmax"),
        (nn.MSELoss(), None),
        ("bce", None),
    ],
    ids=named,
)
def test_21_5_the_link_of_a_loss_makes_probabilities_of_its_logits(given, link):
    assert resolve_loss(given).link == link


def test_weights_leave_the_given_module_as_it_was():
    module = nn.MSELoss(reduction="sum")

    resolve_loss(module)(torch.rand(4, 1), torch.rand(4, 1), WEIGHT)

    assert module.reduction == "sum"
