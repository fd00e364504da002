"""A recorded fit has the bits of the eager one: callbacks, arguments, sources of batches, and how it ends."""

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd
from fitdash import callbacks as cb
from fitdash.engine.first_batch.checks import FirstBatchChecks
from fitdash.engine.recording.recording import Recording
from fitdash.engine.recording.safety import step_guard
from fitdash.engine.training import strategies
from fitdash.model.view_metrics import ScriptRecorder
from tests.engine.recording.fits import assert_recorded, assert_same, both
from tests.engine.recording.modules import IDS, SERIES, N, X, Y, dropout, mlp, softmax

pytestmark = pytest.mark.usefixtures("_records_short_fits")


class Double(cb.Callback):
    """Changes settings of the optimizer between epochs."""

    def on_epoch_end(self, epoch, logs=None):
        for group in self.model.optimizer.param_groups:
            group["lr"] *= 2
            group["weight_decay"] = 0.01 if epoch == 1 else 0.0


CALLBACKS = {
    "schedule": lambda: cb.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
    "plateau": lambda: cb.ReduceLROnPlateau("loss", patience=1, min_delta=10.0),
    "early stopping": lambda: cb.EarlyStopping("loss", patience=1, min_delta=10.0, restore_best_weights=True),
    "nan": cb.TerminateOnNaN,
    "optimizer settings": Double,
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks_see_the_same_bits(name):
    assert_recorded(dropout, X, Y, callbacks=[CALLBACKS[name]], epochs=8)


@pytest.mark.parametrize(
    "settings",
    [
        {"shuffle": False},
        {"shuffle": "batch"},
        {"steps_per_epoch": 4},
        {"steps_per_epoch": 11},
        {"batch_size": 1},
        {"batch_size": 25},
        {"validation_split": 0.3, "validation_freq": 2},
        {"fits": 3, "epochs": 2},
    ],
    ids=str,
)
def test_arguments_of_fit_have_the_same_bits(settings):
    assert_recorded(dropout if settings.get("batch_size") != 1 else mlp, X, Y, metrics=["mae"], **settings)


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 3), nn.Linear(4, 3)

    def forward(self, left, right):
        said = torch.relu(self.a(left))
        return {"near": said, "far": said + self.b(right)}


def test_several_inputs_and_outputs_have_the_same_bits():
    x = {"left": X, "right": SERIES[:, 0]}
    settings = {"loss": {"near": "mse", "far": "mae"}, "metrics": {"far": ["mse"]}, "loss_weights": {"near": 0.3}}

    assert_recorded(Two, x, {"near": Y, "far": Y}, **settings, sample_weight={"near": np.arange(N) / N})


def test_batches_from_a_generator_have_the_same_bits():
    def batches():
        for start in range(0, N, 8):
            yield X[start : start + 8].clone(), Y[start : start + 8]

    assert_recorded(dropout, batches, None, batch_size=None, epochs=6)


def test_an_autoencoder_of_one_tensor_has_the_same_bits():
    def batches():
        for start in range(0, 48, 8):
            part = X[start : start + 8].clone()
            yield part, part

    make = lambda: nn.Sequential(nn.Linear(6, 3), nn.ReLU(), nn.Linear(3, 6))  # noqa: E731
    assert_same(*both(make, batches, None, batch_size=None))
    assert_recorded(make, X, X)


class Sees(cb.Callback):
    def __init__(self):
        super().__init__()
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])


def test_a_batch_hook_trains_step_by_step():
    heard = []

    def hears():
        heard.append(Sees())
        return heard[-1]

    ours, theirs = both(dropout, X, Y, callbacks=[hears])

    assert ours.speed == "step by step: a callback listens to batches"
    assert len(heard[0].losses) == 28
    assert heard[0].losses == heard[1].losses
    assert_same(ours, theirs)


@pytest.mark.filterwarnings("ignore:x must have a number")
def test_a_loss_that_is_no_number_stops_at_the_batch():
    x = X.clone()
    x[37] = float("nan")
    ours, theirs = both(mlp, x, Y, callbacks=[cb.TerminateOnNaN], shuffle=False, batch_size=1, epochs=1)

    assert [event["batch"] for event in ours.history.events if event["kind"] == "nan"] == [37]
    assert_same(ours, theirs)


def test_an_error_inside_a_chunk_is_the_users_own(monkeypatch):
    monkeypatch.setattr(FirstBatchChecks, "check_prediction", lambda *given: None)  # it would find the id beforehand
    ids = IDS.clone()
    ids[45] = 7

    def fails(eagerly):
        torch.manual_seed(0)
        module = softmax()
        model = fd.Model(module).compile("adam", "sparse_categorical_crossentropy", run_eagerly=eagerly)
        with pytest.raises(fd.errors.DataError, match="Class ids must be 0 to 2"):
            model.fit(X, ids, shuffle=False, batch_size=1, verbose=0, epochs=1)
        return torch.cat([p.detach().flatten() for p in module.parameters()])

    assert torch.equal(fails(True), fails(False))


def test_stop_in_mid_epoch_keeps_to_one_chunk_and_counts_right():
    class Stops(cb.Callback):
        seen = 0

        def between_steps(self, moment):
            Stops.seen = moment.last + 1
            self.model.stop_training = moment.last > 20

    model = fd.Model(mlp()).compile("adam", "mse")
    model.fit(X, Y, batch_size=1, verbose=0, epochs=1, callbacks=[Stops()])

    assert 21 < Stops.seen <= 50
    assert model._train_book.rows == Stops.seen


def test_a_fit_that_is_shown_live_looks_at_the_python_state_no_more_often(monkeypatch):
    looks: list[str] = []
    entirely = step_guard.StepGuard.holds_entirely
    monkeypatch.setattr(step_guard.StepGuard, "holds_entirely", lambda watch: (looks.append(""), entirely(watch))[1])

    def looked(watchers):
        looks.clear()
        model = fd.Model(mlp()).compile("adam", "mse")
        model.watchers = watchers
        model.fit(X, Y, batch_size=4, verbose=0, epochs=20)
        return len(looks)

    assert looked([ScriptRecorder("a", lambda event: None)]) == looked([])


def test_a_fit_of_few_steps_is_not_recorded(monkeypatch):
    monkeypatch.setattr(strategies, "LEAST_STEPS", 29)
    few, _ = both(mlp, X, Y, epochs=4)
    enough, _ = both(mlp, X, Y, epochs=5)

    assert few.speed == "eager: too few steps to gain from recording"
    assert enough.speed == "recorded"


def test_a_switch_turns_recording_off(monkeypatch):
    monkeypatch.setattr(strategies, "RECORDING", False)
    ours, theirs = both(mlp, X, Y)

    assert ours.speed == "eager: this torch cannot record"
    assert_same(ours, theirs)


def test_a_rare_kind_of_batches_is_recorded_once_it_was_seen_often(monkeypatch):
    monkeypatch.setattr(strategies, "RARE", 3)
    noted = []
    monkeypatch.setattr(strategies, "Recording", lambda ground: noted.append(1) or Recording(ground))

    assert_recorded(mlp, X, Y, batch_size=8, epochs=3)
    seldom = len(noted)
    assert_recorded(mlp, X, Y, batch_size=8, epochs=12)

    assert (seldom, len(noted)) == (1, 3)
