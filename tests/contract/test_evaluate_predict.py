"""evaluate, predict and its relatives (contract 20 and 21)."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import fitdash as fd
from tests.contract.networks import Inputs, Loader, Noter, Noting, Pair, batches, counted, linear, noting, xy
from tests.parity import compiled, rows, twins, weights

X, Y = xy(10)


class Weighing(nn.Module):
    """Has all that evaluation must not change: parameters, statistics, dropout."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))

    def forward(self, x):
        return self.body(x)


def test_20_1_a_loss_alone_is_a_float():
    assert type(linear().evaluate(X, Y, verbose=0)) is float


def test_20_1_several_values_are_a_list_in_the_order_of_metrics_names():
    model = linear(metrics=["mae", "mse"], weighted_metrics=["mape"])

    values = model.evaluate(X, Y, verbose=0)
    named = model.evaluate(X, Y, verbose=0, return_dict=True)

    assert [type(value) for value in values] == [float] * 4
    assert list(named) == model.metrics_names == ["loss", "mae", "mse", "mape"]
    assert list(named.values()) == values


def test_20_1_a_dict_also_for_the_loss_alone():
    assert list(linear().evaluate(X, Y, verbose=0, return_dict=True)) == ["loss"]


def test_20_1_several_outputs_come_in_the_order_of_the_logs():
    model = fd.Model(Pair()).compile("sgd", loss="mse", metrics=[["mae"], []])

    named = model.evaluate(X, [Y, Y], verbose=0, return_dict=True)

    assert list(named) == ["loss", "out1_loss", "out2_loss", "out1_mae"] == model.metrics_names


@pytest.mark.parametrize("size", [1, 3, 7, 10, 99, None])
def test_20_2_values_do_not_depend_on_the_batch_size(size):
    model = linear(metrics=["mae", "r2_score"], weighted_metrics=["mse"])
    weight = weights(10)

    values = model.evaluate(X, Y, batch_size=size, sample_weight=weight, verbose=0)

    assert values == pytest.approx(model.evaluate(X, Y, batch_size=10, sample_weight=weight, verbose=0), rel=1e-5)


def test_20_2_rows_are_counted_once_each():
    model = linear()
    error = (model.predict(X) - Y) ** 2

    assert model.evaluate(X, Y, batch_size=4, verbose=0) == pytest.approx(error.mean(), rel=1e-5)


def test_20_3_steps_without_a_batch_size_cut_arrays_into_that_many():
    model = noting()

    model.evaluate(*counted(10), steps=4, verbose=0)

    assert [len(batch) for batch in model.module.tested] == [3, 3, 3, 1]


@pytest.mark.parametrize(("steps", "expected"), [(2, [[0, 1, 2], [3, 4, 5]]), (1, [[0, 1, 2]])])
def test_20_3_steps_with_a_batch_size_take_the_first_batches(steps, expected):
    model = noting()

    model.evaluate(*counted(10), batch_size=3, steps=steps, verbose=0)

    assert model.module.tested == expected


def test_20_3_steps_beyond_the_data_warn_and_use_what_there_is():
    model = noting()

    with pytest.warns(UserWarning, match="ran out of data after 3 of 5 steps"):
        value = model.evaluate(Loader(batches(3)), steps=5, verbose=0)

    assert value == pytest.approx(model.evaluate(Loader(batches(3)), verbose=0))


def test_20_3_no_more_is_drawn_from_an_iterator_than_is_measured():
    source, model = iter(batches(5)), noting()

    model.evaluate(source, steps=2, verbose=0)

    assert len(list(source)) == 3


@pytest.mark.parametrize("steps", [0, -1, 1.5, "2"])
@pytest.mark.parametrize("method", ["evaluate", "predict"])
def test_20_3_steps_below_1_are_refused(method, steps):
    with pytest.raises(ValueError, match="steps must be a whole number from 1"):
        getattr(linear(), method)(X, **({"y": Y} if method == "evaluate" else {}), steps=steps, verbose=0)


def test_20_4_evaluate_changes_nothing():
    model = fd.Model(Weighing()).compile("adam", loss="mse", metrics=["mae"])
    model.fit(X, Y, epochs=1, verbose=0)
    model.stop_training = True
    before, state = model.get_weights(), str(model.optimizer.state_dict())
    random = torch.get_rng_state()

    first, second = (model.evaluate(X, Y, batch_size=3, verbose=0) for _ in range(2))

    assert first == second
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    assert str(model.optimizer.state_dict()) == state
    assert model.stop_training is True
    assert torch.equal(torch.get_rng_state(), random)
    assert all(p.grad is None or not p.grad.isnan().any() for p in model.module.parameters())


