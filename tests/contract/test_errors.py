"""Signatures (contract 0) and the table of errors (contract 24): before anything trains, all at once, by name."""

import inspect
import re

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd
from fitdash import callbacks
from tests.contract.networks import Inputs, Loader, Noter, Pair, batches, linear, noting, parameters, xy

X, Y = xy(10)
POSITIONAL, KEYWORD = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY


def signature(method):
    return {
        name: (parameter.default, parameter.kind)
        for name, parameter in inspect.signature(getattr(fd.Model, method)).parameters.items()
        if name != "self"
    }


def listed(**defaults):
    return {name: (value, POSITIONAL) for name, value in defaults.items()}


REQUIRED = inspect.Parameter.empty
SIGNATURES = {
    "fit": listed(
        x=None, y=None, batch_size=None, epochs=10, verbose=None, callbacks=None, view_metrics=None,
        validation_split=0.0, validation_data=None, shuffle=True, class_weight=None, sample_weight=None,
        initial_epoch=0, steps_per_epoch=None, validation_steps=None,
    ) | {"validation_batch_size": (None, KEYWORD), "validation_freq": (1, KEYWORD)},
    "evaluate": listed(
        x=None, y=None, batch_size=None, verbose=None, sample_weight=None, steps=None, callbacks=None,
        return_dict=False,
    ),
    "predict": listed(x=REQUIRED, batch_size=None, verbose=None, steps=None, callbacks=None),
    "predict_proba": listed(x=REQUIRED, batch_size=None, verbose=0, steps=None),
    "predict_classes": listed(x=REQUIRED, batch_size=None, verbose=0, steps=None),
    "train_on_batch": listed(x=REQUIRED, y=None, sample_weight=None, class_weight=None, return_dict=False),
    "test_on_batch": listed(x=REQUIRED, y=None, sample_weight=None, return_dict=False),
    "predict_on_batch": listed(x=REQUIRED),
}  # fmt: skip


@pytest.mark.parametrize("method", SIGNATURES)
def test_0_1_and_0_2_names_order_defaults_and_kinds_of_arguments(method):
    assert list(signature(method).items()) == list(SIGNATURES[method].items())


def test_0_1_the_arguments_of_the_reference_work_by_place():
    noter = Noter()
    arguments = (X, Y, 4, 3, 0, [noter], False, 0.2, None, False, {0: 1.0}, np.ones(10), 1, 2, 1)

    history = linear().fit(*arguments)

    assert history.epoch == [1, 2]
    assert len(noter.of("on_train_batch_end")) == 4
    assert "val_loss" in history.history


@pytest.mark.parametrize("method", [*SIGNATURES, "compile"])
def test_0_3_unknown_keywords_are_a_type_error_with_the_word(method):
    with pytest.raises(TypeError, match="shufflle"):
        getattr(linear(), method)(X, shufflle=True)


def test_0_4_fit_refuses_only_what_the_contract_refuses():
    model = linear()

    history = model.fit(X, Y, epochs=1, initial_epoch=3, class_weight={0: -1.0}, sample_weight=-np.ones(10), verbose=0)

    assert history.epoch == []


def test_24_fit_and_its_relatives_ask_for_compile():
    model = fd.Model(nn.Linear(2, 1))

    for method in ("fit", "evaluate", "train_on_batch", "test_on_batch"):
        with pytest.raises(RuntimeError, match=f"^{method} needs a compiled model. Call compile"):
            getattr(model, method)(X, Y)
    assert model.predict(X).shape == (10, 1)
    assert model.predict_on_batch(X).shape == (10, 1)
    assert model.predict_classes(X).shape == (10, 1)


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_24_a_missing_loss_is_named(method):
    with pytest.raises(ValueError, match=f"{method} needs a loss"):
        getattr(fd.Model(nn.Linear(2, 1)).compile("sgd"), method)(X, Y)


