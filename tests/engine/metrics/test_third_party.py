"""Metric objects of other libraries: of torchmetrics, and such with Keras' protocol."""

import pytest
import torch
from torch import nn

from fitdash.engine.metrics.resolve import resolve_metric
from tests.engine.metrics.test_resolve import BITS, CLASSES, PROBABILITIES, SHARES, WEIGHT, measured


def test_4_1_an_object_without_name_is_called_by_its_class():
    classification = pytest.importorskip("torchmetrics.classification")

    assert resolve_metric(classification.BinaryAccuracy()).name == "binary_accuracy"
    assert resolve_metric(classification.BinaryAUROC()).name == "binary_auroc"


@pytest.mark.parametrize(
    ("target", "prediction"),
    [(BITS, SHARES), (BITS[:, 0].long(), SHARES), (BITS[:, 0], SHARES[:, 0]), (BITS.long(), SHARES)],
)
def test_4_8_torchmetrics_are_taken_as_they_are(target, prediction):
    torchmetrics = pytest.importorskip("torchmetrics")

    assert measured(torchmetrics.classification.BinaryF1Score(), target, prediction) == pytest.approx(2 / 3)
    error = measured(torchmetrics.MeanAbsoluteError(), target, prediction)
    assert error == pytest.approx((BITS - SHARES).abs().mean().item(), rel=1e-6)


@pytest.mark.parametrize("target", [CLASSES, CLASSES[:, None], CLASSES.float()], ids=["n", "n1", "float"])
def test_4_8_torchmetrics_of_classes_get_class_ids(target):
    classification = pytest.importorskip("torchmetrics.classification")
    metric = classification.MulticlassAccuracy(num_classes=3, average="micro")

    assert measured(metric, target, PROBABILITIES) == pytest.approx(0.6)


def test_4_8_torchmetrics_of_classes_understand_one_hot_targets():
    classification = pytest.importorskip("torchmetrics.classification")
    metric = classification.MulticlassAccuracy(num_classes=3, average="micro")

    assert measured(metric, torch.eye(3)[CLASSES], PROBABILITIES) == pytest.approx(0.6)


def test_4_5_torchmetrics_cut_logits_at_zero_in_every_batch():
    classification = pytest.importorskip("torchmetrics.classification")
    target, logits = torch.tensor([1.0, 1.0, 0.0]), torch.tensor([[0.2], [0.4], [-3.0]])

    found = measured(classification.BinaryAccuracy(), target, logits, loss=nn.BCEWithLogitsLoss(), weighted=False)

    assert found == 1.0


def test_4_5_torchmetrics_of_classes_get_probabilities_in_every_batch():
    classification = pytest.importorskip("torchmetrics.classification")
    target, logits = torch.tensor([2, 0, 0]), torch.tensor([[0.1, 0.2, 0.9], [5.0, 1.0, -2.0], [0.1, 0.2, -0.9]])
    given = classification.MulticlassCalibrationError(3)

    found = measured(given, target, logits, cuts=(1,), loss=nn.CrossEntropyLoss(), weighted=False)

    assert found == pytest.approx(float(given(logits.softmax(1), target)))


def test_3_6_the_given_object_itself_is_left_alone():
    torchmetrics = pytest.importorskip("torchmetrics")
    given = torchmetrics.MeanSquaredError()
    given.update(torch.ones(2), torch.zeros(2))

    assert measured(given, BITS, BITS) == 0.0
    assert given.compute() == 1.0


def test_4_10_an_object_that_knows_no_weights_is_no_weighted_metric():
    torchmetrics = pytest.importorskip("torchmetrics")

    with pytest.raises(ValueError, match="weighted_metrics takes names and callables, got MeanSquaredError"):
        resolve_metric(torchmetrics.MeanSquaredError(), weighted=True)


def test_3_7_an_object_that_gives_several_numbers_is_refused():
    classification = pytest.importorskip("torchmetrics.classification")
    metric = classification.MulticlassAccuracy(num_classes=3, average=None)

    with pytest.raises(ValueError, match=r"'multiclass_accuracy' must give one number, got Tensor of \(3,\)"):
        measured(metric, CLASSES, PROBABILITIES)


def test_4_8_objects_with_kerass_protocol_are_taken():
    class Largest:
        name = "largest"

        def __init__(self):
            self.value = 0.0

        def update_state(self, y_true, y_pred, sample_weight=None):
            weighted = y_pred if sample_weight is None else y_pred * sample_weight[:, None]
            self.value = max(self.value, float(weighted.max()))

        def result(self):
            return self.value

        def reset_state(self):
            self.value = 0.0

    assert measured(Largest(), BITS, SHARES) == pytest.approx(0.9)
    assert measured(Largest, BITS, SHARES, WEIGHT) == pytest.approx(1.5)