@pytest.mark.parametrize("empty", [(X[:0], Y[:0]), (iter([]), None), (lambda: iter([]), None), (Loader([]), None)])
@pytest.mark.parametrize("method", ["evaluate", "predict"])
def test_20_5_and_21_3_empty_data_is_refused(empty, method):
    arguments = empty if method == "evaluate" else empty[:1]

    with pytest.raises(ValueError, match="empty"):
        getattr(linear(), method)(*arguments, verbose=0)


def test_20_5_unknown_keywords_are_a_type_error():
    with pytest.raises(TypeError, match="step"):
        linear().evaluate(X, Y, step=3)


def test_20_a_data_set_and_a_loader_are_evaluated_like_their_arrays():
    model, data = linear(), TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    value = model.evaluate(X, Y, verbose=0)

    for source in (data, DataLoader(data, batch_size=3), lambda: iter([(X, Y)]), iter([(X, Y)])):
        assert model.evaluate(source, verbose=0) == pytest.approx(value)


def test_20_evaluate_tells_callbacks():
    noter = Noter()
    model = linear(metrics=["mae"])

    named = model.evaluate(X, Y, batch_size=6, callbacks=noter, verbose=0, return_dict=True)

    assert noter.names() == [
        "on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_batch_begin", "on_test_batch_end",
        "on_test_end",
    ]  # fmt: skip
    assert noter.of("on_test_end") == [[named]]
    assert noter.of("on_test_batch_end")[-1] == [1, named]
    assert (noter.params["epochs"], noter.params["steps"]) == (1, 2)


def test_21_1_predictions_come_in_the_order_of_the_rows():
    model = fd.Model(nn.Identity())

    predicted = model.predict(counted(10)[0], batch_size=3)

    assert isinstance(predicted, np.ndarray)
    assert predicted[:, 0].tolist() == list(range(10))


def test_21_1_the_batch_axis_stays_for_one_row():
    assert linear().predict(X[:1]).shape == (1, 1)


@pytest.mark.parametrize("size", [3, 10])
def test_21_1_containers_of_outputs_are_kept(size):
    as_list = fd.Model(Pair()).predict(X, batch_size=size)
    as_dict = fd.Model(Pair(as_dict=True)).predict(X, batch_size=size)

    assert isinstance(as_list, list)
    assert [part.shape for part in as_list] == [(10, 1)] * 2
    assert {name: part.shape for name, part in as_dict.items()} == {"p": (10, 1), "q": (10, 1)}


class Labelled(Dataset):
    """Targets and weights that nobody could train on."""

    def __len__(self):
        return 10

    def __getitem__(self, i):
        return X[i], f"name {i}", "heavy"


class Stream(IterableDataset):
    def __iter__(self):
        return iter([(X[:6], "y"), (X[6:], "y")])


SOURCES = {
    "array": lambda: X,
    "frame": lambda: pd.DataFrame(X),
    "tensor": lambda: torch.from_numpy(X),
    "lists": X.tolist,
    "loader": lambda: DataLoader(TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), batch_size=4),
    "loader of inputs alone": lambda: DataLoader(torch.from_numpy(X), batch_size=4),
    "data set": Labelled,
    "iterable data set": Stream,
    "generator": lambda: iter([(X[:6], np.array(["a"] * 3)), (X[6:], None, "w")]),
    "function": lambda: lambda: iter([X[:6], X[6:]]),
    "iterable": lambda: Loader([(X[:6],), [X[6:]]]),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_21_2_sources_of_every_kind_are_predicted_and_targets_ignored(kind):
    model = linear()

    np.testing.assert_allclose(model.predict(SOURCES[kind]()), model.predict(X), rtol=1e-6)


def test_21_2_batch_size_is_refused_beside_a_batch_source():
    with pytest.raises(ValueError, match="batch_size must not be given"):
        linear().predict(Loader([X]), batch_size=3)


def test_21_2_steps_of_predict():
    model = linear()

    assert model.predict(X, batch_size=3, steps=2).shape == (6, 1)
    assert model.predict(X, steps=5).shape == (10, 1)
    assert model.predict(lambda: iter([X] * 5), steps=2).shape == (20, 1)


def test_21_2_several_inputs():
    a, b = np.ones((4, 2), "float32"), np.ones((4, 3), "float32")
    model = fd.Model(Inputs())

    by_place, by_name = model.predict([a, b]), model.predict({"b": b, "a": a})
    by_source = model.predict(Loader([((a, b), None)]))

    np.testing.assert_array_equal(by_place, by_name)
    np.testing.assert_array_equal(by_place, by_source)


def test_21_predict_leaves_the_module_as_it_was_and_tells_callbacks():
    model, noter = fd.Model(Weighing()), Noter()
    before = model.get_weights()

    model.predict(X, batch_size=6, callbacks=[noter])

    assert model.module.training
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    assert noter.names()[0] == "on_predict_begin"
    assert [logs["outputs"].shape for _, logs in noter.of("on_predict_batch_end")] == [(6, 1), (4, 1)]
    assert noter.of("on_predict_end") == [[{}]]


