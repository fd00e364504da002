import functools

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, nll_loss
from torch.utils.data import DataLoader, TensorDataset

import fitdash as fd

torch.manual_seed(0)
N, T, K = 12, 5, 7
X = torch.randn(N, T, 4)
IDS = torch.randint(0, K, (N, T))
IDS[torch.rand(N, T) < 0.4] = -100
NAMES = ["accuracy", "sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy", "precision"]


class Steps(nn.Module):
    """(n, t, 4) → (n, classes, t), as CrossEntropyLoss takes it."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, K)

    def forward(self, x):
        return self.layer(x).movedim(-1, 1)


class Own(nn.Module):
    """A loss of the user."""

    ignore_index = 2

    def forward(self, prediction, target):
        return cross_entropy(prediction, target.long().reshape(-1), ignore_index=2)


def flat(ids, loss, names=("accuracy",), weighted=None):
    x = X[:, 0]
    reads_logarithms = "nll" in str(getattr(loss, "func", loss)).lower()
    module = nn.Sequential(nn.Linear(4, K), *([nn.LogSoftmax(-1)] if reads_logarithms else []))
    model = fd.Model(module).compile("sgd", loss, metrics=list(names), weighted_metrics=weighted)
    return model, x, ids


def hits(model, x, ids, ignored):
    kept = ids != ignored
    right = torch.from_numpy(model.predict(x).argmax(1)) == ids
    return float(right[kept].double().mean())


@pytest.mark.parametrize(
    ("loss", "ignored"),
    [
        (nn.CrossEntropyLoss(), -100),
        (nn.CrossEntropyLoss(ignore_index=0), 0),
        (nn.CrossEntropyLoss(weight=torch.ones(K), ignore_index=3), 3),
        (nn.NLLLoss(ignore_index=6), 6),
        (cross_entropy, -100),
        (functools.partial(functools.partial(cross_entropy, ignore_index=1), label_smoothing=0.1), 1),
        (functools.partial(nll_loss, ignore_index=1), 1),
        (Own(), 2),
    ],
    ids=["default", "0", "weight", "nll", "function", "partials", "nll function", "own"],
)
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_4_14_accuracy_leaves_out_what_the_loss_ignores(loss, ignored, shape):
    ids = IDS[:, 0].clamp(min=0)
    ids[::3] = ignored
    model, x, _ = flat(ids, loss)

    found = model.evaluate(x, ids.reshape(shape), 5, verbose=0)[1]

    assert found == pytest.approx(hits(model, x, ids, ignored), abs=1e-12)
    assert model.test_on_batch(x, ids)[1] == pytest.approx(found, abs=1e-7)
    assert model.train_on_batch(x, ids)[1] == pytest.approx(found, abs=1e-7)


@pytest.mark.parametrize("source", ["arrays", "loader"])
def test_4_14_steps_count_over_all_sequences(source):
    model = fd.Model(Steps()).compile(fd.optimizers.sgd(0.0), nn.CrossEntropyLoss(), metrics=NAMES)
    data = (X, IDS) if source == "arrays" else (DataLoader(TensorDataset(X, IDS), 5),)
    logits = torch.from_numpy(model.predict(X)).movedim(1, -1)
    kept = IDS != -100
    above = (logits > logits.gather(-1, IDS.clamp(min=0).unsqueeze(-1))).sum(-1)
    wanted = [float((above < n)[kept].double().mean()) for n in (1, 1, 5)]

    history = model.fit(*data, epochs=1, verbose=0, validation_data=(X, IDS), shuffle=False).history

    for name, value in zip(NAMES, wanted, strict=False):
        assert history[name] == pytest.approx([value], abs=1e-7)
        assert history[f"val_{name}"] == pytest.approx([value], abs=1e-7)
    assert model.evaluate(X, IDS, verbose=0, return_dict=True)["accuracy"] == pytest.approx(wanted[0], abs=1e-7)


def test_4_14_weighted_metrics_weigh_the_kept_targets():
    ids, weight = IDS[:, 0], torch.rand(N)
    model, x, _ = flat(ids, nn.CrossEntropyLoss(), (), ["accuracy"])
    right = torch.from_numpy(model.predict(x).argmax(1)) == ids
    kept = ids != -100

    found = model.evaluate(x, ids, verbose=0, sample_weight=weight)[1]

    assert found == pytest.approx(float((right * weight)[kept].sum() / weight[kept].sum()), abs=1e-6)


def test_4_14_without_a_kept_target_it_is_0():
    model, x, _ = flat(None, nn.CrossEntropyLoss(reduction="sum"), ("accuracy", "sparse_categorical_accuracy"))

    assert model.evaluate(x, torch.full((N,), -100), verbose=0)[1:] == [0.0, 0.0]


def test_4_14_class_probabilities_and_functions_are_left_as_they_are():
    seen = []

    def own(y_true, y_pred):
        seen.append(y_true)
        return (y_pred.argmax(-1) == y_true).float()

    model, x, _ = flat(None, nn.CrossEntropyLoss(ignore_index=0), ("accuracy", own))
    model.evaluate(x, torch.ones(N).long(), 12, verbose=0)
    model.evaluate(x, torch.zeros(N).long(), 12, verbose=0)
    assert [int(one.sum()) for one in seen] == [N, 0]

    model, x, _ = flat(None, nn.CrossEntropyLoss())
    y = torch.eye(K)[IDS[:, 0].clamp(min=0)]
    wanted = float((torch.from_numpy(model.predict(x).argmax(1)) == y.argmax(1)).double().mean())
    assert model.evaluate(x, y, verbose=0)[1] == pytest.approx(wanted)
    assert model.test_on_batch(x, y)[1] == pytest.approx(wanted)


@pytest.mark.parametrize("ignores", [True, False])
def test_4_14_such_steps_are_recorded_with_the_same_bits(ignores):
    ids = IDS[:, 0].repeat(100) if ignores else IDS[:, 0].clamp(min=0).repeat(100)
    x, seen = X[:, 0].repeat(100, 1), []
    for eager in (True, False):
        torch.manual_seed(1)
        model = fd.Model(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, K)))
        model.compile("adam", nn.CrossEntropyLoss(), metrics=NAMES[:3], run_eagerly=eager)
        history = model.fit(x, ids, 10, 3, verbose=0, validation_split=0.2)
        seen.append(history.history)

    assert history.params["stepper"] == "recorded"
    assert seen[0] == seen[1]
