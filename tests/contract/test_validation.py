"""Validation (contract 11): which rows, when, with which weights, how many batches."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import fitdash as fd
from tests.contract.networks import Constant, Loader, Noter, batches, counted, firsts, linear, noting, parameters, xy
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


HELD = counted(5)
TENSORS = TensorDataset(*map(torch.from_numpy, HELD))


@pytest.mark.parametrize(
    "given",
    [
        HELD,
        list(HELD),
        (*HELD, None),
        [*HELD, np.ones(5)],
        {"x": HELD[0], "y": HELD[1]},
        {"x": HELD[0], "y": HELD[1], "sample_weight": np.ones(5)},
        DataLoader(TENSORS, batch_size=5),
        TENSORS,
        lambda: iter([HELD]),
        Loader([HELD]),
    ],
    ids=["tuple", "list", "none", "weighted", "dict", "weighted-dict", "loader", "dataset", "function", "iterable"],
)
def test_11_7_every_form_of_validation_data(given):
    model = noting()

    history = model.fit(*counted(4), epochs=2, validation_data=given, verbose=0)

    assert model.module.tested == [[0, 1, 2, 3, 4]] * 2
    assert len(history.history["val_loss"]) == 2


def test_11_7_a_generator_as_validation_data():
    model = noting()

    model.fit(*counted(4), epochs=1, validation_data=iter(batches(3)), verbose=0)

    assert firsts(model.module.tested) == [1, 2, 3]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((1, 2, 3, 4), r"must be \(x, y\) or \(x, y, sample_weight\), got 4 parts"),
        ((HELD[0],), "got 1 parts"),
        ((), "got 0 parts"),
        (HELD[0], r"got one array of shape \(5, 1\)"),
        ({"x": HELD[0]}, 'must have the names "x", "y"'),
        ({"x": HELD[0], "y": HELD[1], "z": 1}, 'must have the names "x", "y"'),
    ],
)
def test_11_7_other_forms_are_refused_with_what_was_found(given, words):
    with pytest.raises(ValueError, match=f"validation_data .*{words}"):
        noting().fit(*counted(4), validation_data=given, verbose=0)


def test_11_7_validation_weights_weigh_the_validation_loss():
    model = fd.Model(Constant()).compile(fd.optimizers.sgd(learning_rate=0.0), loss="mae")
    y = np.array([[1.0], [3.0]])

    logs = model.fit(y, y, epochs=1, validation_data=(y, y, np.array([1.0, 0.0])), verbose=0).history

    assert logs["loss"] == [pytest.approx(2.0)]
    assert logs["val_loss"] == [pytest.approx(0.5)]


def test_11_8_validation_runs_after_the_last_batch_and_before_the_epochs_end():
    noter = Noter()

    model = linear(metrics=["mae"])
    model.fit(*xy(6), batch_size=3, epochs=1, validation_data=xy(4), callbacks=noter, verbose=0)

    assert noter.names() == [
        "on_train_begin", "on_epoch_begin",
        "on_train_batch_begin", "on_train_batch_end", "on_train_batch_begin", "on_train_batch_end",
        "on_test_begin", "on_test_batch_begin", "on_test_batch_end",
        "on_test_batch_begin", "on_test_batch_end", "on_test_end",
        "on_epoch_end", "on_train_end",
    ]  # fmt: skip
    ((_, logs),) = noter.of("on_epoch_end")
    ((test_logs,),) = noter.of("on_test_end")
    assert list(logs) == ["loss", "mae", "val_loss", "val_mae"]
    assert test_logs == {"loss": logs["val_loss"], "mae": logs["val_mae"]}


def test_11_8_validation_is_in_eval_mode_without_gradients():
    seen = []

    class Spy(torch.nn.Linear):
        def forward(self, x):
            seen.append((self.training, torch.is_grad_enabled()))
            return super().forward(x)

    model = fd.Model(Spy(2, 1)).compile("sgd", loss="mse")
    model.fit(*xy(), epochs=1, validation_data=xy(), verbose=0)

    assert seen == [(True, True), (False, False)]


def test_11_9_validation_is_never_shuffled_and_never_weighed_by_class():
    model = fd.Model(Constant()).compile(fd.optimizers.sgd(learning_rate=0.0), loss="mae")
    x, y = np.zeros((6, 1)), np.array([0.0, 1, 0, 1, 1, 1])[:, None]

    logs = model.fit(x, y, epochs=1, class_weight={1: 10.0}, validation_split=0.34, verbose=0).history

    assert logs["loss"] == [pytest.approx(10 / 3)]
    assert logs["val_loss"] == [pytest.approx(1.0)]


@pytest.mark.parametrize(
    ("arguments", "sizes"),
    [
        ({}, [32, 8]),
        ({"batch_size": 25}, [25, 15]),
        ({"batch_size": 25, "validation_batch_size": 40}, [40]),
        ({"validation_batch_size": np.int64(30)}, [30, 10]),
        ({"validation_steps": 1}, [32]),
        ({"steps_per_epoch": 3}, [32, 8]),
    ],
)
@pytest.mark.parametrize("how", ["split", "data"])
def test_11_10_the_batch_size_of_validation(arguments, sizes, how):
    model = noting()
    x, y = counted(80)
    held = {"validation_split": 0.5} if how == "split" else {"validation_data": (x[:40], y[:40])}

    model.fit(x, y, epochs=1, verbose=0, **held, **arguments)

    assert [len(batch) for batch in model.module.tested] == sizes


@pytest.mark.parametrize(
    ("freq", "initial", "epochs", "validated"),
    [
        (1, 0, 3, [0, 1, 2]),
        (2, 0, 5, [1, 3]),
        (3, 0, 2, []),
        (2, 3, 6, [3, 5]),
        ([1, 4], 0, 5, [0, 3]),
        ((2,), 0, 3, [1]),
        ({1, 3}, 0, 3, [0, 2]),
        ([1, 4], 2, 5, [3]),
        ([], 0, 2, []),
        (np.int64(2), 0, 2, [1]),
    ],
)
def test_11_11_validation_freq_counts_epochs_absolutely(freq, initial, epochs, validated):
    noter = Noter()

    history = linear().fit(
        *xy(), epochs=epochs, initial_epoch=initial, validation_data=xy(3), validation_freq=freq,
        callbacks=noter, verbose=0,
    )  # fmt: skip

    assert [epoch for epoch, logs in noter.of("on_epoch_end") if "val_loss" in logs] == validated
    assert len(history.history.get("val_loss", [])) == len(validated)


@pytest.mark.parametrize("freq", [0, -1, 1.5, "2", None, True, [0], [1, "2"]])
def test_11_11_other_frequencies_are_refused(freq):
    with pytest.raises(ValueError, match="validation_freq must be a whole number from 1 or a list of epochs from 1"):
        linear().fit(*xy(), validation_data=xy(), validation_freq=freq, verbose=0)


@pytest.mark.parametrize("steps", [None, 1])
def test_11_12_validation_steps_take_the_first_batches_every_time(steps):
    model = noting()

    model.fit(
        *counted(4), epochs=2, validation_data=counted(10), validation_batch_size=3, validation_steps=2,
        steps_per_epoch=steps, verbose=0,
    )  # fmt: skip

    assert model.module.tested == [[0, 1, 2], [3, 4, 5]] * 2


def test_11_12_validation_steps_begin_a_loader_anew_every_time():
    model, held = noting(), Loader(batches(5))

    model.fit(*counted(4), epochs=2, validation_data=held, validation_steps=2, verbose=0)

    assert firsts(model.module.tested) == [1, 2, 1, 2]


def test_11_13_more_steps_than_there_are_warn_and_use_what_there_is():
    model = noting()

    with pytest.warns(UserWarning, match="ran out of data after 1 of 5 steps"):
        history = model.fit(*counted(4), epochs=1, validation_data=counted(3), validation_steps=5, verbose=0)

    assert len(history.history["val_loss"]) == 1


def test_11_14_an_iterator_goes_on_where_it_stopped_and_warns_once_when_empty():
    model = noting()

    with pytest.warns(UserWarning, match="ran out of data") as told:
        history = model.fit(
            *counted(4), epochs=5, validation_data=iter(batches(4)), validation_steps=2, verbose=0
        )  # fmt: skip

    assert firsts(model.module.tested) == [1, 2, 3, 4]
    assert len(told) == 1
    assert len(history.history["val_loss"]) == 2
    assert len(history.history["loss"]) == 5


def test_11_14_no_more_is_drawn_from_an_iterator_than_is_measured():
    drawn = []

    def generator():
        for batch in batches(100):
            drawn.append(1)
            yield batch

    noting().fit(*counted(4), epochs=3, validation_data=generator(), validation_steps=2, verbose=0)

    assert len(drawn) == 6


@pytest.mark.parametrize(
    "empty",
    [
        (np.zeros((0, 1)), np.zeros((0, 1))),
        iter([]),
        lambda: iter([]),
        Loader([]),
        TensorDataset(torch.zeros(0, 1), torch.zeros(0, 1)),
    ],
    ids=["arrays", "iterator", "function", "sized", "dataset"],
)
def test_11_15_empty_validation_data_is_refused_before_training(empty):
    model = noting()

    with pytest.raises(ValueError, match="empty"):
        model.fit(*counted(4), validation_data=empty, verbose=0)

    assert model.module.trained == []


@pytest.mark.parametrize("steps", [0, -1, 1.5, "all"])
def test_11_16_validation_steps_below_1_are_refused(steps):
    with pytest.raises(ValueError, match="validation_steps must be a whole number from 1"):
        linear().fit(*xy(), validation_data=xy(), validation_steps=steps, verbose=0)


@pytest.mark.parity
@pytest.mark.parametrize(
    "arguments",
    [
        {"validation_split": 0.3},
        {"validation_split": 0.8},
        {"validation_split": 0.33, "validation_freq": 2},
        {"validation_split": 0.3, "validation_freq": [1, 3]},
        {"validation_split": 0.3, "validation_freq": 2, "initial_epoch": 1},
        {"validation_split": 0.5, "validation_batch_size": 3, "validation_steps": 2},
        {"validation_data": rows(7, seed=5), "validation_batch_size": 4},
        {"validation_data": (*rows(7, seed=5), np.arange(7.0)), "batch_size": 5},
        {"validation_data": (*rows(7, seed=5), np.arange(7.0)), "validation_split": 0.5},
    ],
    ids=str,
)
def test_11_validation_is_keras(arguments):
    pair = compiled(twins(4, 5, 1, end="linear"), loss="mse", metrics=["mae"])

    keras, own = pair.fit(*rows(23), **{"epochs": 3, "batch_size": 4} | arguments)

    assert_same(own, keras)


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