@pytest.mark.parametrize("x", [X, torch.from_numpy(X), X.tolist()])
def test_21_4_predict_on_batch_is_one_forward_call(x):
    calls = []
    module = nn.Linear(2, 1)
    module.register_forward_hook(lambda *_: calls.append(1))

    predicted = fd.Model(module).predict_on_batch(x)

    assert (type(predicted), predicted.shape, calls) == (np.ndarray, (10, 1), [1])


LOGITS = np.array([[-2.0, 0.0, 3.0], [1.0, 1.0, 0.5]])


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (nn.CrossEntropyLoss(), np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)),
        (nn.BCEWithLogitsLoss(), 1 / (1 + np.exp(-LOGITS))),
    ],
)
def test_21_5_predict_proba_turns_logits_into_probabilities(loss, expected):
    model = fd.Model(nn.Identity()).compile("sgd", loss=loss)

    np.testing.assert_allclose(model.predict_proba(LOGITS), expected, rtol=1e-5)
    assert model.predict_classes(LOGITS).tolist() == LOGITS.argmax(1).tolist()


def test_21_5_probabilities_stay_as_they_are():
    p = np.array([[0.25, 0.75]], "float32")
    model = fd.Model(nn.Identity()).compile("sgd", loss="categorical_crossentropy")

    assert model.predict_proba(p).tolist() == model.predict(p).tolist() == p.tolist()


def test_21_5_values_outside_0_to_1_are_warned_of():
    with pytest.warns(UserWarning, match=r"leave \[0, 1\]"):
        fd.Model(nn.Identity()).predict_proba(LOGITS)


def test_21_5_large_logits_neither_overflow_nor_warn():
    model = fd.Model(nn.Identity()).compile("sgd", loss=nn.BCEWithLogitsLoss())

    assert model.predict_proba([[-1000.0], [1000.0]]).tolist() == [[0.0], [1.0]]


@pytest.mark.parametrize(
    ("p", "classes"),
    [
        ([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]], [1, 0]),
        ([[0.5], [0.51]], [[0], [1]]),
        ([[[0.1, 0.9], [0.9, 0.1]]], [[1, 0]]),
    ],
)
def test_21_5_predict_classes(p, classes):
    assert fd.Model(nn.Identity()).predict_classes(np.array(p)).tolist() == classes


def test_21_5_two_classes_are_int32_cut_above_one_half():
    predicted = fd.Model(nn.Identity()).predict_classes(np.array([[0.5], [0.6]]))

    assert (predicted.dtype, predicted.shape, predicted.tolist()) == (np.int32, (2, 1), [[0], [1]])


def test_21_5_logits_of_one_column_are_cut_at_0():
    model = fd.Model(nn.Identity()).compile("sgd", loss=nn.BCEWithLogitsLoss())

    assert model.predict_classes(np.array([[0.2], [-0.2]])).tolist() == [[1], [0]]


def test_20_x_none_evaluates_the_feed():
    model = fd.Model(Noting(), feed=Loader(batches(3))).compile("sgd", loss="mse")

    assert model.evaluate(verbose=0) == pytest.approx(model.evaluate(Loader(batches(3)), verbose=0))
    with pytest.raises(ValueError, match="x must be given"):
        linear().evaluate(verbose=0)


@pytest.mark.parity
@pytest.mark.parametrize("arguments", [{}, {"batch_size": 5}, {"steps": 3}, {"batch_size": 5, "steps": 2}], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_20_evaluate_is_keras(arguments, weighted):
    pair = compiled(
        twins(4, 5, 1, end="sigmoid"),
        loss="binary_crossentropy",
        metrics=["mae", "accuracy"],
        weighted_metrics=["mse"],
    )
    x, y = rows(23)
    more = {"sample_weight": weights(23)} if weighted else {}

    keras, own = pair.call("evaluate", x, (y > 0).astype("float32"), return_dict=True, **arguments, **more)

    assert own.result == pytest.approx(keras.result, rel=1e-5)
    assert [event[:2] for event in own.events] == [event[:2] for event in keras.events]


@pytest.mark.parity
@pytest.mark.parametrize("arguments", [{}, {"batch_size": 5}, {"batch_size": 5, "steps": 2}], ids=str)
def test_21_predict_is_keras(arguments):
    pair = compiled(twins(4, 5, 3), loss="mse")

    keras, own = pair.call("predict", rows(23)[0], **arguments)

    np.testing.assert_allclose(own.result, keras.result, rtol=1e-5)
    assert [event[:2] for event in own.events] == [event[:2] for event in keras.events]
