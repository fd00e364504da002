"""`Model` from end to end, on the smallest things that show it."""

import inspect
import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd


@pytest.fixture
def model():
    return fd.Model(nn.Linear(2, 1)).compile("sgd", loss="mse", metrics=["mae"])


@pytest.fixture
def xy():
    x = np.random.default_rng(0).normal(size=(10, 2)).astype("float32")
    return x, x @ np.array([[1.0], [2.0]], dtype="float32")


def test_0_1_fit_takes_the_arguments_of_the_reference_in_its_order():
    parameters = inspect.signature(fd.Model.fit).parameters

    assert [*parameters][1:] == [
        "x", "y", "batch_size", "epochs", "verbose", "callbacks", "view_metrics", "validation_split",
        "validation_data", "shuffle", "class_weight", "sample_weight", "initial_epoch", "steps_per_epoch",
        "validation_steps", "validation_batch_size", "validation_freq",
    ]  # fmt: skip
    assert parameters["epochs"].default == 10
    assert parameters["shuffle"].default is True
    assert parameters["validation_freq"].kind is inspect.Parameter.KEYWORD_ONLY


def test_fit_learns_and_returns_what_it_logged(model, xy):
    history = model.fit(*xy, epochs=50, validation_split=0.2, verbose=0)

    assert list(history.history) == ["loss", "mae", "val_loss", "val_mae"]
    assert history.epoch == list(range(50))
    assert history.history["val_loss"][-1] < 0.5 * history.history["val_loss"][0]
    assert model.history is history


def test_a_fit_is_prepared_as_fit_would_train_it_and_not_trained(model, xy):
    before = model.get_weights()

    fit = model.prepare_fit(*xy, 4, epochs=3, validation_split=0.2, verbose=0)

    assert model.training is fit
    assert model.history is fit.callbacks.history
    assert (fit.initial_epoch, fit.epochs, fit.passes.steps) == (0, 3, 2)
    assert fit.validation is not None
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


def test_what_a_callback_tells_stands_in_the_history_and_reaches_those_that_listen(model, xy):
    heard = []

    class Tells(fd.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.tell("seen", loss=1.0)

    class Listens(fd.Callback):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def on_tell(self, event):
            heard.append((self.name, len(self.model.history.events), event))

    model.watchers = [Listens("b")]

    history = model.fit(*xy, epochs=2, verbose=0, callbacks=[Listens("a"), Tells()])

    told = [{"epoch": epoch, "kind": "seen", "loss": 1.0} for epoch in (0, 1)]
    assert [event for event in history.events if event["kind"] == "seen"] == told
    heard = [one for one in heard if one[2]["kind"] == "seen"]
    assert [(name, event) for name, _, event in heard] == [(name, event) for event in told for name in "ab"]
    assert [count for _, count, _ in heard] == [1, 1, 2, 2]


def test_a_fit_with_wrong_arguments_is_not_prepared(model, xy):
    with pytest.raises(fd.errors.SettingError, match="validation_split must be a share from 0 and below 1"):
        model.prepare_fit(*xy, validation_split=1.0)
    with pytest.raises(TypeError, match="epoch_count"):
        model.prepare_fit(*xy, epoch_count=3)

    assert model.training is None


def test_10_7_the_same_seed_gives_the_same_bits(xy):
    def run():
        fd.set_random_seed(3)
        model = fd.Model(nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.Linear(8, 1))).compile("adam", loss="mse")
        history = model.fit(*xy, epochs=3, batch_size=4, verbose=0)
        return history.history["loss"], torch.cat([p.flatten() for p in model.module.parameters()])

    (first_loss, first), (second_loss, second) = run(), run()

    assert first_loss == second_loss
    assert torch.equal(first, second)


def test_a_watcher_ends_training_after_the_batch_without_validation(model, xy):
    class Steering(fd.Callback):
        cut = None

        def between_steps(self, moment):
            return moment.epoch == 1 and moment.last == 1

        def on_partial_epoch(self, epoch, logs):
            self.cut = (epoch, sorted(logs))

    steering = Steering()
    model.watchers = [steering]

    history = model.fit(*xy, epochs=5, batch_size=3, validation_split=0.2, verbose=0)

    assert history.epoch == [0]
    assert steering.cut == (1, ["loss", "mae"])


def test_the_threads_of_the_caller_come_back(model, xy):
    torch.set_num_threads(2)
    seen = []
    model.fit(*xy, epochs=1, verbose=0, callbacks=fd.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(torch.get_num_threads())))  # fmt: skip

    assert (seen, torch.get_num_threads()) == ([1], 2)


def _tiny_counts():
    return torch.tensor(1e-39).mul(1.0).item() != 0


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_moments_that_have_vanished_slow_no_training_down(run_eagerly):
    model = fd.Model(nn.Linear(3, 1, bias=False))
    model.compile("adam", "mse", run_eagerly=run_eagerly)
    x, y = torch.zeros(901, 3), torch.zeros(901, 1)
    x[0] = 1.0  # the one row with a gradient, 900 steps before the end

    model.fit(x, y, batch_size=1, epochs=1, shuffle=False, verbose=0)

    (kept,) = model.optimizer.state.values()
    assert kept["momentum"].tolist() == [[0.0, 0.0, 0.0]]
    assert kept["velocity"].min() > 0


@pytest.mark.parametrize("fails", [False, True])
def test_tiny_numbers_count_again_after_fit(model, xy, fails):
    seen = []

    def look(epoch, logs):
        seen.append(_tiny_counts())
        if fails:
            raise ValueError("stop here")

    with pytest.raises(ValueError, match="stop here") if fails else nullcontext():
        model.fit(*xy, epochs=1, verbose=0, callbacks=fd.callbacks.LambdaCallback(on_epoch_end=look))

    assert (seen, _tiny_counts()) == ([False], True)


def test_importing_fitdash_imports_no_torch():
    code = "import sys, fitdash, fitdash.options, fitdash.settings.experiment; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_is_there():
    assert [name for name in fd.__all__ if not hasattr(fd, name)] == []
