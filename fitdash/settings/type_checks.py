"""Which values an annotation accepts, and the words for it in messages."""

import math
import types
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

LARGEST_INTEGER = 2**53 - 1  # beyond it, JSON readers that use doubles change the number


@cache
def union_members(annotation: Any) -> tuple[Any, ...]:
    """The types that an annotation joins: `int | None` is (int, NoneType)."""
    if get_origin(annotation) is Annotated:
        return union_members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(one for part in get_args(annotation) for one in union_members(part))
    return (annotation,)


def literal_values(annotation: Any) -> tuple[Any, ...]:
    """The values that `Literal` names, in order."""
    return tuple(word for one in union_members(annotation) if get_origin(one) is Literal for word in get_args(one))


def accepts(annotation: Any, value: Any) -> bool:
    """True if the value is of the annotated type; a bool is not a number, an integer is also a float."""
    return any(_is_one(alternative, value) for alternative in union_members(annotation))


def describe_type(annotation: Any) -> str:
    """What an annotation accepts, in words that follow "must be"."""
    phrases = [phrase for one in union_members(annotation) for phrase in _phrases(one)]
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} or {phrases[-1]}"


def base_type_of(annotation: Any) -> str:
    """The kind of widget a type asks for: bool, int, float, str, choice, names, weights, shares or settings."""
    kinds = [_kind(one) for one in union_members(annotation)]
    plain = [kind for kind in kinds if kind not in ("", "choice")]
    if "choice" in kinds and plain in ([], ["bool"]):
        return "choice"
    return plain[0] if plain else "str"


def short_repr(value: Any) -> str:
    """The value as messages quote it: short, and without ever raising."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST_INTEGER:
        return f"an integer of about {int(value.bit_length() * math.log10(2)) + 1} digits"
    try:
        text = repr(value)
    except Exception:  # repr of a user's object, or of a number inside it that is too long to print
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def describe_wrong_class(name: str, key: Any) -> str:
    """The sentences that refuse a key which is no class index, in the weights of classes."""
    rule = f"{name} must map class indices to weights"
    return f"{rule}, got the key {short_repr(key)}. Use the index: {{0: 1.0, 1: 4.0}}."


def join_reprs(values: Iterable[Any]) -> str:
    """Values separated by commas, as messages list them."""
    return ", ".join(short_repr(value) for value in values)


def _is_one(kind: Any, value: Any) -> bool:
    origin = get_origin(kind)
    if origin is Literal:
        return any(type(value) is type(word) and value == word for word in get_args(kind))
    if origin is tuple:
        return isinstance(value, tuple) and all(accepts(get_args(kind)[0], item) for item in value)
    if origin is not None:
        key, content = get_args(kind)
        return isinstance(value, Mapping) and all(accepts(key, k) and accepts(content, v) for k, v in value.items())
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    return isinstance(value, kind)


def _phrases(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [short_repr(word) for word in get_args(kind)]
    if get_origin(kind) is tuple:
        return [{int: "a list of integers", str: "a list of names"}.get(get_args(kind)[0], "a list")]
    if get_origin(kind) is not None:
        return [f"a table of {'class indices' if get_args(kind)[0] is int else 'names'} and weights"]
    names = {int: "an integer", float: "a number", str: "text", type(None): "None"}
    return ["True", "False"] if kind is bool else [names.get(kind, f"a {getattr(kind, '__name__', kind)}")]


def _kind(one: Any) -> str:
    if get_origin(one) is Literal:
        return "choice"
    if get_origin(one) is tuple:
        return "names"
    if get_origin(one) is not None:
        return "weights" if get_args(one)[0] is int else "shares"
    if is_dataclass(one):
        return "settings"
    return {bool: "bool", int: "int", float: "float", str: "str"}.get(one, "")
