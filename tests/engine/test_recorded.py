"""A recorded fit has the bits of the eager one: weights, buffers, history, gradients, optimizer, random stream."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd
from fitdash import callbacks as cb
from fitdash import optimizers as opt
from fitdash.engine import steppers
from tests.engine.recorded_fits import _records_short_fits, assert_recorded, assert_same, both  # noqa: F401

pytestmark = pytest.mark.usefixtures("_records_short_fits")

N = 50
X = torch.randn(N, 6, generator=torch.Generator().manual_seed(0))
Y = torch.randn(N, 3, generator=torch.Generator().manual_seed(1))
IDS = torch.randint(0, 3, (N,), generator=torch.Generator().manual_seed(2))
IMAGES = torch.randn(N, 2, 8, 8, generator=torch.Generator().manual_seed(3))
SERIES = torch.randn(N, 5, 4, generator=torch.Generator().manual_seed(4))
WORDS = torch.randint(0, 9, (N, 5), generator=torch.Generator().manual_seed(5))


class Last(nn.Module):
    """The last step of a recurrent layer, through a linear one."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(7, 3)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.second.weight = self.first.weight
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(torch.tanh(self.second(torch.relu(self.first(x)))))


class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.head, self.spare = nn.Linear(6, 3), nn.Linear(6, 3)

    def forward(self, x):
        return self.head(x)


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


def mlp():
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3))


def dropout():
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))


def softmax():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3), nn.Softmax(-1))


def conv():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)
    )


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
    ids=str,
)
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


class Double(cb.Callback):
    """Changes settings of the optimizer between epochs."""

    def on_epoch_end(self, epoch, logs=None):
        for group in self.model.optimizer.param_groups:
            group["lr"] *= 2
            group["weight_decay"] = 0.01 if epoch == 1 else 0.0


CALLBACKS = {
    "schedule": lambda: cb.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
    "plateau": lambda: cb.ReduceLROnPlateau("loss", patience=1, min_delta=10.0),
    "early stopping": lambda: cb.EarlyStopping("loss", patience=1, min_delta=10.0, restore_best_weights=True),
    "nan": cb.TerminateOnNaN,
    "optimizer settings": Double,
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks_see_the_same_bits(name):
    assert_recorded(dropout, X, Y, callbacks=[CALLBACKS[name]], epochs=8)


@pytest.mark.parametrize(
    "settings",
    [
        {"shuffle": False},
        {"shuffle": "batch"},
        {"steps_per_epoch": 4},
        {"steps_per_epoch": 11},
        {"batch_size": 1},
        {"batch_size": 25},
        {"validation_split": 0.3, "validation_freq": 2},
        {"fits": 3, "epochs": 2},
    ],
    ids=str,
)
def test_arguments_of_fit_have_the_same_bits(settings):
    assert_recorded(dropout if settings.get("batch_size") != 1 else mlp, X, Y, metrics=["mae"], **settings)


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 3), nn.Linear(4, 3)

    def forward(self, left, right):
        said = torch.relu(self.a(left))
        return {"near": said, "far": said + self.b(right)}


def test_several_inputs_and_outputs_have_the_same_bits():
    x = {"left": X, "right": SERIES[:, 0]}
    settings = {"loss": {"near": "mse", "far": "mae"}, "metrics": {"far": ["mse"]}, "loss_weights": {"near": 0.3}}

    assert_recorded(Two, x, {"near": Y, "far": Y}, **settings, sample_weight={"near": np.arange(N) / N})


def test_batches_from_a_generator_have_the_same_bits():
    def batches():
        for start in range(0, N, 8):
            yield X[start : start + 8].clone(), Y[start : start + 8]

    assert_recorded(dropout, batches, None, batch_size=None, epochs=6)


def test_an_autoencoder_of_one_tensor_has_the_same_bits():
    def batches():
        for start in range(0, 48, 8):
            part = X[start : start + 8].clone()
            yield part, part

    make = lambda: nn.Sequential(nn.Linear(6, 3), nn.ReLU(), nn.Linear(3, 6))  # noqa: E731
    assert_same(*both(make, batches, None, batch_size=None))
    assert_recorded(make, X, X)


class Sees(cb.Callback):
    def __init__(self):
        super().__init__()
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])


def test_a_batch_hook_trains_step_by_step():
    heard = []

    def hears():
        heard.append(Sees())
        return heard[-1]

    ours, theirs = both(dropout, X, Y, callbacks=[hears])

    assert ours.speed == "step by step: a callback listens to batches"
    assert len(heard[0].losses) == 28
    assert heard[0].losses == heard[1].losses
    assert_same(ours, theirs)


def test_a_loss_that_is_no_number_stops_at_the_batch():
    x = X.clone()
    x[37] = float("nan")
    ours, theirs = both(mlp, x, Y, callbacks=[cb.TerminateOnNaN], shuffle=False, batch_size=1, epochs=1)

    assert [event["batch"] for event in ours.history.events if event["kind"] == "nan"] == [37]
    assert_same(ours, theirs)


def test_an_error_inside_a_chunk_is_the_users_own():
    ids = IDS.clone()
    ids[45] = 7

    def fails(eagerly):
        torch.manual_seed(0)
        module = softmax()
        model = fd.Model(module).compile("adam", "sparse_categorical_crossentropy", run_eagerly=eagerly)
        with pytest.raises(fd.errors.DataError, match="Class ids must be 0 to 2"):
            model.fit(X, ids, shuffle=False, batch_size=1, verbose=0, epochs=1)
        return torch.cat([p.detach().flatten() for p in module.parameters()])

    assert torch.equal(fails(True), fails(False))


def test_stop_in_mid_epoch_keeps_to_one_chunk_and_counts_right():
    class Stops(cb.Callback):
        seen = 0

        def between_steps(self, moment):
            Stops.seen = moment.last + 1
            self.model.stop_training = moment.last > 20

    model = fd.Model(mlp()).compile("adam", "mse")
    model.fit(X, Y, batch_size=1, verbose=0, epochs=1, callbacks=[Stops()])

    assert 21 < Stops.seen <= 50
    assert model._train_book.rows == Stops.seen


def test_a_fit_of_few_steps_is_not_recorded(monkeypatch):
    monkeypatch.setattr(steppers, "LEAST_STEPS", 29)
    few, _ = both(mlp, X, Y, epochs=4)
    enough, _ = both(mlp, X, Y, epochs=5)

    assert few.speed == "eager: too few steps to gain from recording"
    assert enough.speed == "recorded"


def test_a_switch_turns_recording_off(monkeypatch):
    monkeypatch.setattr(steppers, "RECORDING", False)
    ours, theirs = both(mlp, X, Y)

    assert ours.speed == "eager: this torch cannot record"
    assert_same(ours, theirs)
