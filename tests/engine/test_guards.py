"""What must not be recorded stays eager, says why, and has the numbers of a fit that never tried."""

import collections
import functools
import itertools
import random
import time

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd
from fitdash import callbacks as cb
from fitdash.engine.guards import Watch
from fitdash.engine.guards_code import Unwatchable
from tests.engine.recorded_fits import assert_eager, assert_recorded, assert_same, both

pytestmark = pytest.mark.usefixtures("_records_short_fits")

N = 50
X = torch.randn(N, 6, generator=torch.Generator().manual_seed(0))
Y = torch.randn(N, 3, generator=torch.Generator().manual_seed(1))
CALLS = collections.Counter()
FACTOR = 1.0
PAIR = [1.0, 2.0]


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(6, 3)
        self.calls = 0
        self.register_buffer("mean", torch.zeros(3))


class CountsCalls(Base):
    def forward(self, x):
        self.calls += 1
        return self.head(x) * (1 + 0.1 * self.calls)


class CountsForLater(Base):
    def forward(self, x):
        self.calls += 1
        return self.head(x) if self.calls < 20 else -self.head(x)


class CountsInAList(Base):
    def __init__(self):
        super().__init__()
        self.seen = {"deep": {"deeper": [[0]]}}

    def forward(self, x):
        self.seen["deep"]["deeper"][0][0] += 1
        return self.head(x) * self.seen["deep"]["deeper"][0][0]


class CountsInTheClass(Base):
    total = 0

    def forward(self, x):
        type(self).total += 1
        return self.head(x)


class CountsOnAParameter(Base):
    def forward(self, x):
        self.head.weight.calls = getattr(self.head.weight, "calls", 0) + 1
        return self.head(x) * (1.0 if self.head.weight.calls % 7 else 2.0)


class ReadsTheGradient(Base):
    def forward(self, x):
        return self.head(x) * (1.0 if self.head.weight.grad is None else 2.0)


class ReadsTheVersion(Base):
    def forward(self, x):
        return self.head(x) * (1.0 if self.head.weight._version % 7 else 2.0)


class CountsGlobally(Base):
    def forward(self, x):
        CALLS["all"] += 1
        return self.head(x)


class WritesGlobals(Base):
    def forward(self, x):
        global FACTOR
        FACTOR = FACTOR * 1.0
        return self.head(x) * FACTOR


class Branches(Base):
    def forward(self, x):
        said = self.head(x)
        return said if said.sum() > 0 else -said


class ReadsItem(Base):
    def forward(self, x):
        return self.head(x) * x.std().item()


class ReadsList(Base):
    def forward(self, x):
        return self.head(x) * x.mean(0).tolist()[0]


class ReadsNumpy(Base):
    def forward(self, x):
        return self.head(x) * float(np.abs(self.head.weight.detach().numpy()).max())


class DrawsPython(Base):
    def forward(self, x):
        return self.head(x) * (1 + 0.1 * random.random())


class DrawsNumpy(Base):
    def forward(self, x):
        return self.head(x) * (1.0 if np.random.rand() < 0.9 else 2.0)  # noqa: NPY002


class DrawsItsOwn(Base):
    def __init__(self):
        super().__init__()
        self.source = np.random.default_rng(0)

    def forward(self, x):
        return self.head(x) * self.source.random()


class DrawsTorchOwn(Base):
    def __init__(self):
        super().__init__()
        self.source = torch.Generator().manual_seed(0)

    def forward(self, x):
        return self.head(x) + torch.rand(3, generator=self.source)


class Seeds(Base):
    def forward(self, x):
        torch.manual_seed(5)
        return nn.functional.dropout(self.head(x), 0.5, self.training)


class ForksTheSeed(Base):
    def forward(self, x):
        with torch.random.fork_rng():
            noise = torch.rand(3)
        return self.head(x) + noise


class Looks(Base):
    def forward(self, x):
        return self.head(x) * (1.0 if time.time() > 0 else 0.5)


class Prints(Base):
    def forward(self, x):
        print("forward", end="")
        return self.head(x)


class ImportsInside(Base):
    def forward(self, x):
        import os

        return self.head(x) * len(os.environ) / len(os.environ)


class Iterates(Base):
    def __init__(self):
        super().__init__()
        self.numbers = itertools.count()

    def forward(self, x):
        return self.head(x) * (1.0 if next(self.numbers) < 20 else 2.0)


class ReplacesABuffer(Base):
    def forward(self, x):
        said = self.head(x)
        self.mean = 0.9 * self.mean + 0.1 * said.detach().mean(0)
        return said - self.mean


