"""Kinds of Python objects: those compared by value, those that hold other objects, and those that hide what they hold.

Example: objects that a module keeps in an attribute:

    self.held = {"scale": 1.0}.values()              # a holder: the 1.0 in it is watched
    self.held = threading.Lock()                     # "eager: the step holds a lock, which cannot be watched"
"""

import collections
import functools
import operator
import re
import struct
import types
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from fitdash.engine.recording.safety.bytecode import HARMLESS, UnwatchableState, analyze_code, is_standard, is_trusted

MOST_BYTES = 1 << 24
"""Size of the largest array that is compared."""
PLAIN = frozenset([int, str, bytes, type(None), type(...), type(NotImplemented), torch.dtype, torch.device, torch.Size])
"""Types whose values go into the fingerprint as they are: equal values of them cannot be told apart."""
NUMBERS = (int, float, complex, str, bytes)
"""Types of numbers and texts from which a user's class may be derived, with attributes of its own."""
LISTS = (list, tuple, set, frozenset, collections.deque)
KNOWN = frozenset([dict, collections.OrderedDict, collections.defaultdict, *LISTS, *NUMBERS])
"""Python's own containers, numbers and texts: the walk visits all that they hold."""
HOLDERS: tuple[type, ...] = (
    types.MappingProxyType,
    type({}.keys()),
    type({}.values()),
    type({}.items()),
    type(collections.OrderedDict().keys()),
    type(collections.OrderedDict().values()),
    type(collections.OrderedDict().items()),
    types.MethodWrapperType,
    types.CellType,
    types.GenericAlias,
    types.UnionType,
    operator.itemgetter,
    functools._lru_cache_wrapper,
    staticmethod,
    classmethod,
    property,
)
"""Types whose contents Python code cannot read, but the garbage collector can."""
NAMED = (types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType)
"""Methods of Python's own classes."""
INERT = (object, re.Pattern, types.GetSetDescriptorType, types.MemberDescriptorType, collections._tuplegetter)  # type: ignore[attr-defined]
"""Types whose values hold nothing that could change."""
READABLE = (*KNOWN, *HOLDERS, types.SimpleNamespace, types.ModuleType, functools.partial, type, object)
"""Types written in C from which a user's class may be derived, since the walk sees all their contents."""
CYTHON = "cython_function_or_method"
"""Name of the type of functions compiled with Cython: each library has a type of its own by this name."""
UNSEEN: tuple[Any, ...] = tuple(
    kind
    for home, name in (
        (torch, "UntypedStorage"),
        (torch, "TypedStorage"),
        (getattr(torch, "jit", None), "ScriptFunction"),
        (torch._C, "ScriptObject"),
    )
    if (kind := getattr(home, name, None)) is not None
)
"""Types of torch's own that change or compute without any operation that could be traced."""

_bits = struct.Struct("d").pack
_WORD = struct.calcsize("P")


def _as_bytes(value: Any) -> tuple[Any, ...]:
    return repr(value.dtype), value.tobytes()


def _as_text(value: Any) -> tuple[Any, ...]:
    return type(value), repr(value)


NOTES: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    bool: lambda value: (bool, value),
    float: lambda value: (float, _bits(value)),
    complex: lambda value: (complex, _bits(value.real), _bits(value.imag)),
    types.CodeType: lambda value: (value,),
    **dict.fromkeys([range, slice, torch.layout, torch.memory_format], _as_text),
    **dict.fromkeys({type(np.dtype(kind)) for kind in np.sctypeDict.values()}, _as_text),
    **dict.fromkeys({kind for kind in np.sctypeDict.values() if not np.dtype(kind).hasobject}, _as_bytes),
}
"""What goes into the fingerprint for values that are compared by type and bits."""


def read_slot(slot: Any, value: Any) -> Any:
    """The content of an object's slot; None if nothing was assigned to it."""
    try:
        return slot.__get__(value)
    except AttributeError:
        return None


