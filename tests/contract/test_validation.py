"""Validation (contract 11): on which data, when, with which weights, how many batches."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import fitdash as fd
from tests.contract.networks import Constant, Loader, Noter, batches, counted, firsts, linear, noting, xy
from tests.parity import assert_same, compiled, rows, twins

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


def test_11_14_what_is_short_and_what_is_empty_are_told_apart():
    with pytest.warns(UserWarning, match="ran out of data") as told:
        history = noting().fit(
            *counted(4), epochs=4, validation_data=iter(batches(3)), validation_steps=2, verbose=0
        )  # fmt: skip

    assert ["1 of 2 steps" in str(told[0].message), "0 of 2 steps" in str(told[1].message)] == [True, True]
    assert len(told) == 2
    assert len(history.history["val_loss"]) == 2


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
