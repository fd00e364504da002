"""Modules that read Python state in far corners, and that state."""

import builtins
import dataclasses
import enum
import functools
import time

import numpy as np
import torch
from torch import nn

import tests.engine
from tests.engine.recording.safety import watched_settings
from tests.engine.recording.safety.watched_base import CALLS, FACTS, HELD, Scaled, set_fact
from tests.engine.recording.safety.watched_holders import cached_list


def begin():
    """Put everything back, so that both fits begin alike."""
    set_fact(None, 1.0)
    CALLS.clear()
    cached_list().clear()
    HELD.number = watched_settings.scale = Meta.number = ADunder.__number__ = 1.0
    torch.fitdash_numbers = [1.0]
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


class ByASplitName(ByName):
    def scale(self):
        return getattr(self, ["scale_plain", "scale_other"][len(self.mode) - 5])()


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
        return tests.engine.recording.safety.watched_settings.scale


class FromAHeldModule(Scaled):
    def put(self):
        self.settings = watched_settings

    def scale(self):
        return self.settings.scale


class FromAnImport(Scaled):
    def scale(self):
        from . import watched_settings as settings

        return settings.scale


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


class FromAListInTorch(Scaled):
    def scale(self):
        return torch.fitdash_numbers[0]


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


@dataclasses.dataclass
class Settings:
    number: float = 1.0


class Configured(Scaled):
    """Its class could not be watched while it makes an object."""

    def __init__(self, settings=None):
        super().__init__()
        self.settings, self.made = settings or Settings(), time.time()

    def scale(self):
        if self.settings.number < 0:
            raise ValueError(f"got {self.settings}")
        return self.settings.number


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
