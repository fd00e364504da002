"""steps_per_epoch and data that ends (contract 12)."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import fitdash as fd
from tests.contract.networks import Loader, Noter, Noting, batches, counted, firsts, linear, noting, xy
from tests.parity import assert_same, compiled, rows, twins


class Stream(IterableDataset):
    """An IterableDataset of batches, without a length."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(batches(self.n))


class Indexed:
    """A Sequence as Keras has them: batches by index and a length, nothing else."""

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return batches(3)[i]


SOURCES = {
    "loader": lambda: DataLoader(TensorDataset(torch.arange(1.0, 4)[:, None], torch.zeros(3, 1))),
    "iterable dataset": lambda: Stream(3),
    "loader of a stream": lambda: DataLoader(Stream(3), batch_size=None),
    "iterable": lambda: Loader(batches(3)),
    "function": lambda: lambda: iter(batches(3)),
    "indexed": Indexed,
}


@pytest.mark.parametrize(("n", "size", "steps"), [(10, 4, 3), (10, 10, 1), (10, 99, 1), (33, None, 2)])
def test_12_1_arrays_have_as_many_steps_as_batches(n, size, steps):
    model = noting()

    history = model.fit(*counted(n), batch_size=size, epochs=1, verbose=0)

    assert history.params["steps"] == len(model.module.trained) == steps


@pytest.mark.parametrize("kind", SOURCES)
def test_12_1_an_epoch_of_a_source_is_a_pass(kind):
    model = noting()

    model.fit(SOURCES[kind](), epochs=2, verbose=0)

    assert firsts(model.module.trained) == [1, 2, 3, 1, 2, 3]


@pytest.mark.parametrize(("length", "expected"), [(None, [1, 2, 3]), (3, [1, 2, 3, 1, 2, 3, 1, 2, 3])])
def test_12_1_a_feed_of_unknown_length_trains_one_step_per_epoch(length, expected):
    feed = (lambda: iter(batches(3))) if length is None else Loader(batches(3))
    model = fd.Model(Noting(), feed=feed).compile("sgd", loss="mse")

    history = model.fit(epochs=3, verbose=0)

    assert firsts(model.module.trained) == expected
    assert history.params["steps"] == (1 if length is None else 3)


def test_12_1_an_iterator_without_steps_runs_until_it_is_empty_and_does_not_warn():
    model = noting()

    model.fit(iter(batches(5)), epochs=1, verbose=0)

    assert firsts(model.module.trained) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize(
    ("steps", "expected"),
    [(2, [1, 2, 3, 1, 2, 3]), (5, [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]), (3, [1, 2, 3] * 3)],
)
def test_12_2_and_12_3_a_pass_goes_on_into_the_next_epoch_and_the_next_pass_begins_at_once(kind, steps, expected):
    model, noter = noting(), Noter()

    model.fit(SOURCES[kind](), epochs=3, steps_per_epoch=steps, callbacks=noter, verbose=0)

    assert firsts(model.module.trained) == expected
    assert [index for index, _ in noter.of("on_train_batch_end")] == [*range(steps)] * 3


def test_12_3_arrays_go_on_in_given_order_with_their_short_batch_in_place():
    model = noting()

    model.fit(*counted(7), batch_size=3, epochs=3, steps_per_epoch=2, shuffle=True, verbose=0)

    assert model.module.trained == [[0, 1, 2], [3, 4, 5], [6], [0, 1, 2], [3, 4, 5], [6]]


def test_12_4_a_pass_that_ends_with_the_epoch_is_followed_by_a_new_one():
    model, source = noting(), Loader(batches(3))

    model.fit(source, epochs=2, steps_per_epoch=3, verbose=0)

    assert source.began == 2


def test_12_5_an_iterator_that_ends_in_mid_epoch_warns_and_ends_it_and_then_training():
    model, noter = noting(), Noter()

    with pytest.warns(UserWarning, match="ran out of data") as told:
        history = model.fit(iter(batches(5)), epochs=10, steps_per_epoch=2, callbacks=noter, verbose=0)

    assert firsts(model.module.trained) == [1, 2, 3, 4, 5]
    assert history.epoch == [0, 1, 2]
    assert len(noter.of("on_epoch_begin")) == 3
    assert noter.names()[-1] == "on_train_end"
    assert ["after 1 of 2 steps" in str(w.message) for w in told] == [True, False]
    assert "before epoch 4" in str(told[1].message)


def test_12_5_nothing_left_ends_training_before_the_next_epoch_begins():
    model, noter = noting(), Noter()

    with pytest.warns(UserWarning, match="ran out of data before epoch 2: training ends here") as told:
        history = model.fit(iter(batches(3)), epochs=4, callbacks=noter, verbose=0)

    assert len(told) == 1
    assert (history.epoch, len(noter.of("on_epoch_begin"))) == ([0], 1)
    assert noter.of("on_train_end") == [[{"loss": history.history["loss"][0]}]]


def test_12_5_the_last_epoch_looks_no_further_and_warns_of_nothing():
    history = noting().fit(iter(batches(4)), epochs=2, steps_per_epoch=2, verbose=0)

    assert history.epoch == [0, 1]


