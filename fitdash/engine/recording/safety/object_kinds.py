"""Kinds of Python objects: which can be noted as they are, which hold others, and which hide what they hold."""

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
"""Of an array that is compared."""
PLAIN = frozenset([int, str, bytes, type(None), type(...), type(NotImplemented), torch.dtype, torch.device, torch.Size])
"""Types whose values are noted as they are: those that are equal are the same."""
NUMBERS = (int, float, complex, str, bytes)
"""Types that foreign classes may be derived from, with attributes of their own."""
LISTS = (list, tuple, set, frozenset, collections.deque)
KNOWN = frozenset([dict, collections.OrderedDict, collections.defaultdict, *LISTS, *NUMBERS])
"""Types of Python's own that hold nothing but what is looked at."""
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
"""Types whose values hide what they hold from Python, but not from the garbage collector."""
NAMED = (types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType)
"""Methods of Python's own classes."""
INERT = (object, re.Pattern, types.GetSetDescriptorType, types.MemberDescriptorType, collections._tuplegetter)  # type: ignore[attr-defined]
"""Types whose values hold nothing that changes."""
READABLE = (*KNOWN, *HOLDERS, types.SimpleNamespace, types.ModuleType, functools.partial, type, object)
"""Types written in C that foreign classes may be derived from: nothing of them is out of sight."""
CYTHON = "cython_function_or_method"
"""The name of the type of functions that were compiled with Cython, of which there are many."""
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
"""Types of torch's own that change, or compute, where nobody sees it."""

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
"""What is noted of values that only differ from others if they are of another type, or have other bits."""


def read_slot(slot: Any, value: Any) -> Any:
    try:
        return slot.__get__(value)
    except AttributeError:  # nothing
        return None


def module_name_of(value: Any) -> str:
    """The name of the module that something comes from: a function by itself, an object by its class."""
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
    """Whether this is a part of a cache's own making, beside the arguments and results that it keeps."""
    if type(part) is dict:
        return any(type(value).__name__ == "_lru_list_elem" for value in part.values())
    return isinstance(part, type)


@functools.lru_cache(maxsize=1024)
def fingerprint_array(value: Any) -> tuple[Any, ...]:
    """What changes where an array does.

    Raises:
        Unwatchable: it is too large for that, or holds objects.
    """
    if value.nbytes > MOST_BYTES or value.dtype.hasobject:
        raise UnwatchableState("holds an array that is too large to be watched")
    return value.shape, value.strides, repr(value.dtype), zlib.crc32(value.tobytes())


def slots_of(bases: tuple[type, ...]) -> tuple[Any, ...]:
    """The descriptors of an object's slots and of its dictionary, whatever its classes call by those names."""
    found = []
    for base in bases:
        for name, slot in vars(base).items():
            is_dictionary = name == "__dict__" and type(slot) is types.GetSetDescriptorType and base is not type
            if is_dictionary or type(slot) is types.MemberDescriptorType:
                found.append(slot)
    return tuple(found)


@functools.lru_cache(maxsize=1024)
def refuse_hidden(kind: type) -> None:
    """Refuse objects that hold something out of sight.

    Raises:
        Unwatchable: objects of this class could.
    """
    is_exempt = is_trusted(kind) and kind.__module__ != "builtins"
    if issubclass(kind, UNSEEN) or (not is_exempt and _hides(kind)):
        raise UnwatchableState(f"holds a {kind.__name__}, which cannot be watched")


def _hides(kind: type) -> bool:
    """Whether objects have room for more than their slots, their dictionary, and what can be read anyway."""
    if issubclass(kind, BaseException):
        return False
    known = next(base for base in kind.__mro__ if base in READABLE)
    slots = sum(type(slot) is types.MemberDescriptorType for base in kind.__mro__ for slot in vars(base).values())
    slots += (kind.__dictoffset__ != 0) + (kind.__weakrefoffset__ != 0)
    return kind.__itemsize__ != known.__itemsize__ or kind.__basicsize__ > known.__basicsize__ + _WORD * slots


def foreign_bases(cls: type) -> Iterator[type]:
    """Those of a class's bases, and the class itself, whose code is looked at."""
    for base in cls.__mro__:
        if not is_trusted(base) and (base.__module__ or "").partition(".")[0] not in HARMLESS:
            yield base


@functools.lru_cache(maxsize=4096)
def is_original(name: str) -> bool:
    """Whether what a module holds is taken to be as it came, but for what others put into it."""
    return is_standard(name) or is_trusted(types.ModuleType(name))


@functools.lru_cache(maxsize=1024)
def names_in(kind: type) -> frozenset[str]:
    """The names that the methods of a class of somebody else's use: a class derived from it may define them anew."""
    if kind is nn.Module:
        return frozenset(["_call_impl", "_wrapped_call_impl", "_slow_forward"])  # the rest is for other times
    codes = [part.__code__ for part in map(_unwrapped, vars(kind).values()) if isinstance(part, types.FunctionType)]
    return frozenset[str]().union(*(analyze_code(code).attributes for code in codes))


@functools.lru_cache(maxsize=1024)
def functions_of(kind: type) -> tuple[str, ...]:
    """The names in `torch.nn.functional` that the methods of a module of torch's use."""
    used = frozenset[str]().union(*(names_in(base) for base in kind.__mro__))
    return tuple(sorted(used & vars(nn.functional).keys()))


def _unwrapped(part: Any) -> Any:
    return part.fget if isinstance(part, property) else getattr(part, "__func__", part)
