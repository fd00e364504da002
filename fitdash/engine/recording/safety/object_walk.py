"""A walk over all objects that a step's code can reach, which lists every value that could change.

Example: two attributes of a module, the first watched, the second refused:

    self.parts = [1.0, 2.0]             # adds "parts", the list's id and length, and type and bits of both numbers
    self.numbers = itertools.count()    # "eager: the step holds an iterator, whose position cannot be seen"
"""

import collections
import functools
import gc
import types
import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

from fitdash.engine.recording.safety.bytecode import (
    COMPUTES,
    WORLDLY,
    UnwatchableState,
    analyze_code,
    closure_values,
    find_reachable,
    is_standard,
    is_trusted,
    refuse_module,
)
from fitdash.engine.recording.safety.object_kinds import (
    CYTHON,
    HOLDERS,
    INERT,
    KNOWN,
    LISTS,
    NAMED,
    NOTES,
    NUMBERS,
    PLAIN,
    fingerprint_array,
    foreign_bases,
    functions_of,
    is_cache_internal,
    is_original,
    module_name_of,
    names_in,
    read_slot,
    refuse_hidden,
    slots_of,
)
from fitdash.engine.recording.safety.special_names import ASIDE, DESCRIBING, GRADIENTS, HOOKS, METHODS, RUN, UNMAKING
from fitdash.engine.recording.safety.torch_flags import generator_state, tensor_layout

MOST_VALUES = 20_000
"""Entries of the largest state that is watched: comparing a larger one would cost more than recording saves."""
_DEFAULT = vars(collections.defaultdict)["default_factory"]


