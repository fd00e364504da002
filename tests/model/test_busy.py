"""One fit of a model at a time: other threads are refused, and the fit goes on unharmed."""

import pickle
import threading

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd

X = np.arange(24, dtype="float32").reshape(12, 2) / 24
Y = X.sum(1)


def compiled(module=None):
    torch.manual_seed(0)
    return fd.Model(module or nn.Linear(2, 1)).compile("sgd", loss="mse")


class Elsewhere(fd.Callback):
    """Calls a function in another thread, in mid-epoch, and waits for it."""

    def __init__(self, call):
        super().__init__()
        self.call, self.result = call, None

    def on_train_batch_end(self, batch, logs=None):
        if self.result is None:
            thread = threading.Thread(target=self._run)
            thread.start()
            thread.join()

    def _run(self):
        try:
            self.result = self.call(self.model)
        except BaseException as error:
            self.result = error


FROM_ANOTHER_THREAD = {
    "fit": lambda model: model.fit(X, Y, epochs=1, verbose=0),
    "compile": lambda model: model.compile("adam", loss="mae"),
    "evaluate": lambda model: model.evaluate(X, Y, verbose=0),
    "predict": lambda model: model.predict(X),
    "train_on_batch": lambda model: model.train_on_batch(X, Y),
    "test_on_batch": lambda model: model.test_on_batch(X, Y),
    "predict_on_batch": lambda model: model.predict_on_batch(X),
}


@pytest.mark.parametrize("method", FROM_ANOTHER_THREAD)
def test_14_7_another_thread_is_refused_and_the_fit_goes_on_unharmed(method):
    model, alone = compiled(), compiled()
    torch.manual_seed(1)
    expected = alone.fit(X, Y, batch_size=4, epochs=2, verbose=0).history
    callback = Elsewhere(FROM_ANOTHER_THREAD[method])

    torch.manual_seed(1)
    history = model.fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=[callback])

    assert isinstance(callback.result, fd.BusyError)
    assert isinstance(callback.result, RuntimeError)
    assert str(callback.result).startswith(f"{method} must not be called while another thread is in fit")
    assert history.history == expected
    assert model.history is history
    assert history.epoch == [0, 1]


def test_14_7_two_threads_that_fit_at_once_are_one_fit_and_one_error():
    model, gate, results = compiled(), threading.Barrier(2), []
    inside, done = threading.Event(), threading.Event()

    class Waiting(fd.Callback):
        def on_train_begin(self, logs=None):
            inside.set()
            done.wait(10)

    def train():
        gate.wait(10)
        try:
            results.append(model.fit(X, Y, epochs=2, verbose=0, callbacks=[Waiting()]))
        except fd.BusyError as error:
            results.append(error)
            done.set()

    threads = [threading.Thread(target=train) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(type(result).__name__ for result in results) == ["BusyError", "History"]
    assert inside.is_set()
    assert model.fit(X, Y, epochs=1, verbose=0).epoch == [0]


def test_14_7_a_fit_within_a_callback_is_refused():
    class Nested(fd.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.fit(X, Y, epochs=1, verbose=0)

    model = compiled()

    with pytest.raises(fd.BusyError, match="fit must not be called by a callback of a fit of the same model"):
        model.fit(X, Y, epochs=2, verbose=0, callbacks=[Nested()])

    assert model.fit(X, Y, epochs=1, verbose=0).epoch == [0]


def test_14_7_a_callback_may_evaluate_predict_and_train_on_a_batch():
    class Own(fd.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.evaluate(X, Y, verbose=0)
            self.model.predict(X)
            self.model.train_on_batch(X, Y)

    assert compiled().fit(X, Y, epochs=1, verbose=0, callbacks=[Own()]).epoch == [0]


@pytest.mark.parametrize("kind", ["another model", "a model of the same module"])
def test_14_7_other_models_may_train_meanwhile(kind):
    def call(model):
        other = {
            "another model": compiled,
            "a model of the same module": lambda: compiled(model.module),
        }[kind]()
        return other.fit(X, Y, epochs=1, verbose=0)

    callback = Elsewhere(call)
    compiled().fit(X, Y, epochs=1, verbose=0, callbacks=[callback])

    assert callback.result.epoch == [0]


def test_14_7_a_fit_that_failed_or_was_refused_leaves_the_model_free():
    model = compiled()

    with pytest.raises(fd.DataError):
        model.fit(X, Y[:5], verbose=0)

    assert model.fit(X, Y, epochs=1, verbose=0).epoch == [0]
    assert str(pickle.loads(pickle.dumps(fd.BusyError("words")))) == "words"
