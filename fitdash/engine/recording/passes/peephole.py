"""A pass that rewrites neighbouring lines: the same arithmetic with fewer operations and less memory.

It pays for networks of many small operations, such as recurrent ones. It makes only rewrites that keep every bit, and
like every candidate the result is compared with the eager step; if it differs, or fails, the recorded lines are used.

Example: lines of a GRU's forward pass (a copy that no line needs), of its backward pass (a negation that is added, a
product that is added) and of the linear layer behind it (a bias), before and after:

    v18 = aten.clone(v13[2])
    v19 = aten.mul_(v13[2], v13[0])       v19 = aten.mul(v13[2], v13[0])
    v20 = aten.add(v10[2], v13[2])        v20 = aten.add(v10[2], v19)

    v113 = aten.neg(v112)                 v115 = aten.sub(v110, v112)
    v114 = aten.add(v109, v112)           v114 = aten.add(v109, v112)
    v115 = aten.add(v110, v113)

    v146 = aten.mm(v145, v52)
    v152 = aten.add(v125, v146)           v152 = aten.addmm_(v125, v145, v54)    # v54 was v52

    v93 = aten.addmm(t5, v91, v92)        v93 = aten.mm(v91, v92)
                                          aten.add_(v93, t5)
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from fitdash.engine.recording.passes.bit_equality import Factors, is_addmm_bit_equal
from fitdash.engine.recording.program.ir import Place, contiguous_strides, may_write

LARGE = 4 * 1024
"""Bytes from which a result overwrites a tensor that no later line reads; smaller ones lie in cache anyway."""
NEAR = 16
"""Most lines between a matrix product and the line that adds it."""

_NAME = re.compile(r"\b[a-z]+\d+\b(?:\[\d+\])?")
_CALL = re.compile(r"(\w+) = torch\.ops\.aten\.(\w+)\((.*)\)")
_PAIR = re.compile(r"([\w\[\]]+), ([\w\[\]]+)")
_TRIPLE = re.compile(r"([\w\[\]]+), ([\w\[\]]+), ([\w\[\]]+)")
_UNCHANGING = ("t", "transpose", "permute", "view", "unsqueeze", "squeeze", "select", "slice", "expand", "neg")
"""Operations that are left out if no line reads their result."""
_SPLITS = ("split", "split_with_sizes", "unbind")
_ARITHMETIC = ("add", "sub", "mul")
_COMMUTING = ("add", "mul")
_EACH_BY_ITSELF = (*_ARITHMETIC, "sigmoid_backward", "tanh_backward", "threshold_backward")
"""Elementwise operations, whose bits do not depend on strides."""
_BACKWARD = ("sigmoid_backward", "tanh_backward", "threshold_backward")
_IN_PLACE = (*_ARITHMETIC, *_BACKWARD, "relu")
"""Operations that can write their result over their first argument."""


def apply_peephole(lines: Sequence[str], places: dict[str, Place], kept: Collection[str]) -> list[str]:
    """The lines of an equal program with fewer operations.

    Args:
        lines: The program of one step as it was recorded.
        places: Where every named tensor lay while the step was traced; gets those of tensors that replace copies.
        kept: Names that are used after the last line.
    """
    return _Tidy(lines, places, kept).written()


class _Tidy:
    """One pass over the lines; uses by later lines are looked up in the recorded lines, before any rewrite."""

    def __init__(self, lines: Sequence[str], places: dict[str, Place], kept: Collection[str]) -> None:
        self.lines, self.places = lines, places = _needed(lines, kept), places
        self.calls = [_CALL.fullmatch(line) for line in lines]
        self.makers = {call[1]: call[2] for call in self.calls if call is not None}
        self.read = [_NAME.findall(line.partition(" = ")[2] or line) for line in lines]
        members = {
            line.partition(" = ")[0]: names for line, names in zip(lines, self.read, strict=True) if "= [" in line
        }
        for names in self.read:  # an operation on a list reads its members
            names += [member for name in list(names) for member in members.get(name, ())]
        self.uses = Counter([*(name for names in self.read for name in names), *kept])
        self.later: dict[Any, list[tuple[int, str]]] = defaultdict(list)
        for index, names in enumerate([*self.read, list(kept)]):
            for name in names:
                self.later[self._memory(name)].append((index, name))
        self.lasting = {place[0] for name, place in places.items() if name[0] in "tx"}
        self.made = {call[1]: index for index, call in enumerate(self.calls) if call is not None}
        self.sums = self._sums(kept)
        self.renamed: dict[str, str] = {}
        self.fresh: dict[str, Place] = {}
        self.over: dict[Any, int] = {}
        self.joined: set[int] = set()

    def written(self) -> list[str]:
        found: list[tuple[int, list[str]]] = []
        index = 0
        while index < len(self.lines):
            line = self._copied(index)
            if line is not None:
                found.append((index, [line]))
                index += 2
                continue
            if index not in self.joined:
                line = self._subtracted(index) or self._product(index) or self._over(index)
                found.append((index, [line] if line else self._apart(index) or [self._said(self.lines[index])]))
            index += 1
        return [line for index, lines in found if index not in self.joined for line in lines]

    def _copied(self, index: int) -> str | None:
        """Rewrite `a = clone(s)`, `s *= b` as `s2 = s * b`; later lines read `s` for `a`, and `s2` for `s`."""
        copy, change = self.calls[index], self.calls[index + 1] if index + 1 < len(self.lines) else None
        if copy is None or change is None or copy[2] != "clone" or not _NAME.fullmatch(copy[3]):
            return None
        pair, name = _PAIR.fullmatch(change[3]), copy[3]
        known = name in self.places and copy[1] in self.places
        if not known or pair is None or pair[1] != name or pair[2] == name or change[2][:-1] not in _ARITHMETIC:
            return None
        if (
            change[2][-1] != "_"
            or self.uses[change[1]]
            or self.places.get(pair[2], ())[2::2] != self.places[name][2::2]
        ):
            return None
        if self._memory(name) in self.lasting or not self._is_only(name, index + 1) or not self._is_read(copy[1]):
            return None
        line = f"{change[1]} = torch.ops.aten.{change[2][:-1]}({self._said(change[3])})"
        _, _, shape, strides, dtype = self.places[name]
        if strides == tuple(sorted(strides, reverse=True)):  # then the product is contiguous, also where s is a slice
            self.fresh[name] = self.places[change[1]] = change[1], 0, shape, contiguous_strides(shape), dtype
        self.renamed |= {copy[1]: self._said(name), name: change[1]}
        return line

    def _is_only(self, name: str, index: int) -> bool:
        """True if no line after this one reads this memory by another name, other parts of the same split excepted."""
        base = name.partition("[")[0]
        is_part = base != name and self.makers.get(base) in _SPLITS
        found = self.later[self._memory(name)]
        if any(at == len(self.lines) or (at <= index and self.calls[at] is None) for at, _ in found):
            return False  # used after the step, or in a list made before the change
        others = {other for at, other in found if at > index and other != name}
        return all(is_part and other != base and other.partition("[")[0] == base for other in others)

    def _is_read(self, name: str) -> bool:
        """True if only elementwise operations read a tensor, and none changes it."""
        found = self.later[self._memory(name)]
        calls = [self.calls[at] if at < len(self.lines) else None for at, _ in found]
        return all(call is not None and call[2] in _EACH_BY_ITSELF for call in calls)

    def _subtracted(self, index: int) -> str | None:
        """Rewrite `n = -b` and, within 8 lines, `a + n` as `a - b`; in place of `a` if no later line reads that."""
        call = self.calls[index]
        if call is None or call[2] != "neg" or self.uses[call[1]] != 1 or not _NAME.fullmatch(call[3]):
            return None
        if call[1] not in self.places or not self.places[call[1]][4].is_floating_point:
            return None  # unsigned integers have no negation
        for at in range(index + 1, min(index + 8, len(self.lines))):
            later = self.calls[at]
            if later is None or may_write(later[2], later[3]):
                return None
            pair = _PAIR.fullmatch(later[3]) if later[2] == "add" else None
            if pair is not None and pair[2] == call[1]:
                break
        else:
            return None
        first = pair[1]
        if self.made.get(first.partition("[")[0], -1) > index or {first, call[3]} & self.renamed.keys():
            return None
        self.joined.add(at)
        given = f"{self._said(first)}, {self._said(call[3])}"
        if self._memory(first) != self._memory(call[3]) and self._may_go(index, later[1], first, at):
            self.over[self._memory(first)] = index
            return f"{later[1]} = torch.ops.aten.sub_({given})"
        return f"{later[1]} = torch.ops.aten.sub({given})"

    def _over(self, index: int) -> str | None:
        """Write a large result over one of its operands that no later line reads."""
        call = self.calls[index]
        if call is None or call[2] not in _IN_PLACE:
            return None
        given = call[3]
        first, _, rest = given.partition(", ")
        pair = _PAIR.fullmatch(given) if call[2] in _COMMUTING else None
        if pair is not None and not self._may_go(index, call[1], first):
            first, rest = pair[2], pair[1]
            given = f"{first}, {rest}"
        if not self._may_go(index, call[1], first) or self._memory(first) in map(self._memory, _NAME.findall(rest)):
            return None
        self.over[self._memory(first)] = index
        said = self._said(given)
        if call[2] in _BACKWARD:
            return f"{call[1]} = torch.ops.aten.{call[2]}({said}, grad_input={self._said(first)})"
        return f"{call[1]} = torch.ops.aten.{call[2]}_({said})"

    def _may_go(self, index: int, result: str, name: str, reader: int | None = None) -> bool:
        """True if a large result may overwrite this tensor, whose last reader is the line at `index` or `reader`."""
        if not self._is_free(index, result, name, reader):
            return False
        _, _, shape, _, dtype = self.places[name]
        return bool(math.prod(shape) * dtype.itemsize >= LARGE)

    def _is_free(self, index: int, result: str, name: str, reader: int | None = None) -> bool:
        """True if a result may overwrite this tensor: same shape, strides, dtype, and no other line reads it later."""
        if not {name, result} <= self.places.keys():
            return False
        memory = self._memory(name)
        later = [other for at, other in self.later[memory] if at > index and at != reader]
        if name in self.renamed:
            return name in self.fresh and name not in later and self.fresh[name][2:] == self.places[result][2:]
        return memory not in self.lasting and not later and self.places[name][2:] == self.places[result][2:]

    def _product(self, index: int) -> str | None:
        """Rewrite `p = mm(a, b)` and `c + p` as `addmm_(c, a, b)`, where a trial shows the same bits."""
        call = self.calls[index]
        pair = _PAIR.fullmatch(call[3]) if call is not None and call[2] == "add" else None
        at = self.made.get(pair[2], -NEAR) if pair else -NEAR
        made = self.calls[at] if at >= max(0, index - NEAR) else None
        factors = _PAIR.fullmatch(made[3]) if made is not None and made[2] == "mm" else None
        if call is None or pair is None or made is None or factors is None or self.uses[pair[2]] != 1:
            return None
        between = [one for one in self.calls[at + 1 : index] if one is not None]
        memories = {self._memory(factors[1]), self._memory(factors[2])}
        is_changed = any(may_write(one[2], one[3]) for one in between)
        if is_changed or any(self.over.get(one, -1) > at for one in memories):
            return None  # a line in between may have changed a factor
        if pair[1] in self.renamed or self._memory(pair[1]) in memories or not self._is_free(index, call[1], pair[1]):
            return None
        if not self._adds_alike(pair[1], factors[1], factors[2], self.sums.get(pair[1], frozenset())):
            return None
        self.over[self._memory(pair[1])] = index
        self.joined.add(at)
        return f"{call[1]} = torch.ops.aten.addmm_({self._said(f'{pair[1]}, {made[3]}')})"

    def _apart(self, index: int) -> list[str] | None:
        """Rewrite `addmm` with one added row as `mm` and an in-place sum, which saves expanding the row beforehand."""
        call = self.calls[index]
        parts = _TRIPLE.fullmatch(call[3]) if call is not None and call[2] == "addmm" else None
        if call is None or parts is None or not {call[1], parts[1]} <= self.places.keys():
            return None
        (_, _, row, *_), (_, _, shape, strides, _) = self.places[parts[1]], self.places[call[1]]
        if row != shape[1:] or strides != (shape[1], 1) or not self._adds_alike(parts[1], parts[2], parts[3]):
            return None
        return [
            f"{call[1]} = torch.ops.aten.mm({self._said(f'{parts[2]}, {parts[3]}')})",
            f"torch.ops.aten.add_({call[1]}, {self._said(parts[1])})",
        ]

    def _adds_alike(self, added: str, left: str, right: str, sources: frozenset[Factors] = frozenset()) -> bool:
        """True if `addmm` of these tensors has the bits of `mm` and `add`."""
        if not {added, left, right} <= self.places.keys():
            return False
        laid, one, other = (self.places[name][2:] for name in (added, left, right))
        return is_addmm_bit_equal(laid, one, other, sources)

    def _sums(self, kept: Collection[str]) -> dict[str, frozenset[Factors]]:
        """By name, the factors of every matrix product and sum of such products that no line changes.

        Of sums only those that end in a gradient: the sign of a zero there changes no parameter but one that is -0.
        """
        writes = [
            names for names, call in zip(self.read, self.calls, strict=True) if call and may_write(call[2], call[3])
        ]
        changed = {self._memory(name) for names in writes for name in names}
        gradients = {name for name in kept if self.uses[name] == 1}  # no line reads it
        for call in reversed(self.calls):
            if call is not None and call[1] in gradients and call[2] in ("add", "t"):
                gradients |= {name for name in _NAME.findall(call[3]) if self.uses[name] == 1}
        found: dict[str, frozenset[Factors]] = {}
        for call in self.calls:
            pair = _PAIR.fullmatch(call[3]) if call is not None and call[2] in ("mm", "add") else None
            if call is None or pair is None or self._memory(call[1]) in changed:
                continue
            if call[2] == "add" and call[1] in gradients and {pair[1], pair[2]} <= found.keys():
                found[call[1]] = found[pair[1]] | found[pair[2]]
            elif call[2] == "mm" and {pair[1], pair[2]} <= self.places.keys():
                found[call[1]] = frozenset([(self.places[pair[1]][2:], self.places[pair[2]][2:])])
        return found

    def _memory(self, name: str) -> Any:
        place = self.places.get(name) or self.places.get(f"{name}[0]")
        return name if place is None else place[0]

    def _said(self, text: str) -> str:
        """A line with the names after rewriting; the name before the equals sign stays."""
        made, equals, rest = text.partition(" = ")
        if not equals:
            made, rest = "", text
        return made + equals + _NAME.sub(lambda found: self.renamed.get(found[0], found[0]), rest)


def _needed(lines: Sequence[str], kept: Collection[str]) -> list[str]:
    """The lines without views and negations whose results no line reads."""
    read, found = set(kept), []
    for line in reversed(lines):
        call = _CALL.fullmatch(line)
        if call is not None and call[1] not in read and call[2] in _UNCHANGING:
            continue
        read |= {name.partition("[")[0] for name in _NAME.findall(line.partition(" = ")[2] or line)}
        found.append(line)
    return found[::-1]
