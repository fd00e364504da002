"""The lines of a noted program, read: what each makes, calls and is given, and whose memory it looks at."""

import functools
import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

Place = tuple[Any, ...]
"""Of a tensor, as `identity` in `recorded_notes` has it: memory, offset, shape, strides, dtype."""

ATEN = "torch.ops.aten."
NAME = re.compile(r"(?<![\w.])([a-z]+\d+)\b(\[\d+\])?")
"""A tensor, or one of several that an operation gives; not the end of torch.float32."""

_CALL = re.compile(r"(?:(\w+) = )?torch\.ops\.aten\.(\w+)\((.*)\)")
_LIST = re.compile(r"(\w+) = \[(.*)\]")
_TARGET = re.compile(r"\b(?:out|grad_input)=([a-z]+\d+(?:\[\d+\])?)")
_SECRET_VIEWS = frozenset({"unsafe_split", "unsafe_chunk", "_unsafe_view", "_reshape_alias"})
"""Views that torch does not call so."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line.

    Attributes:
        text: All of it.
        name: What it makes; "" where that has no name.
        operation: What it calls; "" where it makes a list.
        given: The text between the brackets.
        operands: The same, cut at its commas.
        read: Names in it, parts as such.
    """

    text: str
    name: str
    operation: str
    given: str
    operands: tuple[str, ...]
    read: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Line":
        call = _CALL.fullmatch(text)
        made = None if call else _LIST.fullmatch(text)
        name, operation, given = (call[1] or "", call[2], call[3]) if call else ("", "", text)
        if made:
            name, given = made[1], made[2]
        return cls(text, name, operation, given, tuple(given.split(", ")), tuple(f[0] for f in NAME.finditer(given)))

    def renamed(self, names: Mapping[str, str]) -> "Line":
        """The line with other names for what it is given; the parts of what has another one keep their places."""
        if not any(name in names or base(name) in names for name in self.read):
            return self
        given = NAME.sub(
            lambda found: names.get(found[0]) or names.get(found[1], found[1]) + (found[2] or ""), self.given
        )
        start = f"{self.name} = " if self.name else ""
        return Line.of(f"{start}{ATEN}{self.operation}({given})" if self.operation else f"{start}[{given}]")


def row_by_row(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of a tensor that lies row by row."""
    return tuple(math.prod(shape[place + 1 :]) for place in range(len(shape)))


def base(name: str) -> str:
    """The name of what a name is a part of, or the name itself."""
    return name.partition("[")[0]


def place_of(part: str) -> int:
    """Which part a name is the name of."""
    return int(part.partition("[")[2][:-1])


def uses_of(lines: list[Line], kept: Collection[str]) -> Counter[str]:
    """How often each name is given to something; parts count for themselves, and not for what they are parts of."""
    found: Counter[str] = Counter(kept)
    for line in lines:
        found.update(line.read)
    return found


class Roots(dict[str, str]):
    """By name, the name of the tensor whose memory it looks at: mostly its own."""

    def __init__(self, lines: list[Line]) -> None:
        for line in lines:
            if not line.name or not line.operation or not line.read:
                continue
            targets = written_by(line)
            if targets:
                self[line.name] = self[targets[0]]
            elif line.operation in _SECRET_VIEWS or _facts_of(line.operation).views:
                self[line.name] = self[base(line.read[0])]

    def __missing__(self, name: str) -> str:
        return name


def written_by(line: Line) -> list[str]:
    """The names of what a line writes into, or may write into."""
    target = target_of(line)
    if target is not None:
        return [base(target)]
    changes = bool(line.operation) and _facts_of(line.operation).changes
    return [base(name) for name in line.read] if changes else []


def target_of(line: Line) -> str | None:
    """The tensor that a line writes into and gives back, if it is one."""
    found = _TARGET.search(line.given) if line.operation else None
    if found is not None:
        return found[1]
    is_in_place = line.operation.endswith("_") and _facts_of(line.operation).changes
    return line.operands[0] if is_in_place and NAME.fullmatch(line.operands[0]) else None


class _Facts(NamedTuple):
    """What torch says of an operation: whether it gives views, and whether it changes what it is given."""

    views: bool
    changes: bool


@functools.lru_cache(maxsize=1024)
def _facts_of(operation: str) -> _Facts:
    packet = getattr(torch.ops.aten, operation, None)
    if packet is None:
        return _Facts(views=True, changes=True)
    schemas = [getattr(packet, overload)._schema for overload in packet.overloads()]
    looks = [one.alias_info for schema in schemas for one in schema.returns]
    takes = [one.alias_info for schema in schemas for one in schema.arguments if not one.kwarg_only]
    return _Facts(
        views=any(alias is not None and not alias.is_write for alias in looks),
        changes=any(alias is not None and alias.is_write for alias in takes),
    )
