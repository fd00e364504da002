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
"""Of a tensor, as `identity` in `program.tracer` has it: memory, offset, shape, strides, dtype."""

ATEN = "torch.ops.aten."
NAME = re.compile(r"(?<![\w.])([a-z]+\d+)\b(\[\d+\])?")
"""A tensor, or one of several that an operation gives; not the end of torch.float32."""

_CALL = re.compile(r"(?:(\w+) = )?torch\.ops\.aten\.(\w+)\((.*)\)")
_LIST = re.compile(r"(\w+) = \[(.*)\]")
_NAMED = re.compile(r"\b(\w+)=([a-z]+\d+(?:\[\d+\])?)")
_SECRET_WRITES = frozenset({"native_batch_norm", "cudnn_batch_norm", "miopen_batch_norm", "batch_norm_update_stats"})
"""Operations that change running statistics and do not say so."""


@dataclass(frozen=True, slots=True)
class Instruction:
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
    def of(cls, text: str) -> "Instruction":
        call = _CALL.fullmatch(text)
        made = None if call else _LIST.fullmatch(text)
        name, operation, given = (call[1] or "", call[2], call[3]) if call else ("", "", text)
        if made:
            name, given = made[1], made[2]
        return cls(text, name, operation, given, tuple(given.split(", ")), tuple(f[0] for f in NAME.finditer(given)))

    def renamed(self, names: Mapping[str, str]) -> "Instruction":
        """The line with other names for what it is given; the parts of what has another one keep their places."""
        if not any(name in names or base_name(name) in names for name in self.read):
            return self
        given = NAME.sub(
            lambda found: names.get(found[0]) or names.get(found[1], found[1]) + (found[2] or ""), self.given
        )
        start = f"{self.name} = " if self.name else ""
        return Instruction.of(f"{start}{ATEN}{self.operation}({given})" if self.operation else f"{start}[{given}]")


def contiguous_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of a tensor that lies row by row."""
    return tuple(math.prod(shape[place + 1 :]) for place in range(len(shape)))


def base_name(name: str) -> str:
    """The name of what a name is a part of, or the name itself."""
    return name.partition("[")[0]


def part_index(part: str) -> int:
    """Which part a name is the name of."""
    return int(part.partition("[")[2][:-1])


def count_uses(lines: list[Instruction], kept: Collection[str]) -> Counter[str]:
    """How often each name is given to something; parts count for themselves, and not for what they are parts of."""
    found: Counter[str] = Counter(kept)
    for line in lines:
        found.update(line.read)
    return found


class AliasRoots:
    """By name, the tensor that stands for all that look at the same memory: by what is called, and by where it lay."""

    def __init__(self, lines: list[Instruction], places: Mapping[str, Place]) -> None:
        self._roots: dict[str, str] = {}
        for line in lines:
            if not line.name or not line.read:
                continue
            looks = line.operation and op_effects_of(line.operation).views
            for other in written_names(line) or (line.read[:1] if looks else ()):
                self._join(line.name, base_name(other))
        first: dict[Any, str] = {}
        for name, place in places.items():  # torch may give views that it does not call so
            self._join(base_name(name), first.setdefault(place[0], base_name(name)))

    def __getitem__(self, name: str) -> str:
        root = name
        while (other := self._roots.get(root, root)) != root:
            root = other
        return root

    def _join(self, one: str, other: str) -> None:
        self._roots[self[one]] = self[other]


def lists_of(lines: list[Instruction]) -> dict[str, tuple[str, ...]]:
    """The members of lists, by the names of these."""
    return {line.name: line.read for line in lines if not line.operation}


def written_names(line: Instruction) -> list[str]:
    """The names of what a line writes into, or may write into; those of tensors, not of their parts."""
    if not line.operation or not may_write(line.operation, line.given):
        return []
    told = _told(line.operation, line.given)
    names = told or (line.operands[:1] if line.operation.endswith("_") else line.read)
    return [base_name(name) for name in names if NAME.fullmatch(name)]


def in_place_target(line: Instruction) -> str | None:
    """The tensor that a line writes into and gives back, if it is one."""
    if not line.operation or not may_write(line.operation, line.given):
        return None
    told = _told(line.operation, line.given)
    names = told or (line.operands[:1] if line.operation.endswith("_") else ())
    return names[0] if len(names) == 1 and NAME.fullmatch(names[0]) else None


def may_write(operation: str, given: str) -> bool:
    """Whether an operation changes something that it is given."""
    return op_effects_of(operation).changes or ("=" in given and bool(_told(operation, given)))


def _told(operation: str, given: str) -> Sequence[str]:
    """The names of the tensors that an operation is told to write its results into."""
    keys = op_effects_of(operation).told
    return [found[2] for found in _NAMED.finditer(given) if found[1] in keys] if "=" in given else ()


class OpEffects(NamedTuple):
    """What torch says of an operation.

    Attributes:
        views: Whether it gives views.
        changes: Whether it changes what it is given.
        told: What it calls places for its results.
    """

    views: bool
    changes: bool
    told: frozenset[str]


@functools.lru_cache(maxsize=1024)
def op_effects_of(operation: str) -> OpEffects:
    """What is known of all forms of an operation; of one that torch does not know, the worst."""
    packet = getattr(torch.ops.aten, operation, None)
    if packet is None:
        return OpEffects(views=True, changes=True, told=frozenset())
    schemas = [getattr(packet, overload)._schema for overload in packet.overloads()]
    given = [(one, one.alias_info) for schema in schemas for one in schema.arguments]
    looks = [one.alias_info for schema in schemas for one in schema.returns]
    return OpEffects(
        views=any(alias is not None and not alias.is_write for alias in looks),
        changes=operation in _SECRET_WRITES
        or any(alias is not None and alias.is_write and not one.kwarg_only for one, alias in given),
        told=frozenset(one.name for one, alias in given if alias is not None and alias.is_write and one.kwarg_only),
    )
