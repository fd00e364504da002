"""Steps captured as a graph of the device's; what captures is stood for by something that runs on the CPU."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import nn

import fitdash as fd
from fitdash.engine.recording.cuda_graph import Cuda, capture_device_for
from fitdash.engine.training import strategies
from tests.engine.recording.fits import Fitted, assert_same, both
from tests.engine.recording.modules import IMAGES, SERIES, Last, Unused, X, Y, conv, dropout, mlp

pytestmark = pytest.mark.usefixtures("_records_short_fits")


class Stand:
    """Captures without a GPU: a graph runs its work again, and puts what comes out where it first lay."""

    def __init__(self) -> None:
        self.launches = 0

    def warm(self) -> Any:
        return nullcontext()

    def capture(self, work: Callable[[], None]) -> Any:
        return StandGraph(work, self)

    def random_state(self) -> torch.Tensor:
        return torch.get_rng_state()

    def set_random_state(self, state: torch.Tensor) -> None:
        torch.set_rng_state(state)


class StandGraph:
    """The cells that `work` fills are its results; capturing leaves everything else as it was."""

    def __init__(self, work: Any, stand: Stand) -> None:
        self.work, self.stand = work, stand
        (self.captured,) = (cell.cell_contents for cell in work.__closure__ if hasattr(cell.cell_contents, "_slopes"))
        ground = self.captured.ground
        kept = [(tensor, tensor.detach().clone()) for tensor in ground.tensors]
        random = torch.get_rng_state()
        work()
        self.out = self.captured._slopes
        torch.set_rng_state(random)
        with torch.no_grad():
            for tensor, before in kept:
                tensor.copy_(before)

    def launch(self) -> None:
        self.stand.launches += 1
        book = self.captured.ground.book
        counted = book.rows, book.batches
        self.work()
        book.rows, book.batches = counted
        for place, slope in zip(self.out, self.captured._slopes, strict=True):
            if place is not None:
                place.copy_(slope)
        self.captured._slopes = self.out


@pytest.fixture(autouse=True)
def stand(monkeypatch):
    stand = Stand()
    monkeypatch.setattr(strategies, "capture_device_for", lambda device: stand)
    return stand


def gru():
    return Last(nn.GRU(4, 7, batch_first=True))


@pytest.mark.parametrize(
    ("make", "x"), [(mlp, X), (dropout, X), (conv, IMAGES), (gru, SERIES), (Unused, X)]
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:No gradient reaches")
def test_captured_steps_train_as_eager_ones(make, x, stand):
    ours, theirs = both(make, x, Y, metrics=["mae"], validation_split=0.2, epochs=6)

    assert ours.speed == "captured"
    assert stand.launches > 12
    assert_same(ours, theirs)


class Halves(fd.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.optimizer.param_groups[0]["lr"] *= 0.5


@pytest.mark.parametrize(
    "settings",
    [
        {"callbacks": [Halves]},
        {"optimizer": fd.optimizers.adam(clipnorm=0.1)},
        {"optimizer": "sgd", "sample_weight": torch.linspace(0.5, 2, len(X))},
        {"fits": 2},
        {"precision": "bfloat16"},
    ],
)
def test_updates_and_weights_are_those_of_eager_steps(settings):
    ours, theirs = both(mlp, X, Y, epochs=6, **settings)

    assert ours.speed == "captured"
    assert_same(ours, theirs)


class Reads(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(x) * (1.0 if x.mean().item() > 9 else 0.5)


class Masks(Reads):
    def forward(self, x):
        return self.head(x) + x[x > 0].mean()


class Counts(Reads):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.head(x) / self.calls


class Elsewhere(Reads):
    def forward(self, x):
        return self.head(x) + torch.ones(3, device="meta").add(1).size(0)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (Reads, "_local_scalar_dense"),
        (Masks, "shape depends on the data"),
        (Counts, "changes its own Python state"),
        (Elsewhere, "on another device"),
    ],
)
def test_what_a_graph_cannot_repeat_stays_eager(make, why, stand):
    ours, theirs = both(make, X, Y)

    assert why in ours.speed
    assert ours.speed.startswith("eager: the step ")
    assert not stand.launches
    assert_same(ours, theirs)


def test_a_device_that_does_not_capture_leaves_steps_eager(stand, monkeypatch):
    def fails(work):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(stand, "capture", fails)
    ours, theirs = both(mlp, X, Y)

    assert "cannot be captured: operation not permitted" in ours.speed
    assert_same(ours, theirs)


def test_a_graph_with_other_gradients_is_never_used(monkeypatch):
    launch = StandGraph.launch

    def wrong(self):
        launch(self)
        self.out[0].mul_(1.01)

    monkeypatch.setattr(StandGraph, "launch", wrong)
    ours, theirs = both(mlp, X, Y)

    assert "differs in a replay" in ours.speed
    assert_same(ours, theirs)


def test_a_graph_that_fails_later_gives_way_with_a_warning(monkeypatch):
    launch = StandGraph.launch

    def breaks(self):
        launch(self)
        if self.stand.launches == 12:
            raise RuntimeError("broken")

    monkeypatch.setattr(StandGraph, "launch", breaks)
    with pytest.warns(UserWarning, match="goes on step by step"):
        ours, theirs = both(mlp, X, Y, epochs=6)

    assert "could not be replayed" in ours.speed
    assert_same(ours, theirs)


@pytest.mark.filterwarnings("ignore:x must have a number in each place")
def test_a_loss_that_is_not_finite_is_found_where_it_happens():
    x = X.clone()
    x[33] = torch.inf
    settings = {"shuffle": False, "epochs": 4, "callbacks": [fd.callbacks.TerminateOnNaN]}

    ours, theirs = (Fitted(mlp, x, Y, eagerly=eagerly, **settings) for eagerly in (False, True))

    assert repr(ours.history.history) == repr(theirs.history.history)
    assert ours.history.epoch == theirs.history.epoch


def test_only_a_gpu_captures():
    assert capture_device_for(torch.device("cpu")) is None
    assert capture_device_for(torch.device("meta")) is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_trains_as_it_does_eagerly(monkeypatch):
    monkeypatch.setattr(strategies, "capture_device_for", capture_device_for)
    found = []
    for eagerly in (False, True):
        torch.manual_seed(3)
        model = fd.Model(mlp().cuda()).compile("adam", "mse", run_eagerly=eagerly)
        torch.manual_seed(4)
        found.append(model.fit(X, Y, epochs=6, batch_size=8, verbose=0))

    assert isinstance(capture_device_for(torch.device("cuda")), Cuda)
    assert found[0].params["stepper"] == "captured"
    assert found[0].history["loss"] == pytest.approx(found[1].history["loss"], rel=1e-3)
