"""A recorded fit has the bits of the eager one: modules, losses, metrics, optimizers."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from fitdash import optimizers as opt
from fitdash.engine.recording.program.torchscript import compile_program
from tests.engine.recording.fits import assert_recorded
from tests.engine.recording.modules import (
    IDS,
    IMAGES,
    SERIES,
    WORDS,
    Last,
    N,
    Unused,
    X,
    Y,
    conv,
    dropout,
    mlp,
    softmax,
)
from tests.names import named

pytestmark = pytest.mark.usefixtures("_records_short_fits")


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.second.weight = self.first.weight
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(torch.tanh(self.second(torch.relu(self.first(x)))))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 6), nn.GELU(), nn.LayerNorm(6))
        self.head = nn.Linear(6, 3)
        self.scale = nn.Parameter(torch.ones(6))
        self.alpha = 0.5

    def forward(self, x):
        for _ in range(2):
            x = x + self.alpha * self.scale * self.body(x)
        return self.head(x) if self.training else self.head(x.detach())


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.layer(self.words(x)).mean(1))


class Summed(nn.Module):
    """A parameter whose gradient is an expanded one."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(6, 3)
        self.shift = nn.Parameter(torch.randn(4, 5))

    def forward(self, x):
        return self.head(x) + self.shift.sum()


def frozen():
    module = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    module[0].weight.requires_grad_(False)
    return module


def parametrized():
    module = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))
    torch.nn.utils.parametrizations.orthogonal(module[0])
    return module


def channels_last():
    return conv().to(memory_format=torch.channels_last)


MODULES = {
    "mlp": (mlp, X),
    "dropout and batch norm": (dropout, X),
    "convolution": (conv, IMAGES),
    "channels last": (channels_last, IMAGES),
    "gru": (lambda: Last(nn.GRU(4, 7, batch_first=True)), SERIES),
    "rnn of two layers with dropout": (lambda: Last(nn.RNN(4, 7, 2, batch_first=True, dropout=0.2)), SERIES),
    "lstm": (lambda: Last(nn.LSTM(4, 7, batch_first=True)), SERIES),
    "layer norm and residuals": (Residual, X),
    "embedding and attention": (Attention, WORDS),
    "tied weights": (Tied, X),
    "frozen weights": (frozen, X),
    "unused weights": (Unused, X),
    "expanded gradient": (Summed, X),
    "orthogonal": (parametrized, X),
    "group norm, pooling": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(4, 3),
        ),
        IMAGES,
    ),
    "double precision": (lambda: mlp().double(), X.double()),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.filterwarnings("ignore:No gradient reaches")
def test_modules_have_the_same_bits(name):
    make, x = MODULES[name]
    y = Y.double() if x.dtype == torch.float64 else Y

    assert_recorded(make, x, y, metrics=["mae"], validation_split=0.2)


LOSSES = [
    "mse", "mae", "mape", "msle", "huber", "log_cosh", "kld", "poisson", "hinge", "squared_hinge", "categorical_hinge",
    "cosine_similarity", "bce", "categorical_crossentropy",
]  # fmt: skip


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_named_losses_have_the_same_bits(loss, weighted):
    y = torch.nn.functional.one_hot(IDS, 3).float()
    weights = {"sample_weight": np.linspace(0, 2, N), "class_weight": {0: 2.0, 2: 0.5}} if weighted else {}

    assert_recorded(softmax, X, y, loss=loss, weighted_metrics=["mse"], **weights)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "loss",
    [
        "sparse_categorical_crossentropy",
        "crossentropy",
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]), label_smoothing=0.1),
        nn.NLLLoss(),
        torch.nn.functional.cross_entropy,
        nn.MultiMarginLoss(),
    ],
    ids=named,
)
@pytest.mark.filterwarnings("ignore:Predictions must be")
def test_losses_of_classes_have_the_same_bits(loss, weighted):
    weights = {"class_weight": {"1": 3.0}, "sample_weight": list(range(N))} if weighted else {}

    assert_recorded(softmax, X, IDS, loss=copy.deepcopy(loss), metrics=["accuracy"], **weights)


def distance(true, said):
    return (true - said).abs().sum(-1)


def one_number(true, said):
    return (true - said).square().mean()


@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.L1Loss(reduction="sum"), nn.SmoothL1Loss(), distance, one_number])
def test_other_losses_have_the_same_bits(loss):
    assert_recorded(mlp, X, Y, loss=loss, metrics=[one_number, distance])


METRICS = [
    "accuracy", "binary_accuracy", "top_k_categorical_accuracy", "mse", "rmse", "auc", "precision", "recall",
    "f1_score", "r2_score", "true_positives", "false_negatives", "cosine_similarity", "categorical_crossentropy",
]  # fmt: skip


def test_metrics_have_the_same_bits():
    known = [name if name != "rmse" else "root_mean_squared_error" for name in METRICS]
    y = torch.nn.functional.one_hot(IDS, 3).float()

    assert_recorded(
        softmax, X, y, loss="categorical_crossentropy", metrics=known, weighted_metrics=known, class_weight={1: 2.0}
    )


OPTIMIZERS = {
    name: name for name in ("sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam")
} | {
    "momentum": opt.sgd(0.1, momentum=0.9, nesterov=True),
    "clipped value": opt.adam(0.01, clipvalue=0.01),
    "clipped norm": opt.sgd(0.1, clipnorm=0.05),
    "clipped together": opt.adam(0.01, global_clipnorm=0.05),
    "amsgrad with decay": opt.adam(0.01, amsgrad=True, weight_decay=0.1),
    "decay": opt.sgd(0.1, weight_decay=0.1),
    "centered": opt.rmsprop(0.01, centered=True, momentum=0.5),
    "rate of zero": opt.adam(0.0),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_have_the_same_bits(name):
    assert_recorded(dropout, X, Y, optimizer=OPTIMIZERS[name])


def groups(parameters):
    first, *rest = parameters
    return opt.adam(0.01)([{"params": [first], "lr": 0.1, "weight_decay": 0.5}, {"params": rest}])


def test_groups_of_parameters_have_the_same_bits():
    assert_recorded(mlp, X, Y, optimizer=groups)


def test_equal_networks_share_one_program():
    compile_program.cache_clear()

    assert_recorded(mlp, X, Y)
    made = compile_program.cache_info().misses
    assert_recorded(mlp, X, Y)

    assert made
    assert compile_program.cache_info().misses == made
    assert compile_program.cache_info().hits
