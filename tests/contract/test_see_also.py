"""The functions that the page of fit refers to (contract 23)."""

import json
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd
from tests.contract.networks import Loader, Noter, Noting, Pair, batches, firsts, linear, noting, xy

X, Y = xy(10)


@pytest.fixture
def model():
    inner = nn.Sequential(nn.ReLU(), nn.Linear(3, 3))
    return fd.Model(nn.Sequential(nn.Linear(2, 3), inner, nn.BatchNorm1d(3), nn.Linear(3, 1)))


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"index": 0}, nn.Linear),
        ({"index": 2}, nn.BatchNorm1d),
        ({"index": -1}, nn.Linear),
        ({"index": -4}, nn.Linear),
        ({"name": "1"}, nn.Sequential),
        ({"name": "1.0"}, nn.ReLU),
        ({"name": "1.1"}, nn.Linear),
    ],
)
def test_23_1_a_layer_by_name_or_by_index_from_0(model, asked, kind):
    assert type(model.get_layer(**asked)) is kind


def test_23_1_names_may_be_given_by_place():
    model = fd.Model(Pair())

    assert model.get_layer("q") is model.module.q is model.get_layer(index=1)


@pytest.mark.parametrize("asked", [{}, {"name": "1", "index": 0}])
def test_23_1_neither_or_both_are_refused(model, asked):
    with pytest.raises(ValueError, match="either a name or an index"):
        model.get_layer(**asked)


@pytest.mark.parametrize("asked", [{"name": "dense_7"}, {"name": ""}, {"index": 4}, {"index": -5}])
def test_23_1_an_unknown_layer_is_refused_with_the_known_names(model, asked):
    with pytest.raises(ValueError, match=r"Known: 0, 1, 1\.0, 1\.1, 2, 3"):
        model.get_layer(**asked)


def test_23_2_pop_layer_takes_the_last_layer_and_training_goes_on():
    model = fd.Model(nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 4)))
    model.compile("adam", loss="mse", metrics=["mae", "r2_score"])
    model.fit(X, np.tile(Y, 4), epochs=1, verbose=0)
    last = model.module[1]
    frozen = [p.detach().clone() for p in last.parameters()]

    popped = model.pop_layer()
    history = model.fit(X, Y, epochs=2, verbose=0)

    assert popped is last
    assert len(model.module) == 1
    assert len(history.history["r2_score"]) == 2
    assert all(torch.equal(a, b) for a, b in zip(frozen, last.parameters(), strict=True))
    held = [p for group in model.optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in held} == {id(p) for p in model.module.parameters()}
    assert model.predict(X).shape == (10, 1)


def test_23_2_pop_layer_works_before_compile_and_before_fit():
    model = fd.Model(nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 4)))
    model.pop_layer()
    model.compile("adam", loss="mse")
    assert model.fit(X, Y, epochs=1, verbose=0).epoch == [0]


@pytest.mark.parametrize("module", [nn.Sequential(), nn.Linear(2, 1)])
def test_23_2_what_has_no_last_layer_is_refused(module):
    with pytest.raises(ValueError, match="pop_layer needs"):
        fd.Model(module).pop_layer()


def test_23_3_summary_lists_layers_and_totals(model):
    model.compile("sgd", loss="mse").fit(X, Y, epochs=1, verbose=0)
    model.module[0].weight.requires_grad_(False)
    lines = []

    assert model.summary(print_fn=lines.append) is None

    text = "\n".join(lines)
    rows = [line.split() for line in lines]
    assert ["0", "(Linear)", "(None,", "3)", "9"] in rows
    assert ["1.1", "(Linear)", "(None,", "3)", "12"] in rows
    assert "Total parameters: 31" in text
    assert "Trainable parameters: 25" in text
    assert "Non-trainable parameters: 6" in text


def test_23_3_summary_before_any_data_and_of_lazy_layers(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = fd.Model(nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 1)))

    model.summary()

    out = capsys.readouterr().out
    assert "?" in out
    assert "Total parameters: 4" in out


def test_23_3_line_length_is_the_width_of_a_row(model):
    lines = []

    model.summary(line_length=100, print_fn=lines.append)

    assert max(map(len, lines)) == 100


