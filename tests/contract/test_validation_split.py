"""Rows split off for validation (contract 11.1 to 11.6)."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import fitdash as fd
from tests.contract.networks import Loader, batches, counted, linear, noting, parameters, xy
from tests.parity import assert_same, compiled, rows, twins


@pytest.mark.parametrize(("share", "trained"), [(0.25, 7), (0.33, 6), (0.8, 1), (0.5, 5), (0.1, 9)])
def test_11_1_split_index_is_floor_of_rows_times_rest_in_floating_point(share, trained):
    model = noting()

    model.fit(*counted(10), batch_size=10, epochs=1, shuffle=False, validation_split=share, verbose=0)

    assert model.module.trained == [list(range(trained))]
    assert model.module.tested == [list(range(trained, 10))]


def test_11_2_the_same_last_rows_of_all_arrays_validate_in_every_epoch():
    model = noting()

    model.fit(*counted(10), batch_size=4, epochs=3, shuffle=True, validation_split=0.3, verbose=0)

    assert model.module.tested == [[7, 8, 9]] * 3
    assert all(sorted(sum(model.module.trained[i : i + 2], [])) == list(range(7)) for i in (0, 2, 4))


def test_11_2_inputs_targets_and_weights_are_cut_alike():
    x = {"a": np.zeros((10, 2)), "b": np.zeros((10, 3))}
    y, weight = np.arange(10.0)[:, None], np.arange(10.0)

    class Ones(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bias = torch.nn.Parameter(torch.zeros(1))

        def forward(self, a, b):
            return a[:, :1] * 0 + b[:, :1] * 0 + self.bias

    model = fd.Model(Ones()).compile(fd.optimizers.sgd(learning_rate=0.0), loss="mae")
    logs = model.fit(x, y, sample_weight=weight, validation_split=0.2, epochs=1, verbose=0).history

    assert logs["loss"] == [pytest.approx(np.mean([i * i for i in range(8)]))]
    assert logs["val_loss"] == [pytest.approx((64 + 81) / 2)]


def test_11_3_no_split_no_validation():
    assert list(linear().fit(*xy(), epochs=1, validation_split=0, verbose=0).history) == ["loss"]


@pytest.mark.parametrize(("n", "share"), [(10, 0.95), (1, 0.5), (5, 1e-20)])
def test_11_3_an_empty_part_is_refused_with_rows_and_share(n, share):
    with pytest.raises(ValueError, match=f"validation_split.*got {share} of {n} samples"):
        linear().fit(*xy(n), epochs=1, validation_split=share, verbose=0)


@pytest.mark.parametrize("share", [-0.1, 1, 1.0, 1.5, float("nan"), "0.2", None])
def test_11_4_a_share_outside_0_to_1_is_refused(share):
    with pytest.raises(ValueError, match="validation_split must be a share from 0 and below 1"):
        linear().fit(*xy(), epochs=1, validation_split=share, verbose=0)


@pytest.mark.parametrize(
    "source",
    [
        DataLoader(TensorDataset(*map(torch.from_numpy, xy()))),
        TensorDataset(*map(torch.from_numpy, xy())),
        iter(batches(3)),
        lambda: iter(batches(3)),
        Loader(batches(3)),
    ],
    ids=["loader", "dataset", "iterator", "function", "iterable"],
)
def test_11_5_only_arrays_are_split(source):
    with pytest.raises(ValueError, match="validation_split must be 0 unless x and y are arrays"):
        linear().fit(source, validation_split=0.5, epochs=1, verbose=0)


def test_11_5_a_feed_is_not_split_either():
    model = fd.Model(torch.nn.Linear(1, 1), feed=Loader(batches(3))).compile("sgd", loss="mse")

    with pytest.raises(ValueError, match="validation_split must be 0 unless x and y are arrays, got 0.5 with the mod"):
        model.fit(validation_split=0.5, verbose=0)


def test_11_5_a_memory_map_is_split_without_a_copy(tmp_path):
    x = np.memmap(tmp_path / "x", dtype="float32", mode="w+", shape=(10, 1))
    x[:] = np.arange(10)[:, None]
    model = noting()

    model.fit(x, np.zeros((10, 1)), epochs=1, shuffle=False, validation_split=0.2, verbose=0)

    assert (model.module.trained, model.module.tested) == ([list(range(8))], [[8, 9]])


def test_11_6_validation_data_overrides_the_split_and_all_rows_train():
    model = noting()
    x, y = counted(3)

    model.fit(*counted(10), epochs=1, shuffle=False, validation_split=0.5, validation_data=(x + 20, y), verbose=0)

    assert (model.module.trained, model.module.tested) == ([list(range(10))], [[20, 21, 22]])


def test_11_6_the_range_of_an_overridden_split_is_still_checked():
    with pytest.raises(ValueError, match="validation_split"):
        linear().fit(*xy(), validation_split=1.5, validation_data=xy(3), verbose=0)


def test_11_6_batch_sources_may_have_validation_data_and_an_idle_split():
    model = noting()

    history = model.fit(Loader(batches(2)), validation_data=counted(3), validation_split=0.2, epochs=1, verbose=0)

    assert list(history.history) == ["loss", "val_loss"]


@pytest.mark.parity
def test_11_2_and_5_4_weights_are_split_as_in_keras():
    pair = compiled(twins(4, 5, 1, end="linear"), loss="mse", weighted_metrics=["mae"])

    keras, own = pair.fit(
        *rows(23), sample_weight=np.arange(23.0) - 5, epochs=2, batch_size=4, validation_split=0.4
    )  # fmt: skip

    assert_same(own, keras)


def test_11_2_parameters_of_a_split_fit_are_those_of_a_fit_on_the_first_rows():
    x, y = xy(10)
    split, first = linear(), linear()
    first.set_weights(split.get_weights())

    split.fit(x, y, batch_size=3, epochs=2, shuffle=False, validation_split=0.2, verbose=0)
    first.fit(x[:8], y[:8], batch_size=3, epochs=2, shuffle=False, verbose=0)

    for a, b in zip(parameters(split), parameters(first), strict=True):
        np.testing.assert_array_equal(a, b)
