"""A batch of one row that a layer would normalize: refused with the first batch, and only where it would fail."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler, TensorDataset

import fitdash as fd

X = np.random.default_rng(0).normal(size=(10, 4)).astype("float32")
Y = X.sum(1, keepdims=True)
ROWS = TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))


def normalized():
    return fd.Model(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))).compile("sgd", loss="mse")


class Doubled:
    """Collates each sample to two rows."""

    def __call__(self, samples):
        x, y = torch.utils.data.default_collate(samples)
        return x.repeat(2, 1), y.repeat(2, 1)


LEAVING_ONE = {
    "arrays": (lambda: (X, Y), {"batch_size": 3}, "Set batch_size=4"),
    "the size by default": (lambda: (np.tile(X, (13, 1))[:129], np.tile(Y, (13, 1))[:129]), {}, "Set batch_size=33"),
    "a validation split": (lambda: (X, Y), {"batch_size": 2, "validation_split": 0.3}, "Set batch_size=4"),
    "whole batches": (lambda: (X, Y), {"batch_size": 9, "shuffle": "batch"}, "Set batch_size=10"),
    "enough steps": (lambda: (X, Y), {"batch_size": 3, "steps_per_epoch": 2, "epochs": 2}, "Set batch_size=4"),
    "a data set": (lambda: (ROWS, None), {"batch_size": 3}, "Set batch_size=4"),
    "a loader": (lambda: (DataLoader(ROWS, batch_size=3), None), {}, "Give the DataLoader drop_last=True"),
    "a batch sampler": (
        lambda: (DataLoader(ROWS, batch_sampler=BatchSampler(SequentialSampler(range(10)), 3, False)), None),
        {},
        "Give the DataLoader drop_last=True",
    ),
    "a loader that shuffles": (
        lambda: (DataLoader(ROWS, 3, shuffle=True, collate_fn=torch.utils.data.default_collate), None),
        {},
        "Give the DataLoader drop_last=True",
    ),
}


@pytest.mark.parametrize("case", LEAVING_ONE)
def test_8_2_a_lone_row_is_refused_before_the_first_update(case):
    data, settings, remedy = LEAVING_ONE[case]
    model = normalized()
    before = [parameter.clone() for parameter in model.module.parameters()]

    with pytest.raises(fd.DataError, match="layer '1', a BatchNorm1d, will get 1: .* leave one over") as caught:
        model.fit(*data(), verbose=0, **{"epochs": 1} | settings)

    assert remedy in str(caught.value)
    assert str(caught.value).startswith("A batch must have two rows or more where it is normalized, but")
    assert all(map(torch.equal, before, model.module.parameters()))
    assert not any(layer._forward_pre_hooks for layer in model.module.modules())


TRAINING_ON = {
    "rows that divide": (lambda: (X, Y), {"batch_size": 5}),
    "two rows left": (lambda: (X, Y), {"batch_size": 4}),
    "steps that end before": (lambda: (X, Y), {"batch_size": 3, "steps_per_epoch": 3}),
    "drop_last": (lambda: (DataLoader(ROWS, 3, drop_last=True), None), {}),
    "a validation batch of one": (lambda: (X, Y), {"batch_size": 3, "validation_split": 0.1}),
    "a collated pair": (lambda: (DataLoader(ROWS, 3, collate_fn=Doubled()), None), {}),
    "no epoch": (lambda: (X, Y), {"batch_size": 3, "epochs": 0}),
}


@pytest.mark.parametrize("case", TRAINING_ON)
def test_data_without_a_lone_row_trains(case):
    data, settings = TRAINING_ON[case]
    model = normalized()

    model.fit(*data(), verbose=0, **{"epochs": 1} | settings)

    assert not any(layer._forward_pre_hooks for layer in model.module.modules())


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Unflatten(1, (1, 2, 2)), nn.BatchNorm2d(1)],
        [nn.Unflatten(1, (2, 2)), nn.BatchNorm1d(2)],
        [nn.LayerNorm(4)],
        [nn.GroupNorm(2, 4)],
        [nn.Flatten()],
    ],
    ids=["image", "steps of a row", "layer norm", "groups of two", "none"],
)
def test_a_row_of_several_values_can_be_normalized_alone(layers):
    model = fd.Model(nn.Sequential(*layers, nn.Flatten(), nn.Linear(4, 1))).compile("sgd", loss="mse")

    assert model.fit(X, Y, batch_size=3, epochs=1, verbose=0).epoch == [0]


@pytest.mark.parametrize(
    "layers",
    [[nn.Unflatten(1, (4, 1, 1)), nn.BatchNorm2d(4)], [nn.GroupNorm(4, 4)]],
    ids=["one pixel", "groups of one"],
)
def test_other_layers_that_need_two_values_are_named(layers):
    model = fd.Model(nn.Sequential(*layers, nn.Flatten(), nn.Linear(4, 1))).compile("sgd", loss="mse")

    with pytest.raises(fd.DataError, match=type(layers[-1]).__name__):
        model.fit(X, Y, batch_size=3, epochs=1, verbose=0)


def test_a_frozen_normalization_takes_one_row():
    class Frozen(nn.Sequential):
        def train(self, mode=True):
            super().train(mode)
            self[0].eval()
            return self

    model = fd.Model(Frozen(nn.BatchNorm1d(4), nn.Linear(4, 1))).compile("sgd", loss="mse")

    assert model.fit(X, Y, batch_size=3, epochs=1, verbose=0).epoch == [0]


def test_validation_is_checked_where_the_layer_keeps_no_statistics():
    layer = nn.BatchNorm1d(4, track_running_stats=False)
    model = fd.Model(nn.Sequential(layer, nn.Linear(4, 1))).compile("sgd", loss="mse")

    with pytest.raises(
        fd.DataError, match="A validation batch must have two rows or more.*Set validation_batch_size=4"
    ):
        model.fit(X, Y, batch_size=5, epochs=1, validation_data=(X, Y), validation_batch_size=3, verbose=0)


def test_hooks_are_removed_when_the_first_batch_fails():
    class Broken(nn.Module):
        def forward(self, x):
            raise KeyError("mine")

    model = fd.Model(nn.Sequential(Broken(), nn.BatchNorm1d(4), nn.Linear(4, 1))).compile("sgd", loss="mse")

    with pytest.raises(KeyError, match="mine"):
        model.fit(X, Y, batch_size=3, epochs=1, verbose=0)

    assert not model.module[1]._forward_pre_hooks