@pytest.mark.parametrize("steps", [None, 3])
def test_12_5_a_function_that_gives_an_empty_pass_later_ends_training_with_a_warning(steps):
    model, one = noting(), iter(batches(3))

    with pytest.warns(UserWarning, match="ran out of data before epoch 2"):
        history = model.fit(lambda: one, epochs=3, steps_per_epoch=steps, verbose=0)

    assert history.epoch == [0]
    assert list(history.history["loss"]) == [pytest.approx(history.history["loss"][0])]


def test_12_5_batches_are_never_replayed():
    model = noting()

    with pytest.warns(UserWarning, match="ran out of data"):
        model.fit(iter(batches(7)), epochs=5, steps_per_epoch=3, verbose=0)

    assert firsts(model.module.trained) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(("epochs", "steps", "drawn"), [(1, 3, 3), (3, 2, 6)])
def test_12_6_no_batch_is_drawn_that_is_not_trained(epochs, steps, drawn):
    seen = []

    def generator():
        for batch in batches(100):
            seen.append(1)
            yield batch

    noting().fit(generator(), epochs=epochs, steps_per_epoch=steps, verbose=0)

    assert len(seen) == drawn


def test_12_6_a_fit_that_trains_nothing_draws_nothing():
    one = iter(batches(3))

    noting().fit(one, epochs=0, verbose=0)

    assert len(list(one)) == 3


def test_12_6_stopping_draws_nothing_more():
    one, model = iter(batches(10)), noting()

    model.fit(one, epochs=3, steps_per_epoch=4, verbose=0,
              callbacks=fd.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: setattr(
                  model, "stop_training", batch == 1)))  # fmt: skip

    assert len(list(one)) == 8


@pytest.mark.parametrize(
    ("source", "arguments", "steps"),
    [
        (lambda: counted(10), {"batch_size": 3}, 4),
        (lambda: counted(10), {"batch_size": 3, "steps_per_epoch": 2}, 2),
        (lambda: (Loader(batches(3)),), {}, 3),
        (lambda: (iter(batches(3)),), {}, None),
        (lambda: (iter(batches(3)),), {"steps_per_epoch": 3}, 3),
        (lambda: (lambda: iter(batches(3)),), {}, None),
    ],
)
def test_12_7_params_tell_the_steps_as_far_as_they_are_known(source, arguments, steps):
    noter = Noter()

    noting().fit(*source(), epochs=1, callbacks=noter, verbose=0, **arguments)

    assert noter.params["steps"] == steps


@pytest.mark.parametrize("steps", [0, -1, 2.5, "3", True])
def test_12_8_steps_below_1_are_refused(steps):
    with pytest.raises(ValueError, match="steps_per_epoch must be a whole number from 1"):
        linear().fit(*xy(), steps_per_epoch=steps, verbose=0)


@pytest.mark.parametrize("as_function", [True, False])
def test_12_9_an_error_of_the_generator_comes_through_unchanged(as_function):
    mine = ZeroDivisionError("mine")

    def generator():
        yield batches(1)[0]
        raise mine

    with pytest.raises(ZeroDivisionError) as caught:
        noting().fit(generator if as_function else generator(), epochs=3, verbose=0)

    assert caught.value is mine


def test_12_9_a_type_error_of_a_generator_is_not_taken_for_a_wrong_argument():
    def generator():
        raise TypeError("mine")
        yield

    with pytest.raises(TypeError, match="^mine$"):
        noting().fit(generator(), epochs=3, verbose=0)


def test_12_steps_and_validation_count_apart():
    model = noting()

    model.fit(*counted(6), batch_size=2, epochs=2, steps_per_epoch=2, validation_data=counted(4),
              validation_batch_size=3, verbose=0)  # fmt: skip

    assert model.module.trained == [[0, 1], [2, 3], [4, 5], [0, 1]]
    assert model.module.tested == [[0, 1, 2], [3]] * 2


@pytest.mark.parity
@pytest.mark.parametrize(
    ("arguments", "steps"), [({"steps_per_epoch": 2, "epochs": 3}, 2), ({"steps_per_epoch": 6, "epochs": 2}, 6)]
)
def test_12_2_and_12_4_steps_that_divide_the_batches_are_keras(arguments, steps):
    pair = compiled(twins(4, 5, 1, end="linear"), loss="mse", metrics=["mae"])

    keras, own = pair.fit(*rows(24), batch_size=4, **arguments)

    assert_same(own, keras)
    assert np.ndim(own.history["loss"][0]) == 0


@pytest.mark.parity
def test_12_1_a_loader_trains_as_in_keras():
    x, y = rows(23)
    loader = DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=5)
    pair = compiled(twins(4, 5, 1, end="linear"), loss="mse", metrics=["mae"], optimizer="adam")

    keras, own = pair.call("fit", loader, epochs=3, validation_data=loader)

    assert_same(own, keras)


@pytest.mark.parity
def test_12_2_a_generator_with_steps_trains_as_in_keras():
    def generator():
        for i in range(100):
            yield rows(3 + i % 4, seed=i)

    pair = compiled(twins(4, 5, 1, end="linear"), loss="mse", metrics=["mae"], optimizer="adam")

    keras, own = pair.call(
        "fit", keras_only={"x": generator()}, own_only={"x": generator()}, epochs=3, steps_per_epoch=4
    )  # fmt: skip

    assert_same(own, keras)