def module_name_of(value: Any) -> str:
    """The name of the module that defines a function or class, or the class of another object."""
    if isinstance(value, types.FunctionType):
        name = value.__globals__.get("__name__")
    elif isinstance(value, types.ModuleType):
        name = vars(value).get("__name__")
    elif isinstance(value, (types.MethodType, functools.partial)):
        name = module_name_of(value.__func__ if isinstance(value, types.MethodType) else value.func)
    elif isinstance(value, types.BuiltinFunctionType) and value.__module__ is None:  # of an object, such as random's
        name = type(value.__self__).__module__
    else:
        is_itself = isinstance(value, (type, types.BuiltinFunctionType)) or type(value).__name__ == CYTHON
        name = getattr(value if is_itself else type(value), "__module__", None)
    return name if isinstance(name, str) else ""


def is_cache_internal(part: Any) -> bool:
    """True for the internal objects of an `lru_cache`, beside the arguments and results that it keeps."""
    if type(part) is dict:
        return any(type(value).__name__ == "_lru_list_elem" for value in part.values())
    return isinstance(part, type)


def fingerprint_array(value: Any) -> tuple[Any, ...]:
    """Values that change if an array's content or layout does.

    Raises:
        UnwatchableState: it is too large for that, or holds objects.
    """
    if value.nbytes > MOST_BYTES or value.dtype.hasobject:
        raise UnwatchableState("holds an array that is too large to be watched")
    return value.shape, value.strides, repr(value.dtype), zlib.crc32(value.tobytes())


@functools.lru_cache(maxsize=1024)
def slots_of(bases: tuple[type, ...]) -> tuple[Any, ...]:
    """The descriptors of an object's slots and of its dictionary, even where a class overrides their names."""
    found = []
    for base in bases:
        for name, slot in vars(base).items():
            is_dictionary = name == "__dict__" and type(slot) is types.GetSetDescriptorType and base is not type
            if is_dictionary or type(slot) is types.MemberDescriptorType:
                found.append(slot)
    return tuple(found)


@functools.lru_cache(maxsize=1024)
def refuse_hidden(kind: type) -> None:
    """Refuse classes whose objects may hold data that Python code cannot read.

    Raises:
        UnwatchableState: objects of this class could.
    """
    is_exempt = is_trusted(kind) and kind.__module__ != "builtins"
    if issubclass(kind, UNSEEN) or (not is_exempt and _hides(kind)):
        raise UnwatchableState(f"holds a {kind.__name__}, which cannot be watched")


def _hides(kind: type) -> bool:
    """True if objects have memory for more than their slots, their dictionary and the readable base type."""
    if issubclass(kind, BaseException):
        return False
    known = next(base for base in kind.__mro__ if base in READABLE)
    slots = sum(type(slot) is types.MemberDescriptorType for base in kind.__mro__ for slot in vars(base).values())
    slots += (kind.__dictoffset__ != 0) + (kind.__weakrefoffset__ != 0)
    return kind.__itemsize__ != known.__itemsize__ or kind.__basicsize__ > known.__basicsize__ + _WORD * slots


def foreign_bases(cls: type) -> Iterator[type]:
    """The classes, of a class and its bases, whose code is examined: those that are not trusted."""
    for base in cls.__mro__:
        if not is_trusted(base) and (base.__module__ or "").partition(".")[0] not in HARMLESS:
            yield base


@functools.lru_cache(maxsize=4096)
def is_original(name: str) -> bool:
    """True if a module's content is assumed to be as its library defines it, but for objects that users put there."""
    return is_standard(name) or is_trusted(types.ModuleType(name))


@functools.lru_cache(maxsize=1024)
def names_in(kind: type) -> frozenset[str]:
    """The names that the methods of a library's class use: a class derived from it may override them."""
    if kind is nn.Module:
        return frozenset(["_call_impl", "_wrapped_call_impl", "_slow_forward"])  # a step calls no other method of it
    codes = [part.__code__ for part in map(_unwrapped, vars(kind).values()) if isinstance(part, types.FunctionType)]
    return frozenset[str]().union(*(analyze_code(code).attributes for code in codes))


@functools.lru_cache(maxsize=1024)
def functions_of(kind: type) -> tuple[str, ...]:
    """The names in `torch.nn.functional` that the methods of one of torch's module classes use."""
    used = frozenset[str]().union(*(names_in(base) for base in kind.__mro__))
    return tuple(sorted(used & vars(nn.functional).keys()))


def _unwrapped(part: Any) -> Any:
    return part.fget if isinstance(part, property) else getattr(part, "__func__", part)
