"""What Python holds that a step could read or change, as one value that can be compared before and after."""

import collections
import functools
import operator
import random
import types
import weakref
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

from fitdash.engine.guards_code import CHANGES, Unwatchable, is_trusted, reached, refuse_module, used_by

MOST_VALUES = 20_000
"""A state larger than this is not watched: comparing it would cost more than recording saves."""
MOST_BYTES = 1 << 24

PLAIN = (bool, int, complex, str, bytes, type(None), type(Ellipsis), range, slice)
FIXED = (torch.Size, torch.dtype, torch.device, torch.layout, torch.memory_format, np.dtype, np.generic, types.CodeType)
FLAT = frozenset([bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device, torch.Size])
"""Types whose values can be compared at once."""
SEEN_BY_IDENTITY = (torch.Tensor, types.FunctionType, types.BuiltinFunctionType, weakref.ReferenceType)
RANDOM_STATES = 2
"""How many of Python's and NumPy's a fingerprint begins with."""
HOOKS = frozenset(
    [
        "_parameters",
        "_buffers",
        "_modules",
        "_non_persistent_buffers_set",
        "_is_full_backward_hook",
        "_forward_hooks",
        "_forward_pre_hooks",
        "_backward_hooks",
        "_backward_pre_hooks",
        "_state_dict_hooks",
        "_state_dict_pre_hooks",
        "_load_state_dict_pre_hooks",
        "_load_state_dict_post_hooks",
        "_forward_hooks_with_kwargs",
        "_forward_hooks_always_called",
        "_forward_pre_hooks_with_kwargs",
    ]
)
"""Attributes of every module that other guards look after."""
ASIDE = frozenset(
    ["__init__", "__repr__", "__str__", "extra_repr", "__getstate__", "__setstate__", "__init_subclass__"]
)
"""Methods that no forward call runs."""

State = list[Any]


def fingerprint(roots: Iterable[Any], tensors: Iterable[torch.Tensor]) -> State:
    """Attributes of modules, globals and closures of functions, random states, modes.

    Args:
        roots: Modules and functions that a step calls.
        tensors: Parameters and buffers, whose values may change.

    Raises:
        Unwatchable: there is state that cannot be compared.
    """
    walk = _Walk({id(tensor) for tensor in tensors})
    for root in roots:
        walk.see(root)
    walk.finish()
    return [*_modes(), *walk.found]


def judged(roots: Iterable[Any], tensors: Iterable[torch.Tensor]) -> tuple[bool, bool, set[str]]:
    """Whether all code that is run is trusted, whether it looks as if it left no trace, and the names that it uses.

    Raises:
        Unwatchable: there is code that cannot be judged.
    """
    walk = _Walk({id(tensor) for tensor in tensors})
    for root in roots:
        walk.see(root)
    walk.finish()
    changes = any(name in CHANGES or (name.endswith("_") and not name.endswith("__")) for name in walk.names)
    return not walk.is_foreign, not (walk.writes or changes), walk.names


def attributes_of(modules: Iterable[nn.Module]) -> State | None:
    """What modules of torch's own kinds hold beside tensors, their hooks too; None where that has depths."""
    found: State = []
    for module in modules:
        found += (module, type(module))
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
    return all(a is b or (type(a) is type(b) and type(a) in FLAT and a == b) for a, b in zip(one, other, strict=True))


def _spread(value: Any, found: State) -> bool:
    """Add what a list or tuple holds, or a function or tensor itself; False for what could change unseen."""
    if isinstance(value, (list, tuple)):
        found.append(len(value))
        return all(_spread(part, found) for part in value)
    found.append(value)
    return type(value) in FLAT or isinstance(value, SEEN_BY_IDENTITY)


def _modes() -> State:
    """Random states of Python and NumPy, and what torch is set to."""
    return [
        hash(random.getstate()),
        _random_state(np.random.mtrand._rand),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.backends.mkldnn.enabled,
    ]


