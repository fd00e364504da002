"""batch_size, epochs and shuffle (contract 8, 9, 10)."""

import inspect
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import fitdash as fd
from tests.contract.networks import Loader, Noter, batches, counted, firsts, linear, noting, parameters, xy
from tests.parity import assert_same, compiled, rows, twins


@pytest.mark.parametrize("steps", [None, 2])
def test_8_1_batches_have_32_rows_unless_told(steps):
    model = noting()

    model.fit(*counted(70), epochs=1, steps_per_epoch=steps, verbose=0)

    assert [len(batch) for batch in model.module.trained][:2] == [32, 32]


@pytest.mark.parametrize(("size", "lengths"), [(4, [4, 4, 2]), (10, [10]), (1000, [10]), (np.int64(3), [3, 3, 3, 1])])
def test_8_2_the_last_batch_may_be_smaller_and_is_used(size, lengths):
    model = noting()

    model.fit(*counted(10), batch_size=size, epochs=1, verbose=0)

    assert [len(batch) for batch in model.module.trained] == lengths


def test_8_2_there_is_one_update_per_batch():
    model = fd.Model(nn.Linear(2, 1)).compile(torch.optim.Adam, loss="mse")

    model.fit(*xy(10), batch_size=4, epochs=2, verbose=0)

    assert {float(state["step"]) for state in model.optimizer.state.values()} == {6.0}


@pytest.mark.parametrize("size", [0, -1, 1.5, "32", "auto", True, float("nan"), [32]])
@pytest.mark.parametrize("name", ["batch_size", "validation_batch_size"])
def test_8_3_other_batch_sizes_are_refused(name, size):
    with pytest.raises(ValueError, match=f"^{name} must be a whole number from 1"):
        linear().fit(*xy(), verbose=0, **{name: size})


def test_9_1_ten_epochs_unless_told():
    assert linear().fit(*xy(), verbose=0).epoch == list(range(10))
    assert inspect.signature(fd.Model.fit).parameters["epochs"].default == 10


def test_9_2_epochs_is_the_final_index():
    assert linear().fit(*xy(), epochs=7, initial_epoch=5, verbose=0).epoch == [5, 6]


@pytest.mark.parametrize(("initial", "epochs"), [(3, 3), (5, 3), (0, 0), (0, -2)])
def test_9_3_no_epoch_left_trains_nothing_and_is_no_error(initial, epochs):
    model, noter = linear(), Noter()
    before = parameters(model)

    history = model.fit(*xy(), epochs=epochs, initial_epoch=initial, callbacks=noter, verbose=0)

    assert noter.seen == [("on_train_begin", {}), ("on_train_end", {})]
    assert (history.history, history.epoch) == ({}, [])
    assert all((a == b).all() for a, b in zip(before, parameters(model), strict=True))


def test_9_4_numbers_of_epochs_are_absolute_and_from_0_but_shown_from_1(capsys):
    noter, asked = Noter(), []
    schedule = fd.callbacks.LearningRateScheduler(lambda epoch, rate: asked.append(epoch) or rate)

    history = linear().fit(*xy(), epochs=5, initial_epoch=3, callbacks=[noter, schedule], verbose=2)

    assert [epoch for epoch, _ in noter.of("on_epoch_begin")] == [3, 4] == history.epoch == asked
    assert "Epoch 4/5" in capsys.readouterr().out


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_9_5_two_fits_in_a_row_equal_one(optimizer):
    once, twice = linear(optimizer=optimizer), linear(optimizer=optimizer)
    twice.set_weights(once.get_weights())

    whole = once.fit(*xy(), batch_size=4, epochs=4, shuffle=False, verbose=0)
    first = twice.fit(*xy(), batch_size=4, epochs=2, shuffle=False, verbose=0)
    second = twice.fit(*xy(), batch_size=4, epochs=4, initial_epoch=2, shuffle=False, verbose=0)

    assert whole.history["loss"] == first.history["loss"] + second.history["loss"]
    assert all((a == b).all() for a, b in zip(parameters(once), parameters(twice), strict=True))


def test_9_6_initial_epoch_counts_from_0():
    assert linear().fit(*xy(), epochs=1, initial_epoch=0, verbose=0).epoch == [0]


def test_9_7_whole_floats_are_numbers_of_epochs():
    assert linear().fit(*xy(), epochs=3.0, initial_epoch=np.float64(1.0), verbose=0).epoch == [1, 2]


@pytest.mark.parametrize("value", [2.5, None, "10", float("inf"), float("nan"), [3]])
@pytest.mark.parametrize("name", ["epochs", "initial_epoch"])
def test_9_7_other_epochs_are_a_type_error(name, value):
    with pytest.raises(TypeError, match=f"^{name} must be a whole number"):
        linear().fit(*xy(), verbose=0, **{name: value})


@pytest.mark.parametrize("shuffle", [True, np.True_])
def test_10_1_every_row_once_per_epoch_in_a_new_order(shuffle):
    model = noting()

    model.fit(*counted(50), batch_size=8, epochs=2, shuffle=shuffle, verbose=0)

    first, second = sum(model.module.trained[:7], []), sum(model.module.trained[7:], [])
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != list(range(50)) != second
    assert first != second


