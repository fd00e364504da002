"""The Python state that a step could read or change, as one list that can be compared before and after.

Example: a callback changes an attribute between epochs. One entry of the fingerprint differs, the bits of the float,
so the recording is dropped and the step is recorded anew:

    class Net(nn.Module):                     # with factor = 1.0
        def forward(self, x):
            return self.head(x) * self.factor

    fingerprint([net], net.parameters())      # [..., "factor", float, b"\\x00\\x00\\x00\\x00\\x00\\x00\\xf0?", ...]
    net.factor = 0.5
    fingerprint([net], net.parameters())      # [..., "factor", float, b"\\x00\\x00\\x00\\x00\\x00\\x00\\xe0?", ...]
"""

import operator
import types
import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from fitdash.engine.recording.safety.bytecode import CHANGES
from fitdash.engine.recording.safety.object_walk import ObjectWalk
from fitdash.engine.recording.safety.special_names import HOOKS
from fitdash.engine.recording.safety.torch_flags import read_torch_flags

FLAT = frozenset([bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device, torch.Size])
"""Types whose values hold no others and can be compared by `==`."""
SEEN_BY_IDENTITY = (torch.Tensor, types.FunctionType, types.BuiltinFunctionType, weakref.ReferenceType)

State = list[Any]


def fingerprint(roots: Iterable[Any], tensors: Iterable[torch.Tensor]) -> State:
    """Attributes of modules, globals and closures of functions, random states, flags of torch.

    Args:
        roots: Modules and functions that a step calls.
        tensors: Parameters and buffers, whose values may change.

    Raises:
        UnwatchableState: there is state that cannot be compared.
    """
    return [*read_torch_flags(), *_walked(roots, tensors).found]


def judge_code(roots: Iterable[Any], tensors: Iterable[torch.Tensor]) -> tuple[bool, bool, set[str]]:
    """Whether only trusted code runs, whether the code seems to change no Python state, and the names that it uses.

    Raises:
        UnwatchableState: there is code that cannot be judged.
    """
    walk = _walked(roots, tensors)
    changes = any(name in CHANGES or (name.endswith("_") and not name.endswith("__")) for name in walk.names)
    return not walk.is_foreign, not (walk.writes or changes), walk.names


def _walked(roots: Iterable[Any], tensors: Iterable[torch.Tensor]) -> ObjectWalk:
    walk = ObjectWalk({id(tensor) for tensor in tensors})
    for root in roots:
        walk.see(root)
    walk.finish()
    return walk


def attributes_of(modules: Iterable[nn.Module]) -> State | None:
    """Attributes and hooks of modules of torch's own classes; None if one of them could change unseen."""
    found: State = []
    for module in modules:
        found += (module, type(module), type(module).forward)
        for name, value in vars(module).items():
            found.append(name)
            if type(value) in FLAT:
                found.append(value)
            elif name in HOOKS:
                if value and name.endswith("hooks"):
                    found += value.values()
            elif not _spread(value, found):
                return None
    return found


def is_alike(one: State | None, other: State) -> bool:
    """True if two lists of attributes are equal: objects by identity, plain values by type and value."""
    if one is None or len(one) != len(other):
        return False
    if all(map(operator.is_, one, other)):  # the usual case, at a fifth of the time
        return True
    return all(a is b or _is_equal(a, b) for a, b in zip(one, other, strict=True))


def _is_equal(a: Any, b: Any) -> bool:
    """True if two plain values have one type and are equal; 0.0 and -0.0 are not."""
    if type(a) is not type(b) or type(a) not in FLAT:
        return False
    return repr(a) == repr(b) if isinstance(a, (float, complex)) else bool(a == b)


def _spread(value: Any, found: State) -> bool:
    """Add the members of a list or tuple, or a plain value, function or tensor; False if it could change unseen."""
    if type(value) in (list, tuple):
        found += (type(value), len(value))
        return all(_spread(part, found) for part in value)
    found.append(value)
    return type(value) in FLAT or isinstance(value, SEEN_BY_IDENTITY)
