"""Modules whose step must not be recorded stay eager, say why, and have the numbers of a fit that never tried."""

import collections
import itertools
import random
import time

import numpy as np
import pytest
import torch
from torch import nn

from fitdash.engine.recording.safety.bytecode import UnwatchableState
from fitdash.engine.recording.safety.step_guard import StepGuard
from tests.engine.recording.fits import assert_eager
from tests.engine.recording.modules import Base, X, Y

pytestmark = pytest.mark.usefixtures("_records_short_fits")

CALLS = collections.Counter()
FACTOR = 1.0


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


def test_a_module_that_holds_an_iterator_is_not_watched():
    with pytest.raises(UnwatchableState, match="iterator"):
        StepGuard(Iterates(), [])
