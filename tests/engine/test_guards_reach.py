"""What a step reads out of far corners of Python is seen to change, or keeps the step eager."""

import builtins
import collections
import enum
import functools
import types
import weakref

import numpy as np
import pytest
import torch
from torch import nn

import tests.engine
from fitdash import callbacks as cb
from fitdash.engine.guards import Watch
from fitdash.engine.guards_code import Unwatchable
from tests.engine import guarded_settings
from tests.engine.recorded_fits import assert_eager, assert_recorded, assert_same, both
from tests.engine.recorded_modules import X, Y

pytestmark = pytest.mark.usefixtures("_records_short_fits")


class After(cb.Callback):
    """Changes something at the end of the third epoch, once steps are replayed."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 2:
            self.change(self.model.module)


class Scaled(nn.Module):
    """A network whose output is multiplied by whatever `scale` gives."""

    def __init__(self):
        super().__init__()
        self.first, self.head = nn.Linear(6, 8), nn.Linear(8, 3)
        self.put()

    def put(self):
        pass

    def scale(self):
        return 1.0

    def forward(self, x):
        return self.head(torch.tanh(self.first(x)) * self.scale())


class Held:
    """An object that others hold."""

    number = 1.0


FACTS = {"number": 1.0}
CALLS = []
HELD = Held()


def set_fact(module, number=2.0):
    FACTS["number"] = number


@pytest.fixture(autouse=True)
def _as_it_was():
    """Everything outside modules is put back after each test."""
    yield
    begin()
    del builtins.fitdash_number, torch.fitdash_number, nn.Linear.fitdash_number


def begin():
    """Put everything back, so that both fits begin alike."""
    set_fact(None, 1.0)
    CALLS.clear()
    cached_list().clear()
    HELD.number = guarded_settings.scale = Meta.number = ADunder.__number__ = 1.0
    builtins.fitdash_number = torch.fitdash_number = nn.Linear.fitdash_number = 1.0
    nn.Linear.forward, nn.functional.relu, torch.Tensor.square = old_forward, old_relu, old_square
    torch.backends.cuda.enable_flash_sdp(True)


class GradientOfAGlobal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1.0

    @staticmethod
    def backward(ctx, slope):
        return slope * FACTS["number"]


class GradientThatCounts(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1.0

    @staticmethod
    def backward(ctx, slope):
        CALLS.append(1)
        return slope * (2.0 if len(CALLS) == 14 else 1.0)


class GradientThatDoesNot(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.exp()

    @staticmethod
    def backward(ctx, slope):
        (x,) = ctx.saved_tensors
        return slope * x.exp()


def through(function):
    class Through(Scaled):
        def forward(self, x):
            return self.head(function.apply(torch.tanh(self.first(x))))

    return Through


class ByName(Scaled):
    mode = "plain"

    def scale_plain(self):
        return FACTS["number"]

    def scale(self):
        return getattr(self, "scale_" + self.mode)()


class ByNameInAClass(ByName):
    def scale(self):
        return type(self).__dict__["scale_" + self.mode](self)

    def scale_plain(self):
        return FACTS["number"]


class ByNameThatCounts(ByName):
    def scale_plain(self):
        CALLS.append(1)
        return 2.0 if len(CALLS) == 14 else 1.0


class FromAPackage(Scaled):
    def scale(self):
        return tests.engine.guarded_settings.scale


class FromAHeldModule(Scaled):
    def put(self):
        self.settings = guarded_settings

    def scale(self):
        return self.settings.scale


class FromAnImport(Scaled):
    def scale(self):
        from . import guarded_settings as settings

        return settings.scale


class ThroughAWeakReference(Scaled):
    def put(self):
        self.held = weakref.ref(HELD)

    def scale(self):
        return self.held().number


class ThroughAView(Scaled):
    def put(self):
        self.facts = FACTS.values()

    def scale(self):
        return sum(self.facts)


class ThroughAProxy(Scaled):
    def put(self):
        self.facts = types.MappingProxyType(FACTS)

    def scale(self):
        return self.facts["number"]


class ThroughABoundMethod(Scaled):
    def put(self):
        self.count = CALLS.__len__

    def scale(self):
        return 1.0 + self.count()


@functools.lru_cache
def cached_list():
    return []


class ThroughACache(Scaled):
    def scale(self):
        calls = cached_list()
        calls.append(1)
        return 2.0 if len(calls) % 14 == 0 else 1.0


class ADict(dict):
    pass


class AList(list):
    def scale(self):
        return FACTS["number"]


class AFloat(float):
    pass


class APair(collections.namedtuple("Pair", "a b")):
    pass


class Slotted:
    __slots__ = ("__number",)

    def __init__(self):
        self.__number = 1.0

    def change(self):
        self.__number = 2.0

    def number(self):
        return self.__number


def holding(make, read):
    """A module that holds something, and reads it."""

    class Holding(Scaled):
        def put(self):
            self.held = make()

        def scale(self):
            return read(self.held)

    return Holding


def with_number(held):
    held.number = 1.0
    return held


class Kind(enum.IntEnum):
    ONE = 1


class Meta(type):
    number = 1.0


class OfMeta(metaclass=Meta):
    pass


class FromAMetaclass(Scaled):
    def scale(self):
        return OfMeta.number


class FromBuiltins(Scaled):
    def scale(self):
        return fitdash_number  # noqa: F821


class FromTorch(Scaled):
    def scale(self):
        return torch.fitdash_number


class Makes(Scaled):
    def scale(self):
        return Made().number


class Made:
    def __init__(self):
        self.number = FACTS["number"]


class SetsAProperty(Scaled):
    @property
    def level(self):
        return self._level

    @level.setter
    def level(self, value):
        self._level = value * FACTS["number"]

    def scale(self):
        self.level = 1.0
        return self._level


class Tells:
    def __str__(self):
        return str(FACTS["number"])


class ReadsAText(Scaled):
    def put(self):
        self.held = Tells()

    def scale(self):
        return float(f"{self.held}")


class ADunder(Scaled):
    __number__ = 1.0

    def scale(self):
        return type(self).__number__


class KeepsOnce(Scaled):
    @functools.cached_property
    def once(self):
        return FACTS["number"]

    def scale(self):
        return self.once


class Attends(Scaled):
    def put(self):
        self.queries = nn.Linear(6, 16)

    def forward(self, x):
        q = self.queries(x).view(-1, 2, 4, 2)
        return self.head(nn.functional.scaled_dot_product_attention(q, q, q).reshape(-1, 16)[:, :8])


class Copies(Scaled):
    """The sign of a zero decides about that of the result."""

    def put(self):
        self.zero = 0.0

    def scale(self):
        return torch.copysign(torch.ones(8), torch.full((8,), self.zero))


class TellsTypes(Scaled):
    def put(self):
        self.number = 1

    def scale(self):
        return {int: 1.0, float: 2.0, bool: 3.0}[type(self.number)]


class SlottedModule(Scaled):
    __slots__ = ("number",)

    def put(self):
        object.__setattr__(self, "number", 1.0)

    def scale(self):
        return self.number


class HookedOutOfSight(Scaled):
    def put(self):
        self.parts = [nn.ReLU()]
        self.parts[0].register_forward_hook(lambda module, given, said: said * FACTS["number"])

    def forward(self, x):
        return self.head(self.parts[0](self.first(x)))


class ThroughNumPy(Scaled):
    function = np.frompyfunc(lambda value: FACTS["number"], 1, 1)

    def scale(self):
        return float(type(self).function(1.0))


class Squares(Scaled):
    def forward(self, x):
        return self.head(self.first(x).square())


class CallsAnew(Scaled):
    def _call_impl(self, *args, **kwargs):
        return super()._call_impl(*args, **kwargs) * FACTS["number"]


class OwnWeight(nn.Linear):
    @property
    def weight(self):
        return self.kept * FACTS["number"]

    @weight.setter
    def weight(self, value):
        self.kept = value


class OwnConvolution(nn.Conv1d):
    def __init__(self):
        super().__init__(6, 3, 1)

    def forward(self, x):
        return super().forward(x[:, :, None])[:, :, 0]

    def _conv_forward(self, *args):
        return super()._conv_forward(*args) * FACTS["number"]


class ReadsATorchClass(Scaled):
    def scale(self):
        return self.first.fitdash_number


class Color(enum.Enum):
    RED = 1

    @property
    def number(self):
        return FACTS["number"]


def number_of(held):
    return held.number


def set_held(name, value):
    return lambda module: setattr(module.held, name, value)


old_forward, old_relu, old_square = nn.Linear.forward, nn.functional.relu, torch.Tensor.square


def mlp():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def doubled_relu(x, inplace=False):
    return old_relu(x) * 2


def doubled(module, x):
    return old_forward(module, x) * 2


CHANGES = {
    "a gradient's global": (through(GradientOfAGlobal), set_fact),
    "a gradient that counts": (through(GradientThatCounts), lambda module: None),
    "a method by name": (ByName, set_fact),
    "a method out of a dictionary": (ByNameInAClass, set_fact),
    "a method by name that counts": (ByNameThatCounts, lambda module: None),
    "a module in a package": (FromAPackage, lambda module: setattr(guarded_settings, "scale", 2.0)),
    "a module in an attribute": (FromAHeldModule, lambda module: setattr(guarded_settings, "scale", 2.0)),
    "a module imported": (FromAnImport, lambda module: setattr(guarded_settings, "scale", 2.0)),
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
def test_a_change_in_a_far_corner_is_seen(name):
    make, change = CHANGES[name]

    def made():
        begin()
        return make()

    ours, theirs = both(made, X, Y, callbacks=[lambda: After(change)], epochs=5)

    assert_same(ours, theirs)


class ReadsTheClock(Scaled):
    def scale(self):
        return 1.0 if tests.engine.guarded_settings.time.time() > 0 else 2.0


class ByNameInAModule(Scaled):
    def scale(self):
        return getattr(guarded_settings, "sca" + "le" * (self.first.in_features > 0))


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
    with pytest.raises(Unwatchable, match="calls torch.cond"):
        Watch(Chooses(), [])


class Layers(Scaled):
    """Parts by computed names, in a class with other methods: an ordinary module."""

    def put(self):
        for place in range(2):
            setattr(self, f"layer{place}", nn.Linear(8, 8))

    def scale(self):
        return getattr(self, "factor", 1.0)

    def forward(self, x):
        x = self.first(x)
        for place in range(2):
            x = torch.relu(getattr(self, f"layer{place}")(x)) * getattr(guarded_settings, "scale", 1.0)
        return self.head(x * getattr(nn.functional, "re" + "lu")(x).mean())


ORDINARY = [
    through(GradientThatDoesNot),
    Layers,
    KeepsOnce,
    FromAPackage,
    Attends,
    holding(lambda: Color(1), number_of),
]


@pytest.mark.parametrize("make", ORDINARY, ids=lambda make: make.__name__)
def test_ordinary_modules_are_recorded(make):
    assert_recorded(make, X, Y)