class ObjectWalk:
    """Visits every object that can be reached, each once.

    Args:
        known: The ids of tensors whose values may change: parameters and buffers.

    Attributes:
        found: The values that could change, in the order of the walk.
        names: The names that the code uses.
        writes: True if the code assigns to attributes or items.
        is_foreign: True if there is code outside of the trusted packages.
    """

    def __init__(self, known: set[int]) -> None:
        self.found: list[Any] = []
        self.names = {"forward"}
        self.writes = self.is_foreign = False
        self._known = known
        self._seen: set[int] = set()
        self._kept: list[Any] = []
        self._classes: set[int] = set()
        self._methods: dict[tuple[int, str], Any] = {}
        self._called: set[str] = set()
        self._prefixes: set[str] = set()
        self._computes_anywhere = False
        self._modules: dict[int, types.ModuleType] = {}
        self._owners: list[type] = [torch.Tensor, nn.Module]
        self._asked: dict[int, set[str]] = {}

    def see(self, value: Any) -> None:
        """Add a value and the objects that it holds.

        Raises:
            UnwatchableState: one of them cannot be watched.
        """
        if len(self.found) > MOST_VALUES:
            raise UnwatchableState("holds too much Python state to be watched")
        kind = type(value)
        if kind in PLAIN:
            self.found.append(value)
        elif (note := NOTES.get(kind)) is not None:
            self.found += note(value)
        else:
            self.found.append(id(value))
            if id(value) not in self._seen:
                self._seen.add(id(value))
                self._kept.append(value)  # so that no other object gets its id
                self._look_into(value, kind)

    def finish(self) -> None:
        """Visit the methods, and the members of modules, whose names the code uses, until they add no further names."""
        before = None
        while before != (before := (len(self.found), len(self.names), len(self._prefixes))):
            while ready := [key for key in self._methods if self._is_called(key[1])]:
                for key in ready:
                    self._see_method(key[1], self._methods.pop(key, None))
            for module in list(self._modules.values()):
                self._see_members(module, is_quiet=is_original(module.__name__))
            if self.is_foreign:
                for cls in self._owners:
                    self._see_members(cls, is_quiet=True)
        if self._computes_anywhere and not all(is_original(module.__name__) for module in self._modules.values()):
            raise UnwatchableState("looks up names that it computes, which could be those of a module")

    def _is_called(self, name: str) -> bool:
        if (callers := ASIDE.get(name)) is not None:
            return not callers.isdisjoint(self.names)
        is_computed = bool(self._prefixes) and name.startswith(tuple(self._prefixes))
        return name in self.names or name in self._called or is_computed or name.startswith("__")

    def _look_into(self, value: Any, kind: type) -> None:
        if issubclass(kind, nn.Module):
            self._see_module(value)
        elif issubclass(kind, torch.Tensor):
            self._see_tensor(value)
        elif issubclass(kind, dict):
            self._see_dict(value, kind)
        elif issubclass(kind, LISTS):
            base = next(base for base in LISTS if issubclass(kind, base))
            parts = list(base.__iter__(value))
            self.found.append(len(parts))
            self._see_all(parts)
            self._see_more(value, kind)
        elif kind is types.FunctionType:
            self._see_function(value)
        elif issubclass(kind, type):
            self._see_class(value, is_made=True)
        elif issubclass(kind, types.ModuleType):
            self._see_library(value, kind)
        elif issubclass(kind, NUMBERS):
            self._see_number(value, kind)
        elif issubclass(kind, (types.MethodType, functools.partial, types.BuiltinFunctionType, *NAMED)):
            self._see_callable(value, kind)
        else:
            self._see_object(value, kind)

    def _see_all(self, parts: Iterable[Any]) -> None:
        for part in parts:
            self.see(part)

    def _see_dict(self, value: Any, kind: type) -> None:
        base: Any = collections.OrderedDict if issubclass(kind, collections.OrderedDict) else dict
        parts = list(base.items(value))
        self.found.append(len(parts))
        for key, part in parts:
            self.see(key)
            self.see(part)
        if issubclass(kind, collections.defaultdict):
            self.see(_DEFAULT.__get__(value))
        self._see_more(value, kind)

    def _see_more(self, value: Any, kind: type) -> None:
        """Attributes of an object whose class is derived from one of Python's own types."""
        if kind not in KNOWN:
            self._see_attributes(value, kind)

    def _see_number(self, value: Any, kind: type) -> None:
        """A number or text of a derived class."""
        base: Any = next(base for base in NUMBERS if issubclass(kind, base))
        self._see_all(base.__getnewargs__(value))
        self._see_more(value, kind)

    def _see_tensor(self, tensor: torch.Tensor) -> None:
        for name, value in list(vars(tensor).items()):
            self.found.append(name)
            self.see(value)
        if id(tensor) in self._known:
            return
        if tensor.is_inference() or tensor.layout != torch.strided:
            raise UnwatchableState("holds a tensor that cannot be watched")
        self.found += [tensor._version, tensor.data_ptr(), tensor.requires_grad]

    def _see_callable(self, value: Any, kind: type) -> None:
        if issubclass(kind, types.MethodType):
            self.see(value.__func__)
            self.see(value.__self__)
        elif issubclass(kind, functools.partial):
            for part in (functools.partial.func, functools.partial.args, functools.partial.keywords):
                self.see(part.__get__(value))
            self._see_attributes(value, kind)
        else:
            self.names.add(value.__name__)
            if value.__name__ in COMPUTES:
                self._computes_anywhere = True
                self._prefixes.add("")
            if issubclass(kind, types.BuiltinFunctionType):
                module = value.__module__ or "builtins"
                refuse_module(module)
                if not is_original(module) or (module == "builtins" and value.__name__ in WORLDLY):
                    raise UnwatchableState(f"calls {value.__name__}()")
                if not isinstance(value.__self__, (types.ModuleType, type)):
                    self.see(value.__self__)

    def _see_method(self, name: str, value: Any) -> None:
        """Visit a method of a class; of a property, its getter, setter and deleter."""
        if isinstance(value, property):
            for part in (value.fget, value.fset, value.fdel):
                self._see_method(name, part)
            return
        if isinstance(value, functools.cached_property):
            function: Any = value.func
        else:
            function = getattr(value, "__func__", value)
        if isinstance(function, types.FunctionType):
            self._see_function(function, name)
        else:
            self.see(function)

    def _see_function(self, function: types.FunctionType, name: str = "") -> None:
        """Visit the objects that a function reaches, and add the names that its code uses."""
        if is_trusted(function) or module_name_of(function) in ("abc", "dataclasses", "enum", "typing"):
            for _, part in closure_values(function):
                if not is_original(module_name_of(part)):
                    self.see(part)
            return
        used = analyze_code(function.__code__)
        self.names |= used.globals
        self.names |= used.attributes - UNMAKING.get(name or function.__name__, frozenset())
        self.writes |= used.writes
        self._prefixes |= used.prefixes
        if used.computes_anywhere:
            self._computes_anywhere = True
            self._prefixes.add("")
        self.is_foreign = True
        self.found.append(function.__code__)
        for place, part in find_reachable(function):
            if place == "__class__" and isinstance(part, type):  # of `super()`
                self._see_class(part)
            else:
                self.see(part)

    def _see_class(self, cls: type, *, is_made: bool = False) -> None:
        """Visit a class: its attributes at once, its methods once code uses their names.

        Args:
            is_made: True if the step may make objects of this class.
        """
        if is_trusted(cls):
            return
        if id(cls) not in self._classes:
            self._classes.add(id(cls))
            self._kept.append(cls)
            self._see_class_once(cls)
        if is_made:
            for base in foreign_bases(cls):
                if (made := self._methods.pop((id(base), "__init__"), None)) is not None:
                    self._see_method("__init__", made)

    def _see_class_once(self, cls: type) -> None:
        self.is_foreign = True
        if issubclass(cls, torch.autograd.Function):
            self.names |= GRADIENTS
        if type(cls) is not type:
            self._see_class(type(cls))
        for base in cls.__mro__:
            refuse_module(base.__module__ or "")
            if is_original(base.__module__ or ""):
                self._called |= names_in(base)
        for base in foreign_bases(cls):
            if base is not cls and id(base) in self._classes:
                self.found.append(id(base))
                continue
            self._classes.add(id(base))
            self._kept.append(base)
            for name, value in list(vars(base).items()):
                if name in DESCRIBING:
                    continue
                if type(value) in METHODS:
                    self.found.append(id(value))
                    self._methods[id(base), name] = value
                else:
                    self.found.append(name)
                    self.see(value)

    def _see_library(self, module: types.ModuleType, kind: type) -> None:
        """Remember a Python module; `finish` visits those of its members whose names the code uses."""
        name = vars(module).get("__name__")
        if not isinstance(name, str):
            raise UnwatchableState("holds a module without a name")
        refuse_module(name)
        self._modules[id(module)] = module
        if not is_trusted(module):
            if kind is not types.ModuleType:
                self._see_class(kind)
            self.see(vars(module).get("__getattr__"))

    def _see_members(self, owner: Any, *, is_quiet: bool) -> None:
        """Visit the members of a Python module, or of one of torch's classes, whose names the code uses."""
        asked = self._asked.setdefault(id(owner), set())
        if len(asked) < len(self.names):
            held, names = vars(owner), self.names - asked
            asked |= names
            for name in sorted(names & held.keys()):
                self._see_member(held[name], is_quiet=is_quiet)

    def _see_member(self, value: Any, *, is_quiet: bool) -> None:
        is_foreign = not is_original(module_name_of(value))
        if is_quiet and is_foreign and callable(value):  # torch calls such a function twice under a mode
            raise UnwatchableState("calls a function that was put into somebody else's module")
        is_plain = type(value) in PLAIN or type(value) in NOTES or type(value) in KNOWN
        is_package = isinstance(value, types.ModuleType) and is_trusted(value)
        if is_plain or is_package or is_foreign or not is_quiet:
            self.see(value)
        else:
            self.found.append(id(value))

    def _see_object(self, value: Any, kind: type) -> None:
        if issubclass(kind, np.ndarray):
            self.found += fingerprint_array(value)
            if kind is not np.ndarray:
                self._see_attributes(value, kind)
        elif (state := generator_state(value)) is not None:
            self.found.append(state)
            if not is_trusted(kind) and not is_standard(kind.__module__):
                self._see_attributes(value, kind)
        elif kind in (bytearray, memoryview):
            self.found.append(bytes(value))
        elif hasattr(kind, "__next__"):
            raise UnwatchableState("holds an iterator, whose position cannot be seen")
        elif issubclass(kind, weakref.ReferenceType):
            self.see(weakref.ReferenceType.__call__(value))
            if kind is not weakref.ReferenceType:
                self._see_attributes(value, kind)
        elif issubclass(kind, HOLDERS):
            self._see_held(value, kind)
        elif kind is np.ufunc:
            if vars(np).get(value.__name__) is not value:
                raise UnwatchableState("holds a ufunc, which cannot be watched")
        elif kind.__name__ == CYTHON and is_original(module_name_of(value)):
            self.see(getattr(value, "__self__", None))
        elif kind in INERT:
            pass
        else:
            self._see_attributes(value, kind)

    def _see_held(self, value: Any, kind: type) -> None:
        is_cache = issubclass(kind, functools._lru_cache_wrapper)
        for part in gc.get_referents(value):
            if part is not kind and not (is_cache and is_cache_internal(part)):
                self.see(part)
        if not is_standard(kind.__module__):
            self._see_attributes(value, kind)

    def _see_module(self, module: nn.Module) -> None:
        kind: Any = type(module)
        self.found += (module.training, kind.forward)
        self._see_class(kind)
        if kind.__module__.startswith("torch."):
            self._see_functions_of(kind)
        else:
            self._see_all(read_slot(slot, module) for slot in slots_of(kind.__mro__) if slot.__name__ != "__dict__")
        if not is_trusted(kind.forward):
            self.see(kind.forward)
        for name, value in list(vars(module).items()):
            if name not in HOOKS:
                self.found.append(name)
                self.see(value)
            elif value and name in RUN and not all(is_original(module_name_of(hook)) for hook in value.values()):
                raise UnwatchableState(f"runs a hook on a {kind.__name__}")
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                self.found += [name, None if tensor is None else tensor_layout(tensor)]
                self.see(tensor)
        for name, child in module._modules.items():
            self.found.append(name)
            self.see(child)

    def _see_functions_of(self, kind: type) -> None:
        """Visit the functions that one of torch's modules calls: user code could have replaced them."""
        if id(kind) not in self._classes:
            self._classes.add(id(kind))
            self._called |= names_in(kind)
            self._owners.append(kind)
            for name in functions_of(kind):
                self._see_member(vars(nn.functional).get(name), is_quiet=True)

    def _see_attributes(self, value: Any, kind: type) -> None:
        """Visit an object's dictionary, its slots and its class."""
        refuse_hidden(kind)
        self._see_class(kind)
        for slot in slots_of(kind.__mro__):
            held = read_slot(slot, value)
            if type(held) is dict and slot.__name__ == "__dict__":
                for name, part in list(held.items()):
                    self.found.append(name)
                    self.see(part)
            else:
                self.see(held)
        if issubclass(kind, BaseException):
            self.see(BaseException.args.__get__(value))  # type: ignore[attr-defined]
