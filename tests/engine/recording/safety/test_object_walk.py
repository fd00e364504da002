"""What a step reads out of far corners of Python is seen to change, or keeps the step eager."""

import builtins
import collections
import random
import weakref

import pytest
import torch
from torch import nn

import tests.engine
from fitdash import callbacks as cb
from fitdash.engine.recording.safety.bytecode import UnwatchableState
from fitdash.engine.recording.safety.step_guard import StepGuard
from tests.engine.recording.fits import assert_eager, assert_recorded, assert_same, both
from tests.engine.recording.modules import X, Y
from tests.engine.recording.safety import watched_settings
from tests.engine.recording.safety.watched_base import CALLS, FACTS, HELD, Scaled, set_fact
from tests.engine.recording.safety.watched_holders import (
    ADict,
    AFloat,
    AList,
    APair,
    Slotted,
    ThroughABoundMethod,
    ThroughACache,
    ThroughAProxy,
    ThroughAView,
    ThroughAWeakReference,
    holding,
    with_number,
)
from tests.engine.recording.safety.watched_modules import (
    ADunder,
    Attends,
    ByASplitName,
    ByName,
    ByNameInAClass,
    ByNameThatCounts,
    CallsAnew,
    Color,
    Configured,
    Copies,
    FromAHeldModule,
    FromAListInTorch,
    FromAMetaclass,
    FromAnImport,
    FromAPackage,
    FromBuiltins,
    FromTorch,
    GradientOfAGlobal,
    GradientThatCounts,
    GradientThatDoesNot,
    HookedOutOfSight,
    KeepsOnce,
    Kind,
    Makes,
    Meta,
    OwnConvolution,
    OwnWeight,
    ReadsAText,
    ReadsATorchClass,
    SetsAProperty,
    SlottedModule,
    Squares,
    TellsTypes,
    ThroughNumPy,
    begin,
    doubled,
    doubled_relu,
    mlp,
    number_of,
    set_held,
    through,
)

pytestmark = pytest.mark.usefixtures("_records_short_fits")


