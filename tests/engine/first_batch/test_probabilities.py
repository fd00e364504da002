"""Predictions of another scale than their loss reads: one warning with the remedy, and no false alarm."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 4)).astype("float32")
IDS = np.arange(24) % 3
ONE_HOT = np.eye(3, dtype="float32")[IDS]
SIGNS = (X[:, :1] > 0).astype("float32")
COLUMN = np.zeros((24, 1))
LOGITS = [nn.Linear(4, 3)]


class After(nn.Module):
    """A linear layer, then a function."""

    def __init__(self, columns, function):
        super().__init__()
        self.line, self.function = nn.Linear(4, columns), function

    def forward(self, x):
        return self.function(self.line(x))


def identity(h):
    return h


def softmax(h):
    return h.softmax(-1)


def trained(module, loss, y, **arguments):
    return fd.Model(module).compile("sgd", loss, **arguments).fit(X, y, batch_size=8, epochs=2, verbose=0)


WRONG = [
    (identity, 3, "sparse_categorical_crossentropy", IDS, r"got values from -[\d.]+ to [\d.]+: outside 0…1\. End"),
    (identity, 3, "categorical_crossentropy", ONE_HOT, "a softmax, or use torch.nn.CrossEntropyLoss"),
    (identity, 3, "crossentropy", IDS, "probabilities for sparse_categorical_crossentropy, got values"),
    (identity, 3, "crossentropy", ONE_HOT, "probabilities for categorical_crossentropy, got values"),
    (identity, 1, "binary_crossentropy", SIGNS, "a sigmoid, or use torch.nn.BCEWithLogitsLoss"),
    (identity, 1, "crossentropy", SIGNS, "probabilities for binary_crossentropy"),
    (identity, 3, "kl_divergence", ONE_HOT, "probabilities for kl_divergence"),
    (lambda h: h.log_softmax(-1), 3, "sparse_categorical_crossentropy", IDS, "outside 0…1"),
    (torch.sigmoid, 3, "sparse_categorical_crossentropy", IDS, "got rows that do not sum to 1, such as"),
    (lambda h: h.softmax(0), 3, "categorical_crossentropy", ONE_HOT, "got rows that do not sum to 1, such as"),
    (softmax, 1, "categorical_crossentropy", COLUMN, "got predictions of 1 column, for which the loss is always 0"),
    (torch.sigmoid, 1, "sparse_categorical_crossentropy", COLUMN, "got predictions of 1 column"),
    (softmax, 1, "binary_crossentropy", SIGNS, "got a softmax over 1 column, which is 1 for every row"),
    (softmax, 1, nn.BCEWithLogitsLoss(), SIGNS, "got a softmax over 1 column"),
    (
        softmax,
        3,
        nn.CrossEntropyLoss(),
        IDS,
        "CrossEntropyLoss, which applies its own softmax, got prob.* a softmax of",
    ),
    (lambda h: h.exp() / h.exp().sum(-1, keepdim=True), 3, nn.CrossEntropyLoss(), IDS, "its own softmax"),
    (torch.sigmoid, 3, nn.CrossEntropyLoss(), IDS, "ends in a sigmoid of its own"),
    (torch.sigmoid, 1, nn.BCEWithLogitsLoss(), SIGNS, "ends in a sigmoid of its own"),
    (lambda h: h.sigmoid().squeeze(-1), 1, nn.functional.binary_cross_entropy_with_logits, SIGNS[:, 0], "a sigmoid of"),
    (softmax, 3, nn.NLLLoss(), IDS, "must be logarithms of probabilities for NLLLoss"),
]


@pytest.mark.parametrize(("function", "columns", "loss", "y", "words"), WRONG, ids=range(len(WRONG)))
def test_1_15_predictions_of_another_scale_warn_once(function, columns, loss, y, words):
    with pytest.warns(UserWarning, match=words) as told:
        trained(After(columns, function), loss, y, metrics=["accuracy"] if columns > 1 else None)

    assert len(told) == 1
    assert told[0].filename == __file__


RIGHT = [
    (softmax, 3, "sparse_categorical_crossentropy", IDS),
    (lambda h: h.double().softmax(-1), 3, "sparse_categorical_crossentropy", IDS),
    (lambda h: h.softmax(-1).bfloat16(), 3, "categorical_crossentropy", ONE_HOT),
    (lambda h: h.softmax(-1).half(), 3, "categorical_crossentropy", ONE_HOT),
    (lambda h: h.softmax(-1) * 1.0001, 3, "categorical_crossentropy", ONE_HOT),
    (lambda h: h.softmax(-1) * (h[:, :1] > 0), 3, "categorical_crossentropy", ONE_HOT),
    (torch.sigmoid, 1, "binary_crossentropy", SIGNS),
    (torch.sigmoid, 3, "binary_crossentropy", ONE_HOT),
    (softmax, 3, "binary_crossentropy", ONE_HOT),
    (lambda h: torch.sigmoid(100 + h * 0), 1, "binary_crossentropy", SIGNS),
    (lambda h: h.softmax(-1)[:, 1:], 2, "binary_crossentropy", SIGNS),
    (identity, 3, nn.CrossEntropyLoss(label_smoothing=0.1), IDS),
    (lambda h: h.log_softmax(-1), 3, nn.CrossEntropyLoss(), IDS),
    (lambda h: h.log_softmax(-1), 3, nn.NLLLoss(), IDS),
    (torch.relu, 3, nn.CrossEntropyLoss(), IDS),
    (lambda h: h * 0 + 1 / 3, 3, nn.CrossEntropyLoss(), IDS),
    (lambda h: (h.softmax(-1) > 0.5).float() + 0 * h, 3, nn.CrossEntropyLoss(), IDS),
    (lambda h: h.abs().clamp(0, 1), 1, nn.BCEWithLogitsLoss(), SIGNS),
    (identity, 3, "mse", ONE_HOT),
    (identity, 3, lambda y, p: nn.functional.cross_entropy(p, y), ONE_HOT),
    (lambda h: h * torch.nan, 3, "categorical_crossentropy", ONE_HOT),
]


@pytest.mark.parametrize(("function", "columns", "loss", "y"), RIGHT, ids=range(len(RIGHT)))
def test_1_15_predictions_of_the_right_scale_are_left_in_peace(function, columns, loss, y):
    trained(After(columns, function), loss, y)


class Two(nn.Module):
    """A class and a number, and a third output that has no loss."""

    def __init__(self, activation):
        super().__init__()
        self.a, self.b, self.activation = nn.Linear(4, 3), nn.Linear(4, 1), activation

    def forward(self, x):
        a = self.a(x)
        return {"kind": self.activation(a), "size": self.b(x), "raw": a}


def test_1_15_each_output_is_judged_by_its_own_loss():
    losses, y = {"kind": "sparse_categorical_crossentropy", "size": "mse"}, {"kind": IDS, "size": X[:, :1]}
    trained(Two(softmax), losses, y)

    with pytest.warns(UserWarning, match="^kind: Predictions must be probabilities") as told:
        trained(Two(identity), losses, y)

    assert len(told) == 1


def test_1_15_sequences_and_images_are_judged_by_their_axis_of_classes():
    rows = RNG.normal(size=(8, 5, 4)).astype("float32")
    ids = np.arange(40).reshape(8, 5) % 3
    fd.Model(After(3, softmax)).compile("sgd", "sparse_categorical_crossentropy").fit(rows, ids, epochs=1, verbose=0)

    with pytest.warns(UserWarning, match="a softmax of its own"):
        fd.Model(After(3, lambda h: h.softmax(-1).mT)).compile("sgd", nn.CrossEntropyLoss()).fit(
            rows, ids, epochs=1, verbose=0
        )


def test_1_15_bceloss_refuses_logits_in_words():
    with pytest.raises(fd.SettingError, match=r"probabilities for BCELoss, got values .* use torch.nn.BCEWithLogits"):
        trained(After(1, identity), nn.BCELoss(), SIGNS)


def test_1_15_one_batch_and_an_evaluation_before_training_warn_too():
    model = fd.Model(After(3, identity)).compile("sgd", "sparse_categorical_crossentropy")

    with pytest.warns(UserWarning, match="outside 0…1") as told:
        model.evaluate(X, IDS, verbose=0)
        model.test_on_batch(X, IDS)
    assert len(told) == 1

    with pytest.warns(UserWarning, match="outside 0…1") as told:
        model.train_on_batch(X, IDS)
        model.train_on_batch(X, IDS)
    assert len(told) == 1


def test_1_15_bfloat16_probabilities_are_near_enough():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(After(3, softmax), "sparse_categorical_crossentropy", IDS, precision="bfloat16")
