"""What Python holds that a step could read or change, as one value that can be compared before and after."""

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
"""Types whose values can be compared at once."""
SEEN_BY_IDENTITY = (torch.Tensor, types.FunctionType, types.BuiltinFunctionType, weakref.ReferenceType)

State = list[Any]


def fingerprint(roots: Iterable[Any], tensors: Iterable[torch.Tensor]) -> State:
    """Attributes of modules, globals and closures of functions, random states, modes.

    Args:
        roots: Modules and functions that a step calls.
        tensors: Parameters and buffers, whose values may change.

    Raises:
        Unwatchable: there is state that cannot be compared.
    """
    return [*read_torch_flags(), *_walked(roots, tensors).found]


def judge_code(roots: Iterable[Any], tensors: Iterable[torch.Tensor]) -> tuple[bool, bool, set[str]]:
    """Whether all code that is run is trusted, whether it looks as if it left no trace, and the names that it uses.

    Raises:
        Unwatchable: there is code that cannot be judged.
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
    """What modules of torch's own kinds hold beside tensors, their hooks too; None where that has depths."""
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
    """Whether two lists of attributes are the same: objects by identity, plain values by what they are."""
    if one is None or len(one) != len(other):
        return False
    if all(map(operator.is_, one, other)):  # most of the time, and a fifth of the price
        return True
    return all(a is b or _is_equal(a, b) for a, b in zip(one, other, strict=True))


def _is_equal(a: Any, b: Any) -> bool:
    """Whether two plain values are of one type and the same; zeros of two signs are not."""
    if type(a) is not type(b) or type(a) not in FLAT:
        return False
    return repr(a) == repr(b) if isinstance(a, (float, complex)) else bool(a == b)


def _spread(value: Any, found: State) -> bool:
    """Add what a list or tuple holds, or a function or tensor itself; False for what could change unseen."""
    if type(value) in (list, tuple):
        found += (type(value), len(value))
        return all(_spread(part, found) for part in value)
    found.append(value)
    return type(value) in FLAT or isinstance(value, SEEN_BY_IDENTITY)
