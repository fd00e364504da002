"""A pass that puts the gradients of a recurrent layer's gates at all time steps into one buffer, and sums them at once.

The backward pass concatenates the gates' gradients twice per time step: for the state, and with another last part for
the input. Both need the same buffer but for this last part. The bias gradient, a sum over the batch and an addition per
time step, becomes one sum over the batch and one product with ones, which adds row after row.

Example: the last of five time steps of a GRU (batches of 16, hidden size 32) and the end of its backward pass, before,
where the four other time steps repeat the first six lines:

    vlist2 = [v120, v119, v118]
    v122 = aten.cat(vlist2, 1)                      # for the state
    v127 = aten.sum(v122, [0], True)
    v128 = aten.view(v127, [96])                    # bias gradient; v150 = aten.add(v128, v149) and so on up to v217
    vlist3 = [v120, v119, v116]
    v131 = aten.cat(vlist3, 1)                      # for the input
    ...
    vlist12 = [v220, v200, v177, v154, v131]
    v222 = aten.stack(vlist12)
    v223 = aten.sum(v222, [0, 1], True)

and after:

    vlist2 = [v120, v119, v118]
    kroom0 = aten.empty([5, 16, 96], dtype=torch.float32, device=torch.device("cpu"))
    rooms0 = aten.unbind(kroom0)
    v122 = aten.cat(vlist2, 1, out=rooms0[4])
    ...
    sums0 = aten.sum(kroom0, [1])
    flipped0 = aten.flip(sums0, [0])                # the backward pass begins with the last time step
    kones0 = aten.ones([1, 5], dtype=torch.float32, device=torch.device("cpu"))
    added0 = aten.mm(kones0, flipped0)
    v217 = aten.view(added0, [96])                  # bias gradient
    lasts0 = [v205, v183, v160, v137, v116]
    last0 = aten.stack(lasts0)
    beside0 = aten.slice(kroom0, 2, 64, 96)
    aten.copy_(beside0, last0)                      # for the input from here on
    v223 = aten.sum(kroom0, [0, 1], True)
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from fitdash.engine.recording.passes.bit_equality import is_stacked_sum_bit_equal
from fitdash.engine.recording.program.ir import (
    ATEN,
    AliasRoots,
    Instruction,
    Place,
    base_name,
    count_uses,
    lists_of,
    written_names,
)

FEWEST = 4
"""Time steps from which the pass pays."""
ALIGNED = 64
"""Bytes. Each time step begins at a multiple of it: products of memory at other offsets may have other last bits."""


def gather_gates(lines: list[Instruction], places: Mapping[str, Place], kept: Collection[str]) -> list[Instruction]:
    """The lines of an equal program with fewer operations.

    Args:
        lines: The program of one step.
        places: Where every named tensor lay while the step was traced.
        kept: Names that are used after the last line.
    """
    layers, lasting = 0, frozenset(kept)
    for name in [line.name for line in lines if line.operation == "stack"]:
        gates = _found(lines, name, lasting)
        if gates is not None and gates.can_lie_together(places, lasting):
            lines = gates.written(layers)
            layers += 1
    return lines


@dataclass(kw_only=True)
class _Gates:
    """The gradients of one recurrent layer's gates, by time step.

    Attributes:
        lines: The program.
        index: Index of the line that stacks the gradients for the input.
        uses: How often each name is read.
        inner: Names of the concatenated gradients for the state, by time step.
        outer: The same for the input.
        parts: By name of such a concatenation, the names of its parts.
        shape: Shape of one concatenation, (batch, columns).
        width: Columns of its last part.
        dtype: Dtype of all.
        total: Name of the sum of the inner ones over batch and time steps; "" if it cannot be computed at once.
        summed: Names of the lines that only this sum needs.
        is_backwards: Whether the sum begins with the last time step.
    """

    lines: list[Instruction]
    index: int
    uses: Counter[str]
    inner: list[str]
    outer: list[str]
    parts: dict[str, tuple[str, ...]]
    shape: tuple[int, int] = (0, 0)
    width: int = 0
    dtype: Any = None
    total: str = ""
    summed: set[str] = field(default_factory=set)
    is_backwards: bool = False

    def can_lie_together(self, places: Mapping[str, Place], kept: frozenset[str]) -> bool:
        """True if all gradients may share one buffer: alike in shape and memory, and neither changed nor read later.

        Sets shape, width, dtype and the sum on the way.
        """
        last = [self.parts[name][-1] for name in self.outer]
        if not {*self.inner, *self.outer, *last} <= places.keys() or kept & {*self.inner, *last}:
            return False
        laid = {places[name][2:] for name in (*self.inner, *self.outer)}
        shapes = {places[name][2] for name in last}
        if len(laid) > 1 or len(shapes) > 1 or len(next(iter(shapes))) != 2:
            return False
        (shape, strides, self.dtype), (_, self.width) = laid.pop(), shapes.pop()
        if len(shape) != 2 or strides != (shape[1], 1) or shape[0] * shape[1] * self.dtype.itemsize % ALIGNED:
            return False
        self.shape = shape
        if not self._stay_as_they_are(AliasRoots(self.lines, places)):
            return False
        self._look_for_sums()
        return True

    def _stay_as_they_are(self, roots: AliasRoots) -> bool:
        """True if no line changes them or their parts too early, and none reads the inner ones after the stacking."""
        at = {line.name: place for place, line in enumerate(self.lines)}
        lists = lists_of(self.lines)
        if any(at[name] > self.index for name in self.inner):
            return False
        inner = {roots[name] for name in self.inner}
        needed: dict[str, list[tuple[int, int]]] = defaultdict(list)
        """By memory, the ranges of lines in which no line may write it."""
        for ours, theirs in zip(self.inner, self.outer, strict=True):
            *shared, last = self.parts[theirs]
            for part in shared:
                needed[roots[base_name(part)]].append((min(at[ours], at[theirs]), max(at[ours], at[theirs])))
            needed[roots[base_name(last)]].append((at[theirs], self.index))
        for place, line in enumerate(self.lines):
            written = {roots[name] for name in written_names(line)}
            if written & inner or any(start < place < end for root in written for start, end in needed.get(root, ())):
                return False
            read = [*line.read, *(member for name in line.read for member in lists.get(name, ()))]
            if place > self.index and any(roots[base_name(name)] in inner for name in read):
                return False
        return True

    def _look_for_sums(self) -> None:
        """Find the lines that sum the inner ones over the batch and then over time steps."""
        step_of = {name: place for place, name in enumerate(self.inner)}
        rows: dict[str, int] = {}
        sums: dict[str, list[int]] = {}
        for place, line in enumerate(self.lines):
            first, *others = line.operands
            if line.operation == "sum" and first in step_of and others == ["[0]", "True"]:
                rows[line.name] = step_of[first]
            elif line.operation == "view" and first in rows and others == [f"[{self.shape[1]}]"]:
                sums[line.name] = [rows[first]]
            elif line.operation == "add" and len(others) == 1 and first in sums and others[0] in sums:
                one, other = sums[first], sums[others[0]]
                if min(len(one), len(other)) > 1:
                    return
                sums[line.name] = one + other if len(other) == 1 else other + one
            else:
                continue
            if len(sums.get(line.name, ())) == len(step_of):
                self._take_sum(line.name, sums, {*rows, *sums}, place)
                return
            if self.uses[line.name] != 1:
                return

    def _take_sum(self, total: str, sums: dict[str, list[int]], names: set[str], place: int) -> None:
        order, upwards = sums[total], list(range(len(self.inner)))
        is_late = place < self.index and not any(total in line.read for line in self.lines[place : self.index])
        if (
            is_late
            and order in (upwards, upwards[::-1])
            and is_stacked_sum_bit_equal(len(order), *self.shape, self.dtype)
        ):
            self.total, self.summed, self.is_backwards = total, names, order != upwards

    def written(self, layer: int) -> list[Instruction]:
        """The program with all of them in one buffer, whose name ends with the number of the layer."""
        step_of = {name: place for place, name in enumerate(self.inner)}
        stacked, room = self.lines[self.index], f"kroom{layer}"
        lists = {line.operands[0] for line in self.lines if line.name in self.outer}
        left_out = {*self.outer, *self.summed, stacked.given, *(name for name in lists if self.uses[name] == 1)}
        count, (rows, columns) = len(self.inner), self.shape
        kind = f'dtype={self.dtype}, device=torch.device("cpu")'
        made = [f"{room} = {ATEN}empty([{count}, {rows}, {columns}], {kind})", f"rooms{layer} = {ATEN}unbind({room})"]
        found: list[Instruction] = []
        for line in self.lines:
            if line.name in left_out:
                continue
            if line.name in step_of:
                place = f"rooms{layer}[{step_of[line.name]}]"
                found += map(Instruction.of, [*made, f"{line.name} = {ATEN}cat({line.operands[0]}, 1, out={place})"])
                made = []
            elif line is stacked:
                found += map(Instruction.of, [*self._sum(layer, kind), *self._change(layer)])
            else:
                found.append(line.renamed({stacked.name: room}))
        return found

    def _sum(self, layer: int, kind: str) -> list[str]:
        if not self.total:
            return []
        turned = [f"flipped{layer} = {ATEN}flip(sums{layer}, [0])"] if self.is_backwards else []
        return [
            f"sums{layer} = {ATEN}sum(kroom{layer}, [1])",
            *turned,
            f"kones{layer} = {ATEN}ones([1, {len(self.inner)}], {kind})",
            f"added{layer} = {ATEN}mm(kones{layer}, {'flipped' if turned else 'sums'}{layer})",
            f"{self.total} = {ATEN}view(added{layer}, [{self.shape[1]}])",
        ]

    def _change(self, layer: int) -> list[str]:
        """Lines that turn the gradients for the state into those for the input: another last part."""
        columns = self.shape[1]
        return [
            f"lasts{layer} = [{', '.join(self.parts[name][-1] for name in self.outer)}]",
            f"last{layer} = {ATEN}stack(lasts{layer})",
            f"beside{layer} = {ATEN}slice(kroom{layer}, 2, {columns - self.width}, {columns})",
            f"{ATEN}copy_(beside{layer}, last{layer})",
        ]


def _found(lines: list[Instruction], stacked: str, kept: frozenset[str]) -> _Gates | None:
    """The gates behind a stacked list: each is read only there, and has a counterpart with another last part.

    None if the lines are not of this form.
    """
    lists = {line.name: line.operands for line in lines if not line.operation}
    joined = {
        line.name: lists[line.operands[0]]
        for line in lines
        if line.operation == "cat" and line.operands[0] in lists and line.operands[1:] == ("1",)
    }
    uses, index = count_uses(lines, kept), next(place for place, line in enumerate(lines) if line.name == stacked)
    outer = list(lists.get(lines[index].given, ()))
    if len(outer) < FEWEST or uses[lines[index].given] != 1 or stacked in kept:
        return None
    if any(name not in joined or uses[name] != 1 for name in outer):
        return None
    heads = {parts[:-1]: name for name, parts in joined.items() if name not in set(outer)}
    inner = [heads.get(joined[name][:-1], "") for name in outer]
    if "" in inner or len(set(inner)) < len(outer):
        return None
    parts = {name: joined[name] for name in (*inner, *outer)}
    return _Gates(lines=lines, index=index, uses=uses, inner=inner, outer=outer, parts=parts)
