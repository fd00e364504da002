"""Evaluation in larger batches: only where nobody can tell."""

import random
from typing import Any

import pytest
import torch
from torch import nn

import fitdash as fd
from fitdash.data.batches.epochs import EvaluationBatches
from fitdash.data.batches.make_source import make_source
from fitdash.data.batches.source import DeviceAndDtype
from fitdash.engine.objective.objective import Objective
from fitdash.engine.step.step import Step
from fitdash.engine.training import evaluation_batches
from fitdash.engine.training.evaluation_batches import widen_batches
from tests.engine.recording.fits import assert_same, both

X, Y = torch.linspace(-2, 2, 400).reshape(100, 4), torch.linspace(0, 1, 100)[:, None]
CALLS: list[int] = []


class Module(nn.Module):
    """A layer, and what a test makes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)
        self.calls = 0
        self.register_buffer("seen", torch.zeros(()))
        self.batches: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


class Counting(Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.layer(x)


class Listing(Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(x))
        return self.layer(x)


class ListingElsewhere(Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        note(len(x))
        return self.layer(x)


class Buffering(Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.add_(1)
        return self.layer(x)


class Centred(Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x - x.mean(0))


class Running(Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).cumsum(0)


class Reversed(Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.flip(0))


class Random(Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) + 1e-9 * torch.rand(1)


class Shaken(Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) + 1e-9 * random.random()


class Fixed(Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) != 10:
            raise ValueError
        return self.layer(x)


class Whole(Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).mean()


class Half(Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) + (0.0 if len(x) == 10 else 0.01)


class Recurrent(nn.Module):
    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.layer = nn.GRU(inputs, width, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x[:, None])[0][:, -1]


def note(rows: int) -> None:
    CALLS.append(rows)


def at_once(module: nn.Module, *, rows: int = 100, **given: object) -> int:
    """How many batches of ten rows one evaluation step takes."""
    source = make_source(
        X[:rows], Y[:rows], None, target=DeviceAndDtype(torch.device("cpu"), torch.float32), batch_size=10
    )
    window = EvaluationBatches(source, **{"is_free": True, **given})
    module.eval()
    widen_batches(Step(module, Objective(loss="mse"), lambda: None), window)
    return window.at_once


@pytest.mark.parametrize(
    "module",
    [
        Module(),
        nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 1)),
        nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.Linear(3, 1)),
    ],
)
def test_a_module_that_takes_each_row_by_itself_is_evaluated_in_one_batch(module: nn.Module) -> None:
    assert at_once(module) == 10


def test_a_large_weight_does_not_make_the_batches_small() -> None:
    module = nn.Sequential(nn.Linear(4, 1500), nn.Linear(1500, 1500), nn.Linear(1500, 1))

    assert at_once(module) == 10


def test_batches_that_take_long_by_themselves_are_not_even_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    monkeypatch.setattr(evaluation_batches, "_tried", lambda step, source, rows: tried.append(rows))

    for width in (800, 1100):
        at_once(nn.Sequential(nn.Linear(4, 3000), nn.Linear(3000, width), nn.Linear(width, 1)))

    assert tried == [100]


@pytest.mark.parametrize("kind", [Counting, Listing, ListingElsewhere, Buffering])
def test_a_module_whose_code_leaves_a_trace_is_not_even_tried(kind: type[Module]) -> None:
    module = kind()
    CALLS.clear()

    assert at_once(module) == 1
    assert (module.calls, module.batches, module.seen.item(), CALLS) == (0, [], 0, [])


@pytest.mark.parametrize("kind", [Centred, Running, Reversed, Random, Shaken, Fixed, Whole, Half])
def test_a_module_whose_rows_depend_on_each_other_is_evaluated_as_asked(kind: type[Module]) -> None:
    assert at_once(kind()) == 1


def test_batch_normalisation_without_running_statistics_is_evaluated_as_asked() -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False), nn.Linear(3, 1))

    assert at_once(module) == 1


def test_a_hook_is_called_once_for_each_batch() -> None:
    module = Module()
    module.layer.register_forward_hook(lambda *_: None)

    assert at_once(module) == 1


def test_a_trial_leaves_the_random_stream_alone() -> None:
    module = Random()
    before = torch.get_rng_state()

    at_once(module)

    assert torch.equal(before, torch.get_rng_state())


def test_a_size_that_was_asked_for_and_few_batches_stay() -> None:
    assert at_once(Module(), is_free=False) == 1
    assert at_once(Module(), rows=30) == 1
    assert at_once(Module(), steps=11) == 1


def test_a_short_last_batch_joins_the_others() -> None:
    assert at_once(Module(), rows=95) == 10


def test_as_many_rows_are_measured_as_were_asked_for() -> None:
    source = make_source(X, Y, None, target=DeviceAndDtype(torch.device("cpu"), torch.float32), batch_size=10)
    window = EvaluationBatches(source, 5, is_free=True)

    widen_batches(Step(Module().eval(), Objective(loss="mse"), lambda: None), window)

    assert [batch.rows for batch in window.epoch()] == [50]
    assert window.steps == 5


def test_a_module_that_changed_is_tried_again() -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.Identity(), nn.Linear(3, 1))
    model = fd.Model(module).compile(loss="mse")
    rows = torch.cat([X, X]), torch.cat([Y, Y])
    model.evaluate(*rows, verbose=0)

    module[1] = nn.BatchNorm1d(3, track_running_stats=False)

    small = model.evaluate(*rows, batch_size=32, verbose=0)
    assert model.evaluate(*rows, verbose=0) == pytest.approx(small, rel=1e-6)


class Spread(nn.Identity):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.mean(0)


class Wrapped(nn.Module):
    """Code that is not torch's around torch's own layers."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1), nn.Linear(3, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