def test_24_a_list_of_no_losses_is_a_missing_loss():
    model = fd.Model(Pair()).compile("sgd", loss=[None, None])

    with pytest.raises(ValueError, match="loss"):
        model.fit(X, [Y, Y], verbose=0)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"optimizer": "adamm", "loss": "mse"}, "adamm"),
        ({"optimizer": 3, "loss": "mse"}, "3"),
        ({"loss": "msse"}, "msse"),
        ({"loss": "mse", "metrics": ["accuracyy"]}, "accuracyy"),
        ({"loss": "mse", "weighted_metrics": "accuracyy"}, "accuracyy"),
    ],
)
def test_24_unknown_names_are_refused_by_compile(arguments, name):
    with pytest.raises(ValueError, match=name):
        fd.Model(nn.Linear(2, 1)).compile(**arguments)


def test_24_a_failed_compile_leaves_the_model_as_it_was():
    model = linear()
    with pytest.raises(ValueError, match="nope"):
        model.compile("adam", loss="nope")

    assert model.fit(X, Y, epochs=1, verbose=0).epoch == [0]
    assert model.optimizer.param_groups[0]["lr"] == 0.01


@pytest.mark.parametrize("made", [nn.BatchNorm1d, nn.LazyBatchNorm1d], ids=["sized", "lazy"])
@pytest.mark.parametrize("eager", [True, False], ids=["eager", "recorded"])
def test_8_2_a_batch_of_one_row_that_is_normalized_is_refused_before_the_first_update(made, eager):
    layer = made() if made is nn.LazyBatchNorm1d else made(2)
    layer(torch.ones(2, 2))
    model = fd.Model(nn.Sequential(layer, nn.Linear(2, 1))).compile("sgd", loss="mse", run_eagerly=eager)

    before = [parameter.clone() for parameter in model.module.parameters()]
    with pytest.raises(fd.DataError) as caught:
        model.fit(X, Y, batch_size=3, epochs=1, verbose=0)

    assert str(caught.value) == (
        "A batch must have two rows or more where it is normalized, but layer '0', a BatchNorm1d, will get 1: "
        "10 rows in batches of 3 leave one over. Set batch_size=4, which leaves no row alone."
    )
    assert all(map(torch.equal, before, model.module.parameters()))
    assert model.fit(X, Y, batch_size=4, epochs=1, verbose=0).epoch == [0]
    assert model.predict(X[:1]).shape == (1, 1)


REFUSED = [
    ({"y": Y[:9]}, ["x has 10", "y has 9"]),
    ({"sample_weight": np.ones(9)}, ["sample_weight has 9", "x has 10"]),
    ({"x": X[:0], "y": Y[:0]}, ["empty"]),
    ({"x": iter([]), "y": None}, ["empty"]),
    ({"x": X.astype(object)}, ["object"]),
    ({"x": Loader(batches(2))}, ["y"]),
    ({"x": Loader(batches(2)), "y": None, "sample_weight": np.ones(2)}, ["sample_weight"]),
    ({"x": Loader(batches(2)), "y": None, "batch_size": 2}, ["batch_size"]),
    ({"validation_split": 1.0}, ["validation_split", "1.0"]),
    ({"validation_split": 0.99}, ["validation_split", "0.99", "10"]),
    ({"x": Loader(batches(2)), "y": None, "validation_split": 0.5}, ["validation_split"]),
    ({"validation_data": (X, Y, Y, Y)}, ["validation_data", "4 parts"]),
    ({"batch_size": 0}, ["batch_size", "0"]),
    ({"steps_per_epoch": 0}, ["steps_per_epoch", "0"]),
    ({"validation_steps": 0}, ["validation_steps", "0"]),
    ({"validation_freq": 0}, ["validation_freq", "0"]),
    ({"shuffle": "yes"}, ["shuffle", "'yes'"]),
    ({"verbose": 3}, ["verbose", "3"]),
    ({"view_metrics": "yes"}, ["view_metrics", "'yes'"]),
    ({"sample_weight": np.ones((10, 7))}, ["sample_weight", "(10, 7)"]),
    ({"class_weight": [1.0]}, ["class_weight", "[1.0]"]),
    ({"class_weight": {"cat": 1.0}}, ["class_weight", "'cat'"]),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED)
def test_24_wrong_values_are_value_errors_that_name_the_argument_and_what_came(arguments, words):
    model = linear()
    before = parameters(model)

    with pytest.raises(ValueError, match=".") as caught:
        model.fit(**{"x": X, "y": Y, "epochs": 2, "verbose": 0} | arguments)

    assert [word for word in words if word not in str(caught.value)] == []
    assert all((a == b).all() for a, b in zip(before, parameters(model), strict=True))