class _Walk:
    """Visits everything that can be reached, each object once."""

    def __init__(self, known: set[int]) -> None:
        self.found: State = []
        self._known = known
        self._seen: set[int] = set()
        self._kept: list[Any] = []
        self.names = {"forward"}
        self.writes = self.is_foreign = False
        self._methods: dict[tuple[type, str], Any] = {}

    def see(self, value: Any) -> None:
        """Note a value, and what it holds."""
        if len(self.found) > MOST_VALUES:
            raise Unwatchable("holds too much Python state to be watched")
        if isinstance(value, PLAIN):
            self.found.append(value)
        elif isinstance(value, float):
            self.found.append(value if value == value else "nan")
        elif isinstance(value, FIXED):
            self.found.append(repr(value))
        else:
            self.found.append(id(value))
            if id(value) not in self._seen:
                self._seen.add(id(value))
                self._kept.append(value)  # so that no other object gets its id
                self._look_into(value)

    def finish(self) -> None:
        """Look into the methods that are called by some name; those may call others."""
        while ready := [key for key in self._methods if key[1] in self.names or key[1].startswith("__")]:
            for key in ready:
                self._seen_function(self._methods.pop(key))

    def _look_into(self, value: Any) -> None:
        if isinstance(value, torch.Tensor):
            self._see_tensor(value)
        elif isinstance(value, dict):
            for key, part in list(value.items()):
                self.see(key)
                self.see(part)
        elif isinstance(value, (list, tuple, set, frozenset, collections.deque)):
            self.found.append(len(value))
            for part in list(value):
                self.see(part)
        elif isinstance(value, (types.FunctionType, types.MethodType, functools.partial, types.BuiltinFunctionType)):
            self._see_callable(value)
        elif isinstance(value, type):
            self._see_class(value)
        elif isinstance(value, (types.ModuleType, weakref.ReferenceType)):
            pass
        else:
            self._see_object(value)

    def _see_tensor(self, tensor: torch.Tensor) -> None:
        for name, value in list(vars(tensor).items()):
            self.found.append(name)
            self.see(value)
        if id(tensor) in self._known:
            return
        if tensor.is_inference() or tensor.layout != torch.strided:
            raise Unwatchable("holds a tensor that cannot be watched")
        self.found += [tensor._version, tensor.data_ptr(), tensor.requires_grad]

    def _see_callable(self, value: Any) -> None:
        if isinstance(value, types.FunctionType):
            self._seen_function(value)
        elif isinstance(value, types.MethodType):
            self.see(value.__func__)
            self.see(value.__self__)
        elif isinstance(value, functools.partial):
            for part in (value.func, value.args, value.keywords):
                self.see(part)
        else:
            self.names.add(value.__name__)
            refuse_module(value.__module__ or "builtins")
            if not isinstance(value.__self__, (types.ModuleType, type)):
                self.see(value.__self__)

    def _seen_function(self, value: Any) -> None:
        """Look at what a function reaches, be it wrapped as a property or a static method."""
        if isinstance(value, property):
            for part in (value.fget, value.fset):
                self._seen_function(part)
            return
        function = getattr(value, "__func__", value)
        if not isinstance(function, types.FunctionType):
            self.see(function)
        elif not is_trusted(function):
            used = used_by(function.__code__)
            self.names |= used.attributes | used.globals
            self.writes |= used.writes
            self.is_foreign = True
            self.found.append(id(function.__code__))
            for _, part in reached(function):
                self.see(part)

    def _see_class(self, cls: type) -> None:
        """Class attributes at once, methods when somebody calls them by name."""
        if is_trusted(cls):
            return
        self.is_foreign = True
        refuse_module(cls.__module__)
        for base in cls.__mro__:
            if is_trusted(base) or (base.__module__ or "").partition(".")[0] in ("abc", "typing", "enum"):
                continue
            for name, value in list(vars(base).items()):
                if name in ASIDE or name in ("__dict__", "__weakref__", "__doc__", "__annotations__", "__module__"):
                    continue
                if isinstance(value, (types.FunctionType, property, staticmethod, classmethod)):
                    self._methods[base, name] = value
                elif not name.startswith("__"):
                    self.see(value)

    def _see_object(self, value: Any) -> None:
        if isinstance(value, np.ndarray):
            if value.nbytes > MOST_BYTES or value.dtype == object:
                raise Unwatchable("holds an array that is too large to be watched")
            self.found.append(zlib.crc32(value.tobytes()))
        elif (state := _random_state(value)) is not None:
            self.found.append(state)
        elif isinstance(value, (bytearray, memoryview)):
            self.found.append(bytes(value))
        elif hasattr(value, "__next__"):
            raise Unwatchable("holds an iterator, whose position cannot be seen")
        elif isinstance(value, nn.Module):
            self._see_module(value)
        elif hasattr(value, "__dict__") or hasattr(value, "__slots__"):
            self._see_attributes(value)
        elif not is_trusted(type(value)):
            raise Unwatchable(f"holds a {type(value).__name__}, which cannot be watched")

    def _see_module(self, module: nn.Module) -> None:
        self.found.append(module.training)
        self._see_class(type(module))
        for name, value in list(vars(module).items()):
            if name not in HOOKS:
                self.found.append(name)
                self.see(value)
        for kind in (module._parameters, module._buffers):
            for name, tensor in kind.items():
                self.found += [name, None if tensor is None else place_of(tensor)]
                self.see(tensor)
        for name, child in module._modules.items():
            self.found.append(name)
            self.see(child)

    def _see_attributes(self, value: Any) -> None:
        self._see_class(type(value))
        for base in type(value).__mro__:
            slots = vars(base).get("__slots__", ())
            for name in [slots] if isinstance(slots, str) else slots:
                self.see(getattr(value, name, None))
        for name, part in list(getattr(value, "__dict__", {}).items()):
            self.found.append(name)
            self.see(part)


def place_of(tensor: torch.Tensor) -> tuple[Any, ...]:
    """Where a parameter or buffer lies, how, and whether it is trained; never its values."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_nested:
        raise Unwatchable("has a tensor that is not dense")
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype, tensor.requires_grad


def _random_state(value: Any) -> Any:
    """The state of a random generator; None if it is none."""
    if isinstance(value, random.Random):
        return hash(value.getstate())
    if isinstance(value, np.random.RandomState):
        name, keys, *rest = value.get_state(legacy=True)
        return name, zlib.crc32(np.asarray(keys).tobytes()), tuple(rest)
    if isinstance(value, np.random.Generator):
        return str(value.bit_generator.state)
    if isinstance(value, torch.Generator):
        return zlib.crc32(value.get_state().numpy().tobytes())
    return None