class After(cb.Callback):
    """Changes something at the end of the third epoch, once steps are replayed."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 2:
            self.change(self.model.module)


@pytest.fixture(autouse=True)
def _as_it_was():
    """Everything outside modules is put back after each test."""
    yield
    begin()
    del torch.fitdash_numbers, builtins.fitdash_number, torch.fitdash_number, nn.Linear.fitdash_number


CHANGES = {
    "a gradient's global": (through(GradientOfAGlobal), set_fact),
    "a gradient that counts": (through(GradientThatCounts), lambda module: None),
    "a method by name": (ByName, set_fact),
    "a method by a name out of a text": (ByASplitName, set_fact),
    "a method out of a dictionary": (ByNameInAClass, set_fact),
    "a method by name that counts": (ByNameThatCounts, lambda module: None),
    "a module in a package": (FromAPackage, lambda module: setattr(watched_settings, "scale", 2.0)),
    "a module in an attribute": (FromAHeldModule, lambda module: setattr(watched_settings, "scale", 2.0)),
    "a module imported": (FromAnImport, lambda module: setattr(watched_settings, "scale", 2.0)),
    "a weak reference": (ThroughAWeakReference, lambda module: setattr(HELD, "number", 2.0)),
    "values of a dictionary": (ThroughAView, set_fact),
    "a proxy of a dictionary": (ThroughAProxy, set_fact),
    "a method of a list": (ThroughABoundMethod, lambda module: CALLS.append(1)),
    "a cache": (ThroughACache, lambda module: None),
    "an attribute of a dictionary": (holding(lambda: with_number(ADict()), number_of), set_held("number", 2.0)),
    "an attribute of a number": (holding(lambda: with_number(AFloat(1)), number_of), set_held("number", 2.0)),
    "an attribute of a pair": (holding(lambda: with_number(APair(1, 2)), number_of), set_held("number", 2.0)),
    "an attribute of a member": (holding(lambda: with_number(Kind.ONE), number_of), set_held("number", 2.0)),
    "a method of a derived list": (holding(AList, lambda held: held.scale()), set_fact),
    "a private slot": (holding(Slotted, lambda held: held.number()), lambda module: module.held.change()),
    "a default": (
        holding(lambda: collections.defaultdict(lambda: FACTS["number"]), lambda held: held.copy()["a"]),
        set_fact,
    ),
    "a metaclass": (FromAMetaclass, lambda module: setattr(Meta, "number", 2.0)),
    "a built-in name": (FromBuiltins, lambda module: setattr(builtins, "fitdash_number", 2.0)),
    "a name in torch": (FromTorch, lambda module: setattr(torch, "fitdash_number", 2.0)),
    "a list in torch": (FromAListInTorch, lambda module: torch.fitdash_numbers.insert(0, 2.0)),
    "an object that is made": (Makes, set_fact),
    "what a property sets": (SetsAProperty, set_fact),
    "a text": (ReadsAText, set_fact),
    "a name with underscores": (ADunder, lambda module: setattr(ADunder, "__number__", 2.0)),
    "a property that is kept": (KeepsOnce, lambda module: (set_fact(module), vars(module).pop("once"))),
    "a backend": (Attends, lambda module: torch.backends.cuda.enable_flash_sdp(False)),
    "a zero's sign": (Copies, lambda module: setattr(module, "zero", -0.0)),
    "a whole number that becomes another": (TellsTypes, lambda module: setattr(module, "number", 1.0)),
    "a whole number that becomes a truth": (TellsTypes, lambda module: setattr(module, "number", True)),
    "what a module of torch's calls": (CallsAnew, set_fact),
    "a weight that is computed": (lambda: OwnWeight(6, 3), set_fact),
    "a convolution's own way": (OwnConvolution, set_fact),
    "an attribute of a class of torch's": (ReadsATorchClass, lambda module: setattr(nn.Linear, "fitdash_number", 2.0)),
    "a property of a member": (holding(lambda: Color(1), number_of), set_fact),
    "a slot of a module": (SlottedModule, lambda module: SlottedModule.number.__set__(module, 2.0)),
    "a hook of a module that is in no module": (HookedOutOfSight, set_fact),
    "a function inside one of NumPy's": (ThroughNumPy, set_fact),
    "a function of torch's": (mlp, lambda module: setattr(nn.functional, "relu", doubled_relu)),
    "a method of tensors": (Squares, lambda module: setattr(torch.Tensor, "square", torch.Tensor.abs)),
    "a method of torch's": (Scaled, lambda module: setattr(nn.Linear, "forward", doubled)),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.filterwarnings("ignore:No gradient reaches")
def test_a_change_in_a_far_corner_is_seen(name):
    make, change = CHANGES[name]

    def made():
        begin()
        return make()

    ours, theirs = both(made, X, Y, callbacks=[lambda: After(change)], epochs=5)

    assert_same(ours, theirs)


class ReadsTheClock(Scaled):
    def scale(self):
        return 1.0 if tests.engine.recording.safety.watched_settings.time.time() > 0 else 2.0


class ByNameInAModule(Scaled):
    def scale(self):
        return getattr(watched_settings, "sca" + "le" * (self.first.in_features > 0))


class ThroughAWeakProxy(Scaled):
    def put(self):
        self.held = weakref.proxy(HELD)

    def scale(self):
        return self.held.number


class ReadsGlobals(Scaled):
    def scale(self):
        return set_fact.__globals__["FACTS"]["number"]


class ReadsTheSeed(Scaled):
    def scale(self):
        return 1.0 + torch.initial_seed() % 7


class Chooses(Scaled):
    def forward(self, x):
        return torch.cond(x.sum() > 0, self.first, self.first, (x,))


EAGER = {
    ReadsTheSeed: "calls torch.initial_seed()",
    ReadsTheClock: "the module time",
    ByNameInAModule: "those of a module",
    ThroughAWeakProxy: "holds",
    ReadsGlobals: "uses __globals__",
}


@pytest.mark.parametrize("make", EAGER, ids=lambda make: make.__name__)
def test_what_cannot_be_seen_keeps_the_step_eager(make):
    assert_eager(make, X, Y, EAGER[make])


def test_a_step_that_nobody_may_look_at_is_not_watched():
    with pytest.raises(UnwatchableState, match="calls torch.cond"):
        StepGuard(Chooses(), [])


class Layers(Scaled):
    """Parts by computed names, in a class with a method that prints: an ordinary module."""

    def put(self):
        for place in range(2):
            setattr(self, f"layer{place}", nn.Linear(8, 8))

    def scale(self):
        return getattr(self, "factor", 1.0)

    def summary(self):
        print(self.first)

    def forward(self, x):
        x = self.first(x)
        for place in range(2):
            x = torch.relu(getattr(self, f"layer{place}")(x)) * getattr(watched_settings, "scale", 1.0)
        return self.head(x * getattr(nn.functional, "relu")(x).mean())  # noqa: B009


class DrawsTheSame(Scaled):
    """Draws from what begins alike at every step."""

    def scale(self):
        return random.Random(3).random()


ORDINARY = [
    DrawsTheSame,
    through(GradientThatDoesNot),
    Layers,
    Configured,
    KeepsOnce,
    FromAPackage,
    Attends,
    holding(lambda: Color(1), number_of),
]


@pytest.mark.parametrize("make", ORDINARY, ids=lambda make: make.__name__)
@pytest.mark.filterwarnings("ignore:No gradient reaches")
def test_ordinary_modules_are_recorded(make):
    assert_recorded(make, X, Y)
