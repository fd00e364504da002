"""How a fit, an evaluation and a prediction are stopped (contract 15.8 and 15.9)."""

import numpy as np
import pytest

import fitdash as fd
from tests.contract.networks import Noter, counted, linear, noting, xy
from tests.parity import assert_same, assert_same_numbers, compiled, rows, twins

X, Y = xy(10)
LAMBDA = fd.callbacks.LambdaCallback


def stopped(hook, *, freq=1, at=0, batch_size=5):
    """The hooks of a fit over 2 batches and 3 epochs in which one hook sets stop_training at its (at + 1)th call."""
    model, noter, calls = linear(), Noter(), []

    def stop(*_):
        calls.append(1)
        if len(calls) == at + 1:
            model.stop_training = True

    history = model.fit(X, Y, batch_size=batch_size, epochs=3, validation_data=(X, Y), validation_freq=freq, verbose=0,
                        callbacks=[LAMBDA(**{hook: stop}), noter])  # fmt: skip
    return history, noter


@pytest.mark.parametrize(
    ("hook", "batches_of_first_epoch"),
    [
        ("on_train_begin", 1),
        ("on_epoch_begin", 1),
        ("on_train_batch_begin", 1),
        ("on_train_batch_end", 1),
        ("on_batch_begin", 1),
        ("on_batch_end", 1),
        ("on_test_begin", 2),
        ("on_test_batch_begin", 2),
        ("on_test_batch_end", 2),
        ("on_test_end", 2),
        ("on_epoch_end", 2),
    ],
)
def test_15_8_stop_training_from_every_hook_ends_after_the_batch_and_still_validates(hook, batches_of_first_epoch):
    history, noter = stopped(hook)

    assert history.epoch == [0]
    assert len(noter.of("on_train_batch_end")) == batches_of_first_epoch
    assert "val_loss" in history.history
    assert noter.names()[-2:] == ["on_epoch_end", "on_train_end"]


def test_15_8_validation_runs_only_if_it_is_due():
    history, noter = stopped("on_train_batch_end", freq=2)

    assert "on_test_begin" not in noter.names()
    assert list(history.history) == ["loss"]


def test_15_8_the_epoch_that_is_stopped_has_the_values_of_the_batches_that_ran():
    model = noting(optimizer=fd.optimizers.sgd(learning_rate=0.0))
    x, y = counted(6)
    first = model.evaluate(x[:2], y[:2], verbose=0)

    history = model.fit(x, y, batch_size=2, epochs=3, shuffle=False, verbose=0, callbacks=LAMBDA(
        on_train_batch_end=lambda batch, logs: setattr(model, "stop_training", True)))  # fmt: skip

    assert history.history["loss"] == [pytest.approx(first)]