TEMPORAL = np.ones((10, 3, 2), "float32"), np.ones((10, 3, 1), "float32")


@pytest.mark.parametrize(
    ("data", "weight", "mode", "shapes"),
    [
        ((X, Y), (10, 7), None, r"\(10,\), got \(10, 7\)"),
        ((X, Y[:, 0]), (10, 7), None, r"\(10,\), got \(10, 7\)"),
        (TEMPORAL, (10, 4), None, r"\(10,\) or \(10, 3\), got \(10, 4\)"),
        (TEMPORAL, (10,), "temporal", r"\(n, t\) with sample_weight_mode='temporal', got \(10,\)"),
    ],
)
def test_24_and_5_8_weights_that_fit_no_target_are_refused_before_anything_runs(data, weight, mode, shapes):
    model, noter, wrong = linear(sample_weight_mode=mode), Noter(), np.ones(weight, "float32")
    x, y = data

    with pytest.raises(ValueError, match=f"^sample_weight must have the shape {shapes}"):
        model.fit(x, y, sample_weight=wrong, validation_split=0.2, callbacks=noter, verbose=0)
    with pytest.raises(ValueError, match=f"^validation sample_weight must have the shape {shapes}"):
        model.fit(x, y, validation_data=(x, y, wrong), callbacks=noter, verbose=0)

    assert noter.seen == []


def test_5_7_a_function_may_look_at_steps_that_the_target_does_not_have():
    model = fd.Model(nn.Linear(2, 1)).compile("sgd", lambda y, said: ((y[:, None] - said) ** 2).mean(-1))

    weighted = model.test_on_batch(TEMPORAL[0], Y[:10], np.zeros((10, 3), "float32"))
    model.fit(TEMPORAL[0], Y[:10], sample_weight=np.ones((10, 3), "float32"), epochs=1, verbose=0)

    assert weighted == 0.0


def test_24_a_missing_target_is_named():
    model = fd.Model(Pair(as_dict=True)).compile("sgd", loss="mse")

    with pytest.raises(ValueError, match="'q'"):
        model.fit(X, {"p": Y}, verbose=0)
    with pytest.raises(ValueError, match="'r'"):
        model.fit(X, {"p": Y, "q": Y, "r": Y}, verbose=0)


@pytest.mark.parametrize(
    ("y", "held_out", "words"),
    [({"p": Y, "q": Y}, {"p": Y}, "none for q"), ([Y, Y], [Y], "2, got 1")],
)
def test_24_a_target_that_validation_data_alone_lacks_is_told_before_anything_trains(y, held_out, words):
    model = fd.Model(Pair(as_dict=isinstance(y, dict))).compile("sgd", loss="mse")
    before = parameters(model)

    with pytest.raises(ValueError, match=words):
        model.fit(X, y, validation_data=(X, held_out), verbose=0)

    assert all(np.array_equal(one, other) for one, other in zip(before, parameters(model), strict=True))


def test_13_3_a_target_without_loss_may_be_left_out_of_validation_data():
    model = fd.Model(Pair(as_dict=True)).compile("sgd", loss={"p": "mse", "q": None})

    history = model.fit(X, {"p": Y, "q": Y}, epochs=1, validation_data=(X, {"p": Y}), verbose=0)

    assert "val_loss" in history.history


def test_24_a_missing_input_is_named():
    with pytest.raises(ValueError, match="missing: b"):
        fd.Model(Inputs()).compile("sgd", loss="mse").fit({"a": X}, Y, verbose=0)


@pytest.mark.parametrize("wrong", [3, "History", fd.Callback, callbacks.EarlyStopping, [fd.Callback(), print]])
def test_24_a_wrong_callback_is_a_type_error_with_the_object(wrong):
    named = wrong[-1] if isinstance(wrong, list) else wrong
    name = named.__name__ if isinstance(named, type) else repr(named)

    with pytest.raises(TypeError, match=re.escape(name)):
        linear().fit(X, Y, epochs=1, callbacks=wrong, verbose=0)
    with pytest.raises(TypeError, match=re.escape(name)):
        linear().evaluate(X, Y, callbacks=wrong, verbose=0)