class KeepsATensor(Base):
    last = None

    def forward(self, x):
        said = self.head(x)
        self.last = said.detach()
        return said


class Masks(Base):
    def forward(self, x):
        said = self.head(x)
        return said * said[said > 0].mean()


class WritesIntoTheBatch(Base):
    def forward(self, x):
        return self.head(x.mul_(2.0))


class SetsData(Base):
    def forward(self, x):
        self.head.bias.data = self.head.bias.data * 0.99
        return self.head(x)


class MakesATensor(Base):
    def forward(self, x):
        return self.head(x) * torch.tensor([1.0, 2.0, 3.0])


class HiddenParameter(Base):
    def __init__(self):
        super().__init__()
        self.kept = [nn.Parameter(torch.ones(3))]

    def forward(self, x):
        return self.head(x) * self.kept[0]


class Hooked(Base):
    def __init__(self):
        super().__init__()
        self.head.register_forward_hook(lambda module, given, said: said * 2)

    def forward(self, x):
        return self.head(x)


class HookedGradient(Base):
    def __init__(self):
        super().__init__()
        self.head.weight.register_hook(lambda gradient: gradient * 0.5)

    def forward(self, x):
        return self.head(x)


class HookedInside(Base):
    def forward(self, x):
        said = self.head(x)
        if said.requires_grad:
            said.register_hook(lambda gradient: gradient * 0.5)
        return said


class Sparse(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 3, sparse=True)

    def forward(self, x):
        return self.words(x).mean(1)


EAGER = {
    CountsCalls: "Python state",
    CountsForLater: "Python state",
    CountsInAList: "",
    CountsInTheClass: "Python state",
    CountsOnAParameter: "Python state",
    ReadsTheGradient: "Tensor.grad",
    ReadsTheVersion: "Tensor._version",
    CountsGlobally: "Python state",
    WritesGlobals: "global variables",
    Branches: "calls aten",
    ReadsItem: "_local_scalar_dense",
    ReadsList: "Tensor.tolist",
    ReadsNumpy: "Tensor.numpy",
    DrawsPython: "",
    DrawsNumpy: "Python state",
    DrawsItsOwn: "",
    DrawsTorchOwn: "uses a Generator",
    Seeds: "sets the random state",
    ForksTheSeed: "sets the random state",
    Looks: "the module time",
    Prints: "print()",
    ImportsInside: "the module os",
    Iterates: "an iterator",
    ReplacesABuffer: "",
    KeepsATensor: "Python state",
    Masks: "depends on the data",
    WritesIntoTheBatch: "writes into the batch",
    SetsData: "changed from outside",
    MakesATensor: "",
    HiddenParameter: "from outside",
    Hooked: "hook on a Linear",
    HookedGradient: "hook on a parameter",
    HookedInside: "register_hook",
}


def seeded(make):
    def made():
        random.seed(7)
        np.random.seed(7)  # noqa: NPY002
        CALLS.clear()
        if hasattr(make, "total"):
            make.total = 0
        return make()

    return made


@pytest.mark.parametrize("make", EAGER, ids=lambda make: make.__name__)
def test_a_step_that_cannot_be_repeated_stays_eager(make, capsys):
    assert_eager(seeded(make), X, Y, EAGER[make])


def test_sparse_gradients_stay_eager():
    words = torch.randint(0, 9, (N, 4))

    assert_eager(Sparse, words, Y, "SparseAdam", optimizer=lambda parameters: torch.optim.SparseAdam(list(parameters)))
    assert_eager(Sparse, words, Y, "layout")


def test_a_script_module_stays_eager():
    assert_eager(lambda: _scripted(), X, Y, "ScriptModule")


def _scripted():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(nn.Sequential(nn.Linear(6, 3)))


def test_optimizers_of_torch_stay_eager():
    assert_eager(Base_, X, Y, "AdamW", optimizer=lambda parameters: torch.optim.AdamW(list(parameters)))


class Base_(Base):
    def forward(self, x):
        return self.head(x)


def test_metrics_with_an_account_of_their_own_stay_eager():
    class Counted:
        name = "counted"

        def __init__(self):
            self.total = 0

        def reset_state(self):
            self.total = 0

        def update_state(self, true, said, sample_weight=None):
            self.total += len(true)

        def result(self):
            return self.total

    assert_eager(Base_, X, Y, "counted", metrics=[Counted()])


def test_losses_are_watched_like_modules():
    def counting():
        calls = []

        def loss(true, said):
            calls.append(1)
            return (true - said).abs().mean() * len(calls)

        return loss

    assert_eager(Base_, X, Y, "", loss=functools.partial(_times, PAIR))
    torch.manual_seed(0)
    model = fd.Model(Base_()).compile("sgd", counting())
    assert model.fit(X, Y, verbose=0).params["stepper"].startswith("eager: the step")