def test_15_8_the_flag_survives_evaluate_and_predict_in_a_later_callback():
    model = linear()

    history = model.fit(X, Y, epochs=5, verbose=0, callbacks=[
        LAMBDA(on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", epoch == 1)),
        LAMBDA(on_epoch_end=lambda epoch, logs: (model.evaluate(X, Y, verbose=0), model.predict(X))),
    ])  # fmt: skip

    assert (history.epoch, model.stop_training) == ([0, 1], True)


def test_15_8_the_flag_is_cleared_when_the_next_fit_starts():
    model = linear()
    model.fit(X, Y, epochs=3, verbose=0, callbacks=LAMBDA(
        on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", True)))  # fmt: skip

    assert model.fit(X, Y, epochs=2, verbose=0).epoch == [0, 1]
    assert model.stop_training is False


def test_15_8_a_stop_in_training_begin_reaches_the_loop():
    history, _ = stopped("on_train_begin", batch_size=2)

    assert history.epoch == [0]


def test_15_8b_stop_run_ends_after_the_batch_without_validation_and_leaves_the_history():
    model, noter = linear(), Noter()

    class Steering(fd.Callback):
        partial = None

        def between_steps(self, moment):
            return (moment.epoch, moment.last) == (1, 0)

        def on_partial_epoch(self, epoch, logs):
            self.partial = (epoch, list(logs))

    steering = Steering()
    history = model.fit(X, Y, batch_size=5, epochs=3, validation_data=(X, Y), verbose=0, callbacks=[noter, steering])

    assert history.epoch == [0]
    assert steering.partial == (1, ["loss"])
    assert noter.names()[-1] == "on_train_end"
    assert len(noter.of("on_test_begin")) == 1
    assert len(noter.of("on_train_batch_end")) == 3
    assert model.module.training is False


def test_15_9_stop_evaluating_ends_after_the_batch_and_covers_what_was_seen():
    model = noting()
    x, y = counted(9)

    full = model.evaluate(x[:6], y[:6], verbose=0)
    cut = model.evaluate(x, y, batch_size=3, verbose=0, callbacks=LAMBDA(
        on_test_batch_end=lambda batch, logs: setattr(model, "stop_evaluating", batch == 1)))  # fmt: skip

    assert cut == pytest.approx(full)
    assert model.evaluate(x, y, verbose=0) != pytest.approx(cut)


def test_15_9_stop_evaluating_in_validation_does_not_stop_training():
    model = noting()

    history = model.fit(*counted(4), epochs=2, validation_data=counted(9), validation_batch_size=3, verbose=0,
                        callbacks=LAMBDA(on_test_batch_end=lambda batch, logs: setattr(
                            model, "stop_evaluating", True)))  # fmt: skip

    assert history.epoch == [0, 1]
    assert model.module.tested == [[0, 1, 2]] * 2


def test_15_9_stop_evaluating_before_the_first_batch_leaves_that_batch_also_where_steps_are_replayed():
    model = linear()
    x, y = xy(40)

    history = model.fit(x, y, epochs=60, batch_size=4, validation_data=(x, y), validation_batch_size=4, verbose=0,
                        callbacks=LAMBDA(on_test_begin=lambda logs: setattr(
                            model, "stop_evaluating", True)))  # fmt: skip

    assert history.params["stepper"].startswith("recorded")
    assert history.history["val_loss"][-1] == pytest.approx(model.evaluate(x[:4], y[:4], verbose=0))


def test_15_9_stop_predicting_ends_after_the_batch_and_gives_what_was_predicted():
    model = linear()

    predicted = model.predict(X, batch_size=4, callbacks=LAMBDA(
        on_predict_batch_end=lambda batch, logs: setattr(model, "stop_predicting", batch == 1)))  # fmt: skip

    assert predicted.shape == (8, 1)
    assert model.predict(X).shape == (10, 1)


@pytest.mark.parity
@pytest.mark.parametrize(
    "hook",
    ["on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_test_begin",
     "on_test_batch_end", "on_test_end", "on_epoch_end"],
)  # fmt: skip
@pytest.mark.parametrize("at", [0, 1])
def test_15_8_stopping_is_keras(hook, at):
    def stop(kit):
        calls = []

        def act(self, *_, **__):
            calls.append(1)
            if len(calls) == at + 1:
                self.model.stop_training = True

        return [type("Stop", (kit.Callback,), {hook: act})()]

    pair = compiled(twins(4, 5, 1, end="linear"), loss="mse")

    keras, own = pair.fit(*rows(11), epochs=3, batch_size=4, validation_split=0.3, callbacks=stop)

    assert_same(own, keras)


@pytest.mark.parity
@pytest.mark.parametrize("method", ["evaluate", "predict"])
def test_15_9_stopping_evaluation_and_prediction_is_keras(method):
    def stop(kit):
        kind = {"evaluate": "test", "predict": "predict"}[method]
        flag = {"evaluate": "stop_evaluating", "predict": "stop_predicting"}[method]

        def act(self, batch, logs=None):
            if batch == 1:
                setattr(self.model, flag, True)

        return [type("Stop", (kit.Callback,), {f"on_{kind}_batch_end": act})()]

    x, y = rows(11)
    pair = compiled(twins(4, 5, 1, end="linear"), loss="mse", metrics=["mae"])

    keras, own = pair.call(method, x, *([y] if method == "evaluate" else []), batch_size=3, callbacks=stop)

    np.testing.assert_allclose(own.result, keras.result, rtol=1e-5)
    assert [event[:2] for event in own.events] == [event[:2] for event in keras.events]
    for (hook, _, a), (_, _, b) in zip(own.events, keras.events, strict=True):
        assert_same_numbers(a, b, where=hook)
