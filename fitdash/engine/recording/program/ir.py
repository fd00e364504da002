"""The lines of a recorded program, parsed: the result, operation and operands of each, and which tensors share memory.

For example `v3 = torch.ops.aten.mm(v0[1], t2)` has the name "v3", the operation "mm", the operands "v0[1]" and "t2".
"""

import functools
import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

Place = tuple[Any, ...]
"""Of a tensor, as `tensor_identity` in `program.tracer` gives it: storage address, offset, shape, strides, dtype."""

ATEN = "torch.ops.aten."
NAME = re.compile(r"(?<![\w.])([a-z]+\d+)\b(\[\d+\])?")
"""The name of a tensor, or of one of several results of an operation; not the end of torch.float32."""

_CALL = re.compile(r"(?:(\w+) = )?torch\.ops\.aten\.(\w+)\((.*)\)")
_LIST = re.compile(r"(\w+) = \[(.*)\]")
_NAMED = re.compile(r"\b(\w+)=([a-z]+\d+(?:\[\d+\])?)")
_SECRET_WRITES = frozenset({"native_batch_norm", "cudnn_batch_norm", "miopen_batch_norm", "batch_norm_update_stats"})
"""Operations that change running statistics, which their schemas do not say."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One line of a program.

    Attributes:
        text: The whole line.
        name: Name of its result; "" if it has none.
        operation: Name of the operation that it calls; "" if it makes a list.
        given: The text between the brackets.
        operands: The same, cut at its commas.
        read: Names of tensors and lists in it; parts, such as "v0[1]", by their own names.
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
        """The line with its operands renamed; a part of a renamed tensor keeps its index."""
        if not any(name in names or base_name(name) in names for name in self.read):
            return self
        given = NAME.sub(
            lambda found: names.get(found[0]) or names.get(found[1], found[1]) + (found[2] or ""), self.given
        )
        start = f"{self.name} = " if self.name else ""
        return Instruction.of(f"{start}{ATEN}{self.operation}({given})" if self.operation else f"{start}[{given}]")


def contiguous_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of a contiguous tensor."""
    return tuple(math.prod(shape[place + 1 :]) for place in range(len(shape)))


def base_name(name: str) -> str:
    """The name without the index of a part: "v0" of "v0[1]"."""
    return name.partition("[")[0]


def part_index(part: str) -> int:
    """The index of a part: 1 of "v0[1]"."""
    return int(part.partition("[")[2][:-1])


def count_uses(lines: list[Instruction], kept: Collection[str]) -> Counter[str]:
    """How often each name is an operand; a part counts for itself, not for the tensor that it belongs to."""
    found: Counter[str] = Counter(kept)
    for line in lines:
        found.update(line.read)
    return found


class AliasRoots:
    """By name, one tensor that stands for all that share its memory, found by schemas and by storage addresses."""

    def __init__(self, lines: list[Instruction], places: Mapping[str, Place]) -> None:
        self._roots: dict[str, str] = {}
        for line in lines:
            if not line.name or not line.read:
                continue
            looks = line.operation and op_effects_of(line.operation).views
            for other in written_names(line) or (line.read[:1] if looks else ()):
                self._join(line.name, base_name(other))
        first: dict[Any, str] = {}
        for name, place in places.items():  # some results are views although their schemas do not say so
            self._join(base_name(name), first.setdefault(place[0], base_name(name)))

    def __getitem__(self, name: str) -> str:
        root = name
        while (other := self._roots.get(root, root)) != root:
            root = other
        return root

    def _join(self, one: str, other: str) -> None:
        self._roots[self[one]] = self[other]


def lists_of(lines: list[Instruction]) -> dict[str, tuple[str, ...]]:
    """The members of lists, by the name of the list."""
    return {line.name: line.read for line in lines if not line.operation}


def written_names(line: Instruction) -> list[str]:
    """Names of the tensors that a line writes into, or may write into; of parts, that of the whole tensor."""
    if not line.operation or not may_write(line.operation, line.given):
        return []
    outputs = _out_operands(line.operation, line.given)
    names = outputs or (line.operands[:1] if line.operation.endswith("_") else line.read)
    return [base_name(name) for name in names if NAME.fullmatch(name)]


def in_place_target(line: Instruction) -> str | None:
    """The tensor that a line writes into and returns; None if there is not exactly one."""
    if not line.operation or not may_write(line.operation, line.given):
        return None
    outputs = _out_operands(line.operation, line.given)
    names = outputs or (line.operands[:1] if line.operation.endswith("_") else ())
    return names[0] if len(names) == 1 and NAME.fullmatch(names[0]) else None


def may_write(operation: str, given: str) -> bool:
    """True if a call may change one of its arguments."""
    return op_effects_of(operation).changes or ("=" in given and bool(_out_operands(operation, given)))


def _out_operands(operation: str, given: str) -> Sequence[str]:
    """The tensors that a call gets as output arguments, such as `out=`."""
    keys = op_effects_of(operation).out_names
    return [found[2] for found in _NAMED.finditer(given) if found[1] in keys] if "=" in given else ()


class OpEffects(NamedTuple):
    """What the schemas of an operation declare.

    Attributes:
        views: True if a result is a view.
        changes: True if it changes an argument, output arguments aside.
        out_names: Names of its output arguments.
    """

    views: bool
    changes: bool
    out_names: frozenset[str]


@functools.lru_cache(maxsize=1024)
def op_effects_of(operation: str) -> OpEffects:
    """The effects of all overloads of an operation; if torch does not know it, all effects."""
    packet = getattr(torch.ops.aten, operation, None)
    if packet is None:
        return OpEffects(views=True, changes=True, out_names=frozenset())
    schemas = [getattr(packet, overload)._schema for overload in packet.overloads()]
    given = [(one, one.alias_info) for schema in schemas for one in schema.arguments]
    looks = [one.alias_info for schema in schemas for one in schema.returns]
    return OpEffects(
        views=any(alias is not None and not alias.is_write for alias in looks),
        changes=operation in _SECRET_WRITES
        or any(alias is not None and alias.is_write and not one.kwarg_only for one, alias in given),
        out_names=frozenset(o.name for o, alias in given if alias is not None and alias.is_write and o.kwarg_only),
    )