@pytest.mark.parametrize("wraps", [False, True])
def test_an_attribute_that_changed_is_seen(wraps: bool) -> None:
    module = Wrapped()
    model = fd.Model(module if wraps else module.inner).compile(loss="mse")
    rows = torch.cat([X, X]), torch.cat([Y, Y])
    model.evaluate(*rows, verbose=0)

    module.inner[1].dim = 0  # over the rows of a batch

    assert model.evaluate(*rows, verbose=0) == model.evaluate(*rows, batch_size=32, verbose=0)


def test_a_layer_that_became_another_kind_is_seen() -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.Identity(), nn.Linear(3, 1))
    model = fd.Model(module).compile(loss="mse")
    rows = torch.cat([X, X]), torch.cat([Y, Y])
    model.evaluate(*rows, verbose=0)

    module[1].__class__ = Spread

    assert model.evaluate(*rows, verbose=0) == model.evaluate(*rows, batch_size=32, verbose=0)


def test_more_rows_than_were_tried_come_in_larger_batches() -> None:
    step = Step(Module().eval(), Objective(loss="mse"), lambda: None)
    found = []
    for rows in (40, 100, 60):
        source = make_source(
            X[:rows], Y[:rows], None, target=DeviceAndDtype(torch.device("cpu"), torch.float32), batch_size=10
        )
        window = EvaluationBatches(source, is_free=True)
        widen_batches(step, window)
        found.append(window.at_once)

    assert found == [4, 10, 6]


@pytest.mark.parametrize("module", [Module(), Recurrent(4, 3), nn.Sequential(nn.Linear(4, 1))])
def test_a_module_is_tried_once_though_somebody_draws_random_numbers(module: nn.Module, monkeypatch: Any) -> None:
    tries: list[int] = []
    monkeypatch.setattr(
        evaluation_batches,
        "_tried",
        lambda *given, tried=evaluation_batches._tried: (tries.append(1), tried(*given))[1],
    )
    model = fd.Model(module).compile(loss="mse")

    for _ in range(3):
        model.predict(torch.cat([X, X]))
        random.random()

    assert len(tries) == 1


def test_a_module_that_writes_into_its_input_gets_a_copy() -> None:
    model = fd.Model(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 1))).compile(loss="mse")
    x = X.clone()

    model.evaluate(x, Y, verbose=0)
    model.predict(x)

    assert torch.equal(x, X)


@pytest.mark.parametrize("kind", [Module, Counting, Centred])
def test_evaluating_gives_what_small_batches_give(kind: type[Module]) -> None:
    model = fd.Model(kind()).compile(loss="mse", metrics=["mae"])
    x, y = torch.cat([X, X]), torch.cat([Y, Y])

    assert model.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(x, y, batch_size=32, verbose=0), rel=1e-6)
    assert model.predict(x) == pytest.approx(model.predict(x, batch_size=32), rel=1e-5)


@pytest.mark.parametrize("kind", [Module, Counting, Centred])
def test_validation_in_large_batches_is_that_of_an_eager_fit(kind: type[Module]) -> None:
    assert_same(*both(kind, X, Y, validation_split=0.5, epochs=30))


def test_a_callable_metric_is_asked_once_for_each_batch() -> None:
    rows: list[int] = []

    def metric(target: torch.Tensor, prediction: torch.Tensor) -> torch.Tensor:
        rows.append(len(target))
        return (target - prediction).abs().mean()

    model = fd.Model(Module()).compile(loss="mse", metrics=[metric])

    model.evaluate(X, Y, verbose=0)

    assert rows == [32, 32, 32, 4]
