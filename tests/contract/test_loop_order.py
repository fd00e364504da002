"""The order of things in a fit (contract 14)."""

import pytest
import torch
from torch import nn

import fitdash as fd
from tests.contract.networks import Loader, Noter, batches, linear, noting, parameters, xy
from tests.parity import assert_same, compiled, rows, twins

X, Y = xy(10)
LAMBDA = fd.callbacks.LambdaCallback


def test_14_1_arguments_are_checked_before_any_hook_and_the_flag_is_cleared_before_the_first():
    model, seen = linear(), []
    model.stop_training = True
    noter = Noter()

    with pytest.raises(ValueError, match="batch_size"):
        model.fit(X, Y, batch_size=0, callbacks=noter, verbose=0)
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=LAMBDA(
        on_train_begin=lambda logs: seen.append(model.stop_training)))  # fmt: skip

    assert (noter.seen, seen, history.epoch) == ([], [False], [0, 1])


def test_14_1_training_begins_and_ends_around_all_epochs_and_the_history_is_returned():
    noter, model = Noter(), linear()

    history = model.fit(X, Y, epochs=2, callbacks=noter, verbose=0)

    begin_end = ["on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_epoch_end"]
    assert noter.names() == ["on_train_begin", *begin_end, *begin_end, "on_train_end"]
    assert history is model.history


class Trace(nn.Linear):
    """Tells when it is called forward and when its gradient comes."""

    def __init__(self, events):
        super().__init__(2, 1)
        self.events = events
        self.weight.register_post_accumulate_grad_hook(lambda p: events.append("backward"))

    def forward(self, x):
        self.events.append(f"forward train={self.training} grad={torch.is_grad_enabled()}")
        return super().forward(x)


def test_14_2_a_step_is_begin_forward_backward_update_end():
    events = []
    module = Trace(events)

    class Optimizer(torch.optim.SGD):
        def step(self, closure=None):
            events.append("update")
            return super().step(closure)

    def note(name):
        return lambda *_: events.append(name)

    hooks = ["on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_test_begin", "on_test_end"]
    model = fd.Model(module).compile(Optimizer(module.parameters(), lr=0.1), loss="mse")
    model.fit(X, Y, batch_size=5, epochs=1, validation_split=0.5, verbose=0,
              callbacks=LAMBDA(**{hook: note(hook) for hook in [*hooks, "on_epoch_end"]}))  # fmt: skip

    assert events == [
        "on_epoch_begin", "on_train_batch_begin", "forward train=True grad=True", "backward", "update",
        "on_train_batch_end", "on_test_begin", "forward train=False grad=False", "on_test_end", "on_epoch_end",
    ]  # fmt: skip


def test_14_2_gradients_of_earlier_batches_and_of_the_caller_do_not_count():
    model, module = linear(), nn.Linear(2, 1)
    other = fd.Model(module).compile("sgd", loss="mse")
    other.set_weights(model.get_weights())
    module(torch.ones(3, 2)).sum().backward()

    model.fit(X, Y, batch_size=3, epochs=1, shuffle=False, verbose=0)
    other.fit(X, Y, batch_size=3, epochs=1, shuffle=False, verbose=0)

    assert all((a == b).all() for a, b in zip(parameters(model), parameters(other), strict=True))


def test_14_2_metrics_begin_anew_in_every_epoch():
    model = fd.Model(nn.Linear(2, 1)).compile(fd.optimizers.sgd(learning_rate=0.0), loss="mse", metrics=["mae"])

    history = model.fit(X, Y, epochs=3, batch_size=4, shuffle=False, verbose=0).history

    assert history["loss"] == [history["loss"][0]] * 3
    assert history["mae"] == [history["mae"][0]] * 3


@pytest.mark.parametrize(
    ("method", "mode"),
    [
        ("evaluate", "train=False grad=False"),
        ("test_on_batch", "train=False grad=False"),
        ("predict", "train=False grad=False"),
        ("predict_on_batch", "train=False grad=False"),
        ("train_on_batch", "train=True grad=True"),
    ],
)
def test_14_3_mode_and_gradients_of_each_method(method, mode):
    events = []
    model = fd.Model(Trace(events)).compile("sgd", loss="mse")
    model.module.train(mode != "train=True grad=True")
    data = (X,) if "predict" in method else (X, Y)

    getattr(model, method)(*data)

    assert events[0] == f"forward {mode}"


def test_14_4_after_fit_the_module_is_in_eval_mode_and_after_train_on_batch_in_train_mode():
    model = linear()

    model.fit(X, Y, epochs=1, verbose=0)
    after_fit = model.module.training
    model.train_on_batch(X, Y)

    assert (after_fit, model.module.training) == (False, True)


