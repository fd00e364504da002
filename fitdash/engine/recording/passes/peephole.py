"""Noted operations in fewer words: the same arithmetic with less memory, for networks of many small steps.

Only what cannot change a bit is written otherwise. What is written is checked like everything that was noted, against
the step itself; where it differs, or cannot be carried out, the notes stand as they were.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from fitdash.engine.recording.passes.bit_equality import Factors, is_addmm_bit_equal
from fitdash.engine.recording.program.ir import Place, contiguous_strides, may_write

LARGE = 4 * 1024
"""Bytes from which a result is written over what nobody needs any more; smaller ones come from the cache anyway."""
NEAR = 16
"""Lines between a product and its sum, at most."""

_NAME = re.compile(r"\b[a-z]+\d+\b(?:\[\d+\])?")
_CALL = re.compile(r"(\w+) = torch\.ops\.aten\.(\w+)\((.*)\)")
_PAIR = re.compile(r"([\w\[\]]+), ([\w\[\]]+)")
_TRIPLE = re.compile(r"([\w\[\]]+), ([\w\[\]]+), ([\w\[\]]+)")
_UNCHANGING = ("t", "transpose", "permute", "view", "unsqueeze", "squeeze", "select", "slice", "expand", "neg")
"""Operations that may be left out where nobody reads what they give."""
_SPLITS = ("split", "split_with_sizes", "unbind")
_ARITHMETIC = ("add", "sub", "mul")
_COMMUTING = ("add", "mul")
_EACH_BY_ITSELF = (*_ARITHMETIC, "sigmoid_backward", "tanh_backward", "threshold_backward")
"""Operations on elements, which take them however they lie."""
_BACKWARD = ("sigmoid_backward", "tanh_backward", "threshold_backward")
_IN_PLACE = (*_ARITHMETIC, *_BACKWARD, "relu")
"""Operations that can write their result over what they are given first."""


def apply_peephole(lines: Sequence[str], places: dict[str, Place], kept: Collection[str]) -> list[str]:
    """The lines of a program that does the same.

    Args:
        lines: As they were noted.
        places: Of every tensor that has a name; gets those of tensors that take the place of copies.
        kept: Names that are used after the last line.
    """
    return _Tidy(lines, places, kept).written()


class _Tidy:
    """One pass over the lines; what is asked of later ones is asked of the notes as they were."""

    def __init__(self, lines: Sequence[str], places: dict[str, Place], kept: Collection[str]) -> None:
        self.lines, self.places = lines, places = _needed(lines, kept), places
        self.calls = [_CALL.fullmatch(line) for line in lines]
        self.makers = {call[1]: call[2] for call in self.calls if call is not None}
        self.read = [_NAME.findall(line.partition(" = ")[2] or line) for line in lines]
        members = {
            line.partition(" = ")[0]: names for line, names in zip(lines, self.read, strict=True) if "= [" in line
        }
        for names in self.read:  # who is given a list reads what is in it
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
        """`a = clone(s)` and `s *= b` as `s2 = s * b`, where `a` is `s` from then on."""
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
        if strides == tuple(sorted(strides, reverse=True)):  # its own would be others
            self.fresh[name] = self.places[change[1]] = change[1], 0, shape, contiguous_strides(shape), dtype
        self.renamed |= {copy[1]: self._said(name), name: change[1]}
        return line

    def _is_only(self, name: str, index: int) -> bool:
        """Whether nobody reads this memory after a line by another name, but for parts beside it."""
        base = name.partition("[")[0]
        is_part = base != name and self.makers.get(base) in _SPLITS
        found = self.later[self._memory(name)]
        if any(at == len(self.lines) or (at <= index and self.calls[at] is None) for at, _ in found):
            return False  # kept, or in a list as it was
        others = {other for at, other in found if at > index and other != name}
        return all(is_part and other != base and other.partition("[")[0] == base for other in others)

    def _is_read(self, name: str) -> bool:
        """Whether a tensor is given to operations on elements alone, which leave it as it is."""
        found = self.later[self._memory(name)]
        calls = [self.calls[at] if at < len(self.lines) else None for at, _ in found]
        return all(call is not None and call[2] in _EACH_BY_ITSELF for call in calls)

    def _subtracted(self, index: int) -> str | None:
        """`n = -b` and, soon, `a + n` as `a - b`, over `a` where nobody needs that any more."""
        call = self.calls[index]
        if call is None or call[2] != "neg" or self.uses[call[1]] != 1 or not _NAME.fullmatch(call[3]):
            return None
        if call[1] not in self.places or not self.places[call[1]][4].is_floating_point:
            return None  # of numbers without a sign it is another one
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
        """A large result, written over what it is made of where nobody needs that any more."""
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
        """Whether a large result may lie where this tensor does, which the line or another one reads last."""
        if not self._is_free(index, result, name, reader):
            return False
        _, _, shape, _, dtype = self.places[name]
        return bool(math.prod(shape) * dtype.itemsize >= LARGE)

    def _is_free(self, index: int, result: str, name: str, reader: int | None = None) -> bool:
        """Whether a result may lie where this tensor does: it is laid alike, and nobody else reads it later."""
        if not {name, result} <= self.places.keys():
            return False
        memory = self._memory(name)
        later = [other for at, other in self.later[memory] if at > index and at != reader]
        if name in self.renamed:
            return name in self.fresh and name not in later and self.fresh[name][2:] == self.places[result][2:]
        return memory not in self.lasting and not later and self.places[name][2:] == self.places[result][2:]

    def _product(self, index: int) -> str | None:
        """`p = mm(a, b)` and `c + p` as one product that adds to `c`."""
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
            return None  # a factor may be another one by now
        if pair[1] in self.renamed or self._memory(pair[1]) in memories or not self._is_free(index, call[1], pair[1]):
            return None
        if not self._adds_alike(pair[1], factors[1], factors[2], self.sums.get(pair[1], frozenset())):
            return None
        self.over[self._memory(pair[1])] = index
        self.joined.add(at)
        return f"{call[1]} = torch.ops.aten.addmm_({self._said(f'{pair[1]}, {made[3]}')})"

    def _apart(self, index: int) -> list[str] | None:
        """A product that adds one row, as a product and a sum in place, which begins without copying the row."""
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
        """Whether a product of two of these that is added to the third has the same bits in one go and in two."""
        if not {added, left, right} <= self.places.keys():
            return False
        laid, one, other = (self.places[name][2:] for name in (added, left, right))
        return is_addmm_bit_equal(laid, one, other, sources)

    def _sums(self, kept: Collection[str]) -> dict[str, frozenset[Factors]]:
        """What is a product or a sum of products, by name, and their factors; not what anybody changes.

        Of sums only those that come to a gradient: no weight but one that is -0 ever tells the sign of a zero in it.
        """
        writes = [
            names for names, call in zip(self.read, self.calls, strict=True) if call and may_write(call[2], call[3])
        ]
        changed = {self._memory(name) for names in writes for name in names}
        gradients = {name for name in kept if self.uses[name] == 1}  # and goes into nothing else
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
        """A text with the names of now, those before the equals sign as they are."""
        made, equals, rest = text.partition(" = ")
        if not equals:
            made, rest = "", text
        return made + equals + _NAME.sub(lambda found: self.renamed.get(found[0], found[0]), rest)


def _needed(lines: Sequence[str], kept: Collection[str]) -> list[str]:
    """The lines without those that only look at something, for nobody."""
    read, found = set(kept), []
    for line in reversed(lines):
        call = _CALL.fullmatch(line)
        if call is not None and call[1] not in read and call[2] in _UNCHANGING:
            continue
        read |= {name.partition("[")[0] for name in _NAME.findall(line.partition(" = ")[2] or line)}
        found.append(line)
    return found[::-1]
