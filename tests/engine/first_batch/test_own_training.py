"""A module that was written for another framework's training loop."""

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd

X = np.random.default_rng(0).normal(size=(12, 2)).astype("float32")
Y = X.sum(1, keepdims=True)


class Lightning(nn.Linear):
    """The methods of a LightningModule."""

    def training_step(self, batch, index):
        raise NotImplementedError

    def configure_optimizers(self):
        raise NotImplementedError


class Keras(nn.Linear):
    def train_step(self, data):
        raise NotImplementedError


class Transformers(nn.Linear):
    @staticmethod
    def compute_loss(y, p):
        raise NotImplementedError


class Counts(nn.Linear):
    """Names that are no methods, or that forward uses."""

    train_step = 0

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.training_step = 3
        self.compute_loss = nn.MSELoss()

    def forward(self, x):
        return super().forward(self.configure_optimizers(x))

    def configure_optimizers(self, x):
        return x


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Lightning, "Lightning has training_step() and configure_optimizers()"),
        (Keras, "Keras has train_step()"),
        (Transformers, "Transformers has compute_loss()"),
    ],
)
def test_1_20_a_training_step_that_is_not_called_is_named_once(kind, said):
    model = fd.Model(kind(2, 1)).compile("sgd", "mse")

    with pytest.warns(UserWarning, match="which fit does not call") as told:
        model.fit(X, Y, batch_size=4, epochs=3, validation_split=0.5, verbose=0)

    assert [str(one.message) for one in told] == [
        f"{said}, which fit does not call: it calls forward, and uses the loss and the optimizer of compile. "
        "Give compile what is in there."
    ]
    with pytest.warns(UserWarning, match="which fit does not call") as told:
        model.train_on_batch(X, Y)
        model.train_on_batch(X, Y)
    assert len(told) == 1


def test_1_20_names_that_are_no_methods_or_that_forward_uses_are_left_in_peace():
    fd.Model(Counts(2, 1)).compile("sgd", "mse").fit(X, Y, epochs=1, verbose=0)
    fd.Model(nn.Sequential(Lightning(2, 1), nn.ReLU())).compile("sgd", "mse").fit(X, Y, epochs=1, verbose=0)
    lightning = fd.Model(Lightning(2, 1)).compile("sgd", "mse")
    assert lightning.predict(X).shape == (12, 1)
    lightning.evaluate(X, torch.tensor(Y), verbose=0)