@pytest.mark.parametrize("method", ["evaluate", "predict", "test_on_batch", "predict_on_batch"])
def test_14_4_and_3_6_a_look_in_mid_epoch_changes_neither_mode_nor_running_values(method):
    def fitted(look):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 1))
        model = fd.Model(module).compile("adam", loss="mse", metrics=["mae", "r2_score"])
        modes, running = [], []

        def peek(batch, logs):
            if look:
                data = (X,) if "predict" in method else (X + 5, Y)
                getattr(model, method)(*data, **({"verbose": 0} if method in ("evaluate", "predict") else {}))
            modes.append(module.training and module[1].training)
            running.append(dict(logs))

        history = model.fit(X, Y, batch_size=4, epochs=2, verbose=0, validation_split=0.2,
                            callbacks=LAMBDA(on_train_batch_end=peek))  # fmt: skip
        assert all(modes)
        return history.history, running, parameters(model)

    (plain, running, end), (looked, running_too, end_too) = fitted(False), fitted(True)

    assert plain == looked
    assert running == running_too
    assert all((a == b).all() for a, b in zip(end, end_too, strict=True))


def test_14_4_a_part_frozen_in_eval_mode_stays_so_after_evaluate():
    module = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    model = fd.Model(module).compile("sgd", loss="mse")
    module[1].eval()

    model.evaluate(X, Y, verbose=0)

    assert [part.training for part in module] == [True, False, True]


@pytest.mark.parametrize("method", ["evaluate", "predict"])
def test_3_6_a_look_in_mid_validation_changes_no_validation_values(method):
    def fitted(look):
        torch.manual_seed(0)
        model = linear(metrics=["mae"])

        def peek(batch, logs):
            if look and not inside:
                inside.append(1)
                getattr(model, method)(X + 5, **({"y": Y} if method == "evaluate" else {}), verbose=0)

        inside = []
        return model.fit(X, Y, epochs=2, validation_data=(X, Y), validation_batch_size=3, verbose=0,
                         callbacks=LAMBDA(on_test_batch_end=peek)).history  # fmt: skip

    assert fitted(False) == fitted(True)


def test_3_6_train_on_batch_in_mid_epoch_leaves_the_running_values_alone():
    model = fd.Model(nn.Linear(2, 1)).compile(fd.optimizers.sgd(learning_rate=0.0), loss="mse", metrics=["mae"])

    plain = model.fit(X, Y, epochs=1, batch_size=4, shuffle=False, verbose=0).history
    disturbed = model.fit(X, Y, epochs=1, batch_size=4, shuffle=False, verbose=0, callbacks=LAMBDA(
        on_train_batch_end=lambda batch, logs: model.train_on_batch(X + 9, Y))).history  # fmt: skip

    assert plain == disturbed


def test_14_5_statistics_of_batch_norm_move_in_training_batches_only():
    model = fd.Model(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))).compile("sgd", loss="mse")

    model.fit(X, Y, batch_size=5, epochs=2, validation_data=(X, Y), verbose=0)
    counted_batches = int(model.module[1].num_batches_tracked)
    before = model.get_weights()
    model.evaluate(X, Y, verbose=0)
    model.predict(X)
    model.test_on_batch(X, Y)

    assert counted_batches == 4
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_epoch_end", "on_test_end", "on_train_begin"])
def test_14_6_an_error_comes_through_and_training_does_not_end(error, hook):
    noter, model, mine = Noter(), linear(), error("mine")
    count = []

    def fail(*_):
        count.append(1)
        if len(count) == 2 or hook == "on_train_begin":
            raise mine

    with pytest.raises(error) as caught:
        model.fit(X, Y, epochs=3, validation_split=0.2, verbose=0, callbacks=[noter, LAMBDA(**{hook: fail})])

    assert caught.value is mine
    assert "on_train_end" not in noter.names()
    assert model.history.epoch == ([] if hook == "on_train_begin" else [0])


def test_14_6_training_goes_on_after_an_error():
    model = linear()
    with pytest.raises(ZeroDivisionError):
        model.fit(X, Y, epochs=3, verbose=0, callbacks=LAMBDA(on_epoch_end=lambda *_: 1 / 0))

    assert model.fit(X, Y, epochs=2, verbose=0).epoch == [0, 1]


def test_15_11_hooks_run_with_gradients():
    seen = []

    linear().fit(X, Y, epochs=1, validation_data=(X, Y), verbose=0, callbacks=LAMBDA(
        on_train_batch_end=lambda *_: seen.append(torch.is_grad_enabled()),
        on_test_batch_end=lambda *_: seen.append(torch.is_grad_enabled())))  # fmt: skip

    assert seen == [True, True]


@pytest.mark.parity
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"validation_split": 0.3},
        {"validation_split": 0.3, "validation_freq": 2, "validation_batch_size": 2},
        {"initial_epoch": 2},
        {"initial_epoch": 5},
    ],
    ids=str,
)
def test_14_events_and_logs_are_those_of_keras(arguments):
    pair = compiled(twins(4, 5, 1, end="sigmoid"), loss="mse", metrics=["mae"], optimizer="rmsprop")

    keras, own = pair.fit(*rows(11), **{"epochs": 3, "batch_size": 4} | arguments)

    assert_same(own, keras)


def test_a_source_of_batches_is_trained_by_the_same_loop():
    noter = Noter()

    noting().fit(Loader(batches(2)), epochs=1, callbacks=noter, verbose=0)

    assert noter.names().count("on_train_batch_end") == 2