def test_23_3_summary_runs_no_forward_call_and_changes_nothing():
    model = noting()
    model.train_on_batch(np.ones((3, 1)), np.ones(3))
    before = model.get_weights()

    model.summary(print_fn=lambda line: None)

    assert len(model.module.trained) == 1
    assert model.module.tested == []
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_23_4_get_config_is_data_for_json(model):
    uncompiled = json.loads(json.dumps(model.get_config()))
    model.compile(torch.optim.Adam, loss=nn.MSELoss(), metrics=["mae", nn.L1Loss], loss_weights={"out1": 2.0})

    config = json.loads(json.dumps(model.get_config()))

    assert uncompiled["compile"] is None
    assert config["module"]["class"] == "Sequential"
    assert [layer["class"] for layer in config["module"]["layers"]] == [
        "Linear", "ReLU", "Linear", "BatchNorm1d", "Linear",
    ]  # fmt: skip
    assert config["compile"]["metrics"][0] == "mae"
    assert config["compile"]["loss_weights"] == {"out1": 2.0}
    assert "MSELoss" in config["compile"]["loss"]


def test_23_5_the_generator_methods_are_deprecated_names():
    model = noting()

    with pytest.warns(DeprecationWarning, match="fit_generator is deprecated"):
        history = model.fit_generator(iter(batches(6)), 2, 3, 0)
    with pytest.warns(DeprecationWarning, match="evaluate_generator is deprecated"):
        value = model.evaluate_generator(iter(batches(6)), 2, verbose=0)
    with pytest.warns(DeprecationWarning, match="predict_generator is deprecated"):
        predicted = model.predict_generator(iter(batches(6)), 3)

    assert firsts(model.module.trained) == [1, 2, 3, 4, 5, 6]
    assert history.epoch == [0, 1, 2]
    assert value == pytest.approx(model.evaluate(Loader(batches(2)), verbose=0))
    assert predicted.shape == (3, 1)


def test_23_5_the_generator_methods_take_rs_arguments_by_place_and_name():
    model, noter = noting(), Noter()

    with pytest.warns(DeprecationWarning, match="fit_generator"):
        history = model.fit_generator(
            iter(batches(9)), 2, 4, 0, [noter], False, Loader(batches(3)), 1, {0: 1.0}, 10, 1, 2
        )  # fmt: skip
    with pytest.warns(DeprecationWarning, match="predict_generator"):
        model.predict_generator(iter(batches(3)), 1, max_queue_size=10, workers=2, verbose=0)

    assert history.epoch == [2, 3]
    assert firsts(model.module.tested) == [1, 1, 1]
    assert len(noter.of("on_epoch_end")) == 2
    with pytest.warns(DeprecationWarning, match="evaluate"), pytest.raises(TypeError, match="at most"):
        model.evaluate_generator(iter(batches(3)), 1, 2, 3, None, 5)


def test_23_5_multi_gpu_model_points_elsewhere():
    with pytest.raises(NotImplementedError, match="DataParallel"):
        fd.multi_gpu_model(linear(), gpus=2)


def test_23_5_rs_constructors():
    module = Noting()

    sequential = fd.keras_model_sequential([nn.Linear(2, 1), nn.ReLU()])

    assert fd.keras_model(module).module is module
    assert isinstance(sequential, fd.Model)
    assert [type(layer) for layer in sequential.module] == [nn.Linear, nn.ReLU]


def test_23_6_metrics_names_are_complete_and_in_order():
    model = fd.Model(Pair(as_dict=True))
    model.compile(
        "sgd", loss={"p": "mse", "q": "mae"}, metrics={"q": ["mse"], "p": "mae"}, weighted_metrics={"p": ["mae"]}
    )  # fmt: skip
    history = model.fit(X, {"p": Y, "q": Y}, validation_split=0.2, epochs=1, verbose=0)

    names = ["loss", "p_loss", "q_loss", "p_mae", "q_mse", "p_weighted_mae"]
    assert model.metrics_names == names
    assert list(history.history) == [*names, *(f"val_{name}" for name in names)]


def test_23_6_metrics_names_before_the_first_batch():
    assert linear(metrics=["mae"]).metrics_names == ["loss", "mae"]
    with pytest.raises(RuntimeError, match="compile"):
        fd.Model(nn.Linear(1, 1)).metrics_names  # noqa: B018


def test_23_7_weights_can_be_taken_and_put_back(model):
    model.compile("sgd", loss="mse")
    before = model.get_weights()
    model.fit(X, Y, epochs=1, verbose=0)
    moved = model.get_weights()

    model.set_weights(before)

    assert len(before) == len(model.module.state_dict())
    assert any((a != b).any() for a, b in zip(before, moved, strict=True))
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("change", [lambda weights: weights[:-1], lambda weights: [*weights[:-1], np.zeros((7, 7))]])
def test_23_7_weights_of_other_shapes_are_refused(change):
    model = linear()

    with pytest.raises(ValueError, match="weights must have the shapes"):
        model.set_weights(change(model.get_weights()))