def _times(pair, true, said):
    pair[0] += 0.0
    pair.append(pair.pop(0))
    return (true - said).square().mean() * pair[0]


class Between(cb.Callback):
    """Does something to the module after the second epoch, and again after the fourth."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def on_epoch_end(self, epoch, logs=None):
        if epoch in (1, 3):
            self.change(self.model.module)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm, self.drop = nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.2)
        self.head = nn.Linear(8, 3)
        self.factor, self.parts = 1.0, [1.0, 2.0]

    def forward(self, x):
        return self.head(self.drop(self.norm(torch.relu(self.first(x))))) * self.factor * self.parts[0]


def _new_data(module):
    module.first.weight.data = module.first.weight.data.clone() * 0.5


def _new_parameter(module):
    module.head.bias = nn.Parameter(torch.ones(3))


def _new_buffer(module):
    module.norm.running_mean = torch.ones(8)


def _new_layer(module):
    module.drop = nn.Sequential(nn.Dropout(0.1), nn.ReLU())


def _loaded(module):
    module.load_state_dict({name: value * 0.5 for name, value in module.state_dict().items()})


def _hook(module):
    module.head.register_forward_hook(lambda module, given, said: said * 0.5)


CHANGES = {
    "an attribute": lambda module: setattr(module, "factor", module.factor * 0.5),
    "a list": lambda module: module.parts.insert(0, 0.5),
    "the share of dropout": lambda module: setattr(module.drop, "p", 0.6),
    "momentum of a norm": lambda module: setattr(module.norm, "momentum", 0.5),
    "freezing": lambda module: module.first.requires_grad_(not module.first.weight.requires_grad),
    "data": _new_data,
    "a parameter": _new_parameter,
    "a buffer": _new_buffer,
    "a layer": _new_layer,
    "values": _loaded,
    "a hook": _hook,
    "a method": lambda module: setattr(module, "forward", lambda x: module.head(torch.relu(module.first(x)))),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_from_outside_are_seen(name):
    ours, theirs = both(Net, X, Y, callbacks=[lambda: Between(CHANGES[name])], epochs=8)

    assert_same(ours, theirs)


def test_changes_between_steps_are_seen():
    class Halves(cb.Callback):
        def steps_until_due(self):
            return 1

        def between_steps(self, moment):
            if moment.epoch == 3 and moment.last == 2:
                self.model.module.factor = 0.5
                self.model.module.norm.eval()

    ours, theirs = both(Net, X, Y, callbacks=[Halves], epochs=6)

    assert ours.speed == "recorded"
    assert_same(ours, theirs)


def test_changes_by_a_generator_are_seen():
    def fitted(eagerly):
        torch.manual_seed(0)
        module = Net()

        def batches():
            for start in range(0, 48, 4):
                if start == 40:
                    module.factor *= 0.9
                yield X[start : start + 4], Y[start : start + 4]

        model = fd.Model(module).compile("adam", "mse", run_eagerly=eagerly)
        return model.fit(batches, epochs=4, verbose=0).history, module.state_dict()

    (ours, mine), (theirs, other) = fitted(False), fitted(True)

    assert ours == theirs
    assert all(torch.equal(value, other[name]) for name, value in mine.items())


def test_constant_python_state_is_recorded():
    assert_recorded(Net, X, Y)


def test_a_failed_replay_goes_on_eagerly_with_a_warning(monkeypatch):
    from fitdash.engine import recorded_program

    run = recorded_program.Program.run

    def breaks(self, persistent, batches, numbers, count):
        left = run(self, persistent, batches, numbers, count)
        if count > 1:
            raise RuntimeError("broken")
        return left

    monkeypatch.setattr(recorded_program.Program, "run", breaks)
    with pytest.warns(UserWarning, match="goes on step by step"):
        ours, theirs = both(Net, X, Y, metrics=["mae"])

    assert "could not be replayed" in ours.speed
    assert_same(ours, theirs)


def test_a_wrong_program_is_refused_before_it_is_used(monkeypatch):
    from fitdash.engine import recorded_program

    build = recorded_program.Program.__init__

    def wrong(self, lines, *rest):
        build(self, [line.replace("beta1=0.9", "beta1=0.8") for line in lines], *rest)

    monkeypatch.setattr(recorded_program.Program, "__init__", wrong)
    assert_eager(Net, X, Y, "differs in a replay")


def test_a_module_that_holds_an_iterator_is_not_watched():
    with pytest.raises(Unwatchable, match="iterator"):
        Watch(Iterates(), [])