def test_24_an_unknown_monitor_direction_is_named():
    stopping = callbacks.EarlyStopping(monitor="val_kindness")

    with pytest.raises(ValueError, match="val_kindness"):
        linear().fit(X, Y, epochs=1, callbacks=stopping, verbose=0)


def test_24_an_unknown_field_of_a_checkpoint_is_a_key_error(tmp_path):
    saving = callbacks.ModelCheckpoint(str(tmp_path / "{val_nothing}.pt"))

    with pytest.raises(KeyError, match="val_nothing"):
        linear().fit(X, Y, epochs=1, callbacks=saving, verbose=0)


def test_24_all_that_is_wrong_is_said_at_once():
    noter, model = Noter(), linear()

    with pytest.raises(ValueError, match=".") as caught:
        model.fit(
            X, Y[:9], batch_size=0, validation_split=2, shuffle="yes", class_weight=[1], steps_per_epoch=-1,
            validation_freq=0, verbose=7, callbacks=noter,
        )  # fmt: skip

    lines = str(caught.value).splitlines()
    names = ["batch_size", "steps_per_epoch", "verbose", "validation_split", "validation_freq", "shuffle"]
    for name in [*names, "class_weight", "x has 10, y has 9"]:
        assert len([line for line in lines if name in line]) == 1, name
    assert noter.seen == []


def test_24_problems_of_several_classes_are_one_error_of_all_of_them():
    with pytest.raises(ValueError, match="batch_size must be(.|\n)*epochs must be(.|\n)*callbacks must be") as caught:
        linear().fit(X, Y, batch_size=0, epochs=None, callbacks=3, verbose=0)

    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, fd.FitdashError)


def test_24_what_is_raised_is_one_family():
    for arguments, _ in REFUSED[:3]:
        with pytest.raises(fd.FitdashError):
            linear().fit(**{"x": X, "y": Y, "verbose": 0} | arguments)


def test_24_several_problems_of_compile_come_together_and_change_nothing():
    model = linear()

    with pytest.raises(ValueError, match="'sgdd'(.|\n)*'msee'(.|\n)*'maee'(.|\n)*device(.|\n)*precision"):
        model.compile("sgdd", "msee", ["maee"], device="gpu", precision="int8")

    assert model.metrics_names == ["loss"]


def test_24_several_problems_of_evaluate_come_together():
    words = (
        "batch_size must be(.|\n)*steps must be(.|\n)*verbose must be(.|\n)*callbacks must be(.|\n)*x has 10, y has 3"
    )

    with pytest.raises(ValueError, match=words):
        linear().evaluate(X, Y[:3], batch_size=0, steps=0, verbose=7, callbacks=5)


def test_24_several_problems_of_predict_come_together():
    with pytest.raises(ValueError, match="steps must be(.|\n)*verbose must be(.|\n)*dtype object"):
        linear().predict(X.astype(object), steps=0, verbose=7)


def test_24_an_input_that_validation_lacks_is_named_before_anything_trains():
    model, noter = fd.Model(Inputs()).compile("sgd", "mse"), Noter()
    a, b = X, np.ones((10, 3), "float32")

    with pytest.raises(ValueError, match="validation x must have the inputs that forward needs; missing: b"):
        model.fit({"a": a, "b": b}, Y, validation_data=({"a": a}, Y), callbacks=noter, verbose=0)

    assert noter.seen == []


@pytest.mark.parametrize(("given", "name"), [({"validation_data": "rows.csv"}, "validation_data"), ({"x": b"1"}, "x")])
def test_24_text_is_no_data(given, name):
    noter = Noter()

    with pytest.raises(ValueError, match=f"^{name} must be data, got the text"):
        linear().fit(**{"x": X, "y": Y, "verbose": 0, "callbacks": noter} | given)

    assert noter.seen == []


def test_a_refused_fit_leaves_an_iterator_untouched():
    source = iter(batches(3))

    with pytest.raises(ValueError, match="batch_size"):
        noting().fit(source, batch_size=3, verbose=0)

    assert len(list(source)) == 3


def test_a_module_is_asked_for_where_something_else_came():
    with pytest.raises(TypeError, match="module must be a torch.nn.Module, got str"):
        fd.Model("resnet")
    assert torch.is_grad_enabled()