def test_10_1_the_permutation_is_uniform():
    model = noting()

    model.fit(*counted(3), batch_size=3, epochs=600, verbose=0)

    counts = {order: model.module.trained.count(list(order)) for order in map(tuple, model.module.trained)}
    assert len(counts) == 6
    assert min(counts.values()) > 60


def test_10_1_without_shuffling_rows_come_as_given():
    model = noting()

    model.fit(*counted(5), batch_size=2, epochs=2, shuffle=False, verbose=0)

    assert model.module.trained == [[0, 1], [2, 3], [4]] * 2


@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_10_2_rows_of_inputs_targets_and_weights_move_together(shuffle):
    seen = []
    n = np.arange(40.0)

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.bias = nn.Parameter(torch.zeros(1))

        def forward(self, a, b):
            seen.append(torch.equal(a, b))
            return a + self.bias

    model = fd.Model(Both()).compile(fd.optimizers.sgd(learning_rate=0.0), loss="mse", weighted_metrics=["mae"])
    logs = model.fit([n, n], n[:, None] + 1 / (n[:, None] + 1), sample_weight=n + 1, batch_size=7, epochs=2,
                     shuffle=shuffle, verbose=0).history  # fmt: skip

    assert all(seen)
    assert logs["mae"] == [pytest.approx(40 / sum(range(1, 41)), rel=1e-4)] * 2


def test_10_3_validation_rows_never_move():
    model = noting()

    model.fit(*counted(10), epochs=2, batch_size=2, validation_batch_size=4, validation_split=0.4, verbose=0)

    assert model.module.tested == [[6, 7, 8, 9]] * 2


def test_10_4_batch_shuffles_the_order_of_whole_chunks():
    model = noting()

    model.fit(*counted(11), batch_size=3, epochs=30, shuffle="batch", verbose=0)

    passes = [model.module.trained[i : i + 4] for i in range(0, 120, 4)]
    assert all(chunks[3] == [9, 10] for chunks in passes)
    assert all(sorted(chunks[:3]) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]] for chunks in passes)
    assert len({str(chunks) for chunks in passes}) == 6


def test_10_4_batch_works_for_the_training_part_of_a_split():
    model = noting()

    model.fit(*counted(10), batch_size=3, epochs=5, shuffle="batch", validation_split=0.2, verbose=0)

    assert {tuple(chunk) for chunk in model.module.trained} == {(0, 1, 2), (3, 4, 5), (6, 7)}


@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_10_5_shuffle_has_no_effect_with_steps_per_epoch(shuffle):
    model = noting()

    model.fit(*counted(6), batch_size=2, epochs=2, steps_per_epoch=3, shuffle=shuffle, verbose=0)

    assert model.module.trained == [[0, 1], [2, 3], [4, 5]] * 2


@pytest.mark.parametrize("value", ["rows", "Batch", None, 1, 0, 2.0, "True", []])
def test_10_6_other_values_of_shuffle_are_refused(value):
    with pytest.raises(ValueError, match='shuffle must be True, False or "batch", got'):
        linear().fit(*xy(), shuffle=value, verbose=0)


@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_10_7_the_same_torch_seed_gives_the_same_bits(shuffle):
    def run():
        torch.manual_seed(5)
        model = fd.Model(nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.3), nn.Linear(4, 1))).compile("adam", loss="mse")
        return model.fit(*xy(30), batch_size=4, epochs=3, shuffle=shuffle, verbose=0).history, parameters(model)

    (one, a), (two, b) = run(), run()

    assert one == two
    assert all((p == q).all() for p, q in zip(a, b, strict=True))


def test_10_7_set_random_seed_seeds_python_numpy_and_torch():
    def draw():
        return random.random(), np.random.random(), float(torch.rand(()))  # noqa: NPY002

    fd.set_random_seed(3)
    first = draw()
    fd.set_random_seed(3)

    assert draw() == first


def test_10_a_data_set_is_shuffled_like_arrays():
    model, data = noting(), TensorDataset(torch.arange(20.0)[:, None], torch.zeros(20, 1))

    model.fit(data, batch_size=6, epochs=2, verbose=0)
    torch.manual_seed(0)

    assert [len(batch) for batch in model.module.trained] == [6, 6, 6, 2] * 2
    assert sorted(sum(model.module.trained[:4], [])) == list(range(20))
    assert model.module.trained[:4] != model.module.trained[4:]


def test_7_13_shuffle_is_ignored_for_batch_sources_without_a_warning():
    model = noting()

    model.fit(Loader(batches(3)), epochs=2, shuffle=True, verbose=0)

    assert firsts(model.module.trained) == [1, 2, 3, 1, 2, 3]


@pytest.mark.parity
@pytest.mark.parametrize(
    "arguments",
    [
        {"batch_size": 4},
        {"batch_size": 50},
        {"epochs": 4, "initial_epoch": 2},
        {"epochs": 2, "initial_epoch": 2},
        {"epochs": 0},
        {"batch_size": 1},
    ],
    ids=str,
)
def test_8_and_9_batches_and_epochs_are_keras(arguments):
    pair = compiled(twins(4, 5, 3), loss="sparse_categorical_crossentropy", metrics=["accuracy"], optimizer="adam")

    keras, own = pair.fit(*rows(23, classes=3), **{"epochs": 3} | arguments)

    assert_same(own, keras)
