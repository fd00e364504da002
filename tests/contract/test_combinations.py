"""Arguments of compile and fit in combinations that nobody chose, compared with Keras (contract 3 to 16)."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tests.parity import assert_same, assert_same_numbers, compiled, rows, twins, two_heads, weights

TASKS = ("numbers", "two classes", "classes", "one-hot", "steps", "two outputs")
OPTIMIZERS = (
    "sgd",
    "adam",
    "rmsprop",
    "adamw",
    "nadam",
    ("sgd", {"learning_rate": 0.05, "momentum": 0.9}),
    ("adam", {"learning_rate": 0.01, "clipnorm": 0.5}),
)


class Draw:
    """A case drawn by its seed: networks, data, arguments of compile and fit."""

    def __init__(self, seed):
        self.seed, self.numbers = seed, np.random.default_rng(seed)
        self.task, self.n = TASKS[seed % len(TASKS)], int(self.numbers.integers(8, 40))
        self.optimizer = OPTIMIZERS[seed % len(OPTIMIZERS)]
        self.networks, self.data, self.compile = getattr(self, "_" + self.task.replace(" ", "_").replace("-", "_"))()
        self.fit = self._fit()

    def one_of(self, *choices):
        return choices[self.numbers.integers(len(choices))]

    def callbacks(self, kit):
        numbers = np.random.default_rng(self.seed)
        offered = [
            kit.EarlyStopping(monitor="loss", patience=1, restore_best_weights=True),
            kit.ReduceLROnPlateau(monitor="loss", patience=1, factor=0.5, min_delta=0.5),
            kit.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        ]
        return [callback for callback in offered if numbers.random() < 0.3]

    def _numbers(self):
        metrics = self.one_of(["mae"], ["mse", "mae"], None, ["root_mean_squared_error"])
        return twins(4, 5, 1, end="linear"), rows(self.n, seed=self.seed), {
            "loss": self.one_of("mse", "mae", "huber", "log_cosh"), "metrics": metrics, "weighted_metrics": ["mape"],
        }  # fmt: skip

    def _two_classes(self):
        x, y = rows(self.n, seed=self.seed)
        y = (y > 0).astype(self.one_of("float32", "int64"))
        y = y[:, 0] if self.one_of(True, False) else y
        metrics = self.one_of(["accuracy", "precision", "recall"], ["binary_accuracy"], None)
        return twins(4, 5, 1, end="sigmoid"), (x, y), {
            "loss": self.one_of("binary_crossentropy", "hinge"), "metrics": metrics,
        }  # fmt: skip

    def _classes(self):
        arguments = {"loss": "sparse_categorical_crossentropy", "metrics": self.one_of(["accuracy"], ["acc"])}
        return twins(4, 5, 3), rows(self.n, classes=3, seed=self.seed), arguments

    def _one_hot(self):
        arguments = {"loss": self.one_of("categorical_crossentropy", "kl_divergence"), "metrics": ["accuracy", "mse"]}
        return twins(4, 5, 3), rows(self.n, classes=3, one_hot=True, seed=self.seed), arguments

    def _steps(self):
        x, y = rows(self.n, shape=(3, 4), seed=self.seed)
        return twins((3, 4), 5, 2, end="linear"), (x, np.repeat(y, 2, -1)), {"loss": "mse", "metrics": ["mae"]}

    def _two_outputs(self):
        as_dict = self.one_of(True, False)
        x, price = rows(self.n, seed=self.seed)
        _, kind = rows(self.n, classes=3, seed=self.seed)
        given = {
            "y": {"price": price, "kind": kind},
            "loss": {"price": "mse", "kind": "sparse_categorical_crossentropy"},
            "metrics": {"price": ["mae"], "kind": ["accuracy"]},
            "loss_weights": {"price": 0.3, "kind": 2.0},
        }
        if not as_dict:
            given = {name: [value["price"], value["kind"]] for name, value in given.items()}
        return two_heads(as_dict=as_dict), (x, given.pop("y")), given

    def _fit(self):
        fit = {
            "batch_size": self.one_of(None, 7, self.n, self.n + 5),
            "epochs": int(self.numbers.integers(1, 5)),
            "initial_epoch": self.one_of(0, 0, 1),
        } | self.one_of({}, {"validation_split": 0.34}, {"validation_split": 0.75}, self._validation_data())
        if len(fit) > 3:
            fit |= {"validation_freq": self.one_of(1, 2, [1, 3]), "validation_batch_size": self.one_of(2, 50)}
        if self.task == "steps":
            fit["sample_weight"] = self.numbers.normal(size=(self.n, 3))
        elif self.task != "two outputs" and self.one_of(True, False):
            fit["sample_weight"] = weights(self.n) - 0.5
        elif self.task in ("two classes", "classes", "one-hot"):
            fit["class_weight"] = {0: 2.0, 1: 0.5}
        return fit

    def _validation_data(self):
        """Some of the training rows; with weights where Keras takes them."""
        chosen = self.numbers.integers(0, self.n, 9)
        x, y = self.data
        if self.task == "two outputs":
            held = {k: v[chosen] for k, v in y.items()} if isinstance(y, dict) else [part[chosen] for part in y]
            return {"validation_data": (x[chosen], held)}
        more = () if self.task == "steps" else (weights(9),)
        return {"validation_data": (x[chosen], y[chosen], *more)}


@pytest.mark.parity
@pytest.mark.parametrize("seed", range(24))
def test_3_to_16_combinations_train_as_in_keras(seed):
    case = Draw(seed)
    pair = compiled(case.networks, optimizer=case.optimizer, **case.compile)

    keras, own = pair.fit(*case.data, callbacks=case.callbacks, **case.fit)
    assert_same(own, keras, tolerance=1e-4)

    keras, own = pair.call("evaluate", *case.data, batch_size=5, return_dict=True)
    assert_same_numbers(own.result, keras.result, 1e-4)


@pytest.mark.parity
def test_5_6_and_7_9_loaders_with_weights_train_as_in_keras():
    x, y = rows(23)
    data = TensorDataset(torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(weights(23)))
    pair = compiled(twins(4, 5, 1, end="linear"), loss="mse", metrics=["mae"], weighted_metrics=["mse"])

    keras, own = pair.call(
        "fit", DataLoader(data, batch_size=5), validation_data=DataLoader(data, batch_size=7), epochs=3
    )  # fmt: skip

    assert_same(own, keras)


@pytest.mark.parity
@pytest.mark.parametrize("by_name", [False, True])
def test_7_4_two_inputs_train_as_in_keras(by_name):
    import keras

    import fitdash as fd
    from tests.contract.networks import Inputs

    left, right = keras.Input((2,), name="a"), keras.Input((3,), name="b")
    layers = keras.layers.Dense(1), keras.layers.Dense(1)
    theirs = keras.Model([left, right], keras.layers.Add()([layers[0](left), layers[1](right)]))
    module = Inputs()
    for layer, line in zip(layers, (module.left, module.right), strict=True):
        layer.set_weights([line.weight.detach().numpy().T, line.bias.detach().numpy()])
    a, b = rows(23, shape=2)[0], rows(23, shape=3, seed=1)[0]
    x, y = ({"b": b, "a": a} if by_name else [a, b]), rows(23)[1]
    theirs.compile("sgd", loss="mse")
    ours = fd.Model(module).compile("sgd", loss="mse")
    arguments = {"batch_size": 5, "epochs": 3, "validation_split": 0.3, "shuffle": False, "verbose": 0}

    found = ours.fit(x, y, **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, predicted = theirs.fit(x, y, **arguments), theirs.predict(x, verbose=0)

    assert_same_numbers(found.history, expected.history)
    np.testing.assert_allclose(ours.predict(x), predicted, rtol=1e-5, atol=1e-6)


@pytest.mark.parity
def test_14_5_batch_norm_trains_as_in_keras():
    import keras

    import fitdash as fd

    norm = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    theirs = keras.Sequential([keras.Input((4,)), norm, keras.layers.Dense(1)])
    module = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 1))
    theirs.layers[1].set_weights([module[1].weight.detach().numpy().T, module[1].bias.detach().numpy()])
    theirs.compile("sgd", loss="mse")
    ours = fd.Model(module).compile("sgd", loss="mse")
    x, y = rows(40)
    arguments = {"batch_size": 40, "epochs": 3, "shuffle": False, "verbose": 0}

    expected, found = theirs.fit(x, y, **arguments), ours.fit(x, y, **arguments)

    assert_same_numbers(found.history, expected.history, 1e-4)
    np.testing.assert_allclose(module[0].running_mean, norm.moving_mean.value.detach(), rtol=1e-4, atol=1e-6)
