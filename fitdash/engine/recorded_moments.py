"""What a recurrent layer does at each moment of its series, written once for several moments where that is the same.

A GRU over 50 moments is some 1,700 operations of a microsecond each, most of which goes into finding out what is to be
done. So views are taken of all moments together, and what is done to a part of a tensor and then to the part beside it
is done to both; what is summed moment after moment is in `recorded_gates`. All this is checked like everything that is
written otherwise.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from fitdash.engine.recorded_gates import gathered
from fitdash.engine.recorded_lines import ATEN, Line, Place, Roots, base, place_of, uses_of

FEWEST = 4
"""Moments for which it pays."""
WIDE = 32
"""Numbers that kernels take at a time, at most: multiples of it leave no rest, which is computed in another way."""
ALONE = 16 * 1024
"""Numbers that one thread works on by itself, however many there are."""

_EXACT = frozenset({"add_", "sub_", "mul_", "relu_"})
_ROUNDED = frozenset({"sigmoid_", "tanh_"})

How = tuple[int, int, int] | None
"""A view of a moment: its axis, from where and to where; None is the moment itself."""


def at_once(lines: Sequence[str], places: Mapping[str, Place], kept: Collection[str]) -> list[str]:
    """The lines of a program that does the same.

    Args:
        lines: Of a step.
        places: Of every tensor that has a name.
        kept: Names that are used after the last line.
    """
    if sum(f"{ATEN}unsafe_split(" in line for line in lines) < FEWEST:
        return list(lines)
    found = [Line.of(line) for line in lines]
    found = _side_by_side(found, places, kept)
    found = _viewed(found, kept)
    return [line.text for line in gathered(found, places, frozenset(kept), FEWEST)]


def _side_by_side(lines: list[Line], places: Mapping[str, Place], kept: Collection[str]) -> list[Line]:
    """The same operations on a part of a tensor and then on the part beside it, as operations on both."""
    splits = {line.name: cut for line in lines if (cut := _columns(line)) is not None}
    uses, roots, numbers = uses_of(lines, kept), Roots(lines), itertools.count()
    found: list[Line] = []
    index = 0
    while index < len(lines):
        split = lines[index]
        count = _repeated(lines, index + 1, split.name) if split.name in splits else 0
        done = lines[index + 1 : index + 1 + 2 * count]
        parts = sorted({name for line in done[:count] for name in line.operands})
        is_known = all(base(name) in splits for name in parts) and not any(uses[line.name] for line in done)
        if not count or not is_known or not _is_alike(done, split, splits, places, roots):
            found.append(split)
            index += 1
            continue
        both = {name: f"both{next(numbers)}" for name in parts}
        for name in parts:
            whole, width = splits[base(name)]
            start = place_of(name) * width
            found.append(Line.of(f"{both[name]} = {ATEN}slice({whole}, 1, {start}, {start + 2 * width})"))
        for line in done[:count]:
            found.append(Line.of(f"{ATEN}{line.operation}({', '.join(both[name] for name in line.operands)})"))
        found.append(split)  # only now: torch takes its parts for tensors of their own
        index += 1 + 2 * count
    return found


def _repeated(lines: list[Line], start: int, split: str) -> int:
    """How many lines from `start` on change a part of a split and are followed by the same ones of the part beside."""
    part = lines[start].operands[0] if start < len(lines) else ""
    if base(part) != split or part == split:
        return 0
    ours = itertools.takewhile(
        lambda line: line.operation in _EXACT | _ROUNDED and line.operands[0] == part, lines[start:]
    )
    count = sum(1 for _ in ours)
    theirs = lines[start + count : start + 2 * count]
    is_same = len(theirs) == count and all(
        one.operation == other.operation
        and len(one.operands) == len(other.operands)
        and all(map(_is_beside, one.operands, other.operands))
        for one, other in zip(lines[start : start + count], theirs, strict=True)
    )
    return count if is_same else 0


def _is_beside(one: str, other: str) -> bool:
    """Whether two names are those of neighbouring parts."""
    return one.endswith("]") and base(one) == base(other) != other and place_of(one) + 1 == place_of(other)


def _is_alike(
    lines: list[Line],
    split: Line,
    splits: Mapping[str, tuple[str, int]],
    places: Mapping[str, Place],
    roots: Roots,
) -> bool:
    """Whether operations on two parts in one go have the bits of those on one part after the other."""
    changed, (whole, width) = lines[0].operands[0], splits[split.name]
    others = {base(name) for line in lines for name in line.operands[1:]}
    if any(roots[base(splits[other][0])] == roots[base(whole)] for other in others):
        return False
    if not {changed, whole} <= places.keys() or len(places[changed][2]) != 2:
        return False
    if all(line.operation in _EXACT for line in lines):
        return True
    rows, columns = places[changed][2][0], places[whole][2][1]
    is_cut = rows > 1 and 2 * width < columns  # what lies in one piece is computed in another way
    return is_cut and width % WIDE == 0 and 2 * rows * width <= ALONE


def _viewed(lines: list[Line], kept: Collection[str]) -> list[Line]:
    """The same view of each moment as one view of all of them."""
    uses = uses_of(lines, kept)
    wholes = {line.name: line.given for line in lines if line.operation == "unbind" and line.read == (line.given,)}
    parts = defaultdict(list)
    for name in uses:
        if name.endswith("]"):
            parts[base(name)].append(name)
    views: dict[tuple[str, How], dict[str, str]] = defaultdict(dict)
    for line in lines:
        if line.name not in kept:
            for name, what, how, moment in _views_in(line, wholes, parts, uses):
                views[what, how][name] = f"[{moment}]"
    renamed: dict[str, str] = {}
    made: dict[str, list[str]] = defaultdict(list)
    for number, ((what, how), moments) in enumerate(views.items()):
        if len(moments) < FEWEST:
            continue
        renamed |= {name: f"moments{number}{moment}" for name, moment in moments.items()}
        if how is None:
            made[next(iter(moments))] = [f"moments{number} = {ATEN}unbind({what})"]
        else:
            axis, start, stop = how
            made[what].append(f"cut{number} = {ATEN}slice({wholes[what]}, {axis + 1}, {start}, {stop})")
            made[what].append(f"moments{number} = {ATEN}unbind(cut{number})")
    found: list[Line] = []
    for line in lines:
        if any(name not in renamed for name in parts[line.name] or [line.name]):
            found.append(line.renamed(renamed))
        found += [Line.of(text) for text in made[line.name]]
    return found


def _views_in(
    line: Line, wholes: Mapping[str, str], parts: Mapping[str, list[str]], uses: Counter[str]
) -> list[tuple[str, str, How, int]]:
    """Views of one moment that a line gives: their names, of what they are, how, and of which moment."""
    what, *numbers = line.operands
    if not all(number.isdigit() for number in numbers):
        return []
    if line.operation == "select" and len(numbers) == 2 and numbers[0] == "0":
        return [(line.name, what, None, int(numbers[1]))]
    if base(what) not in wholes or base(what) == what:
        return []
    if line.operation == "slice" and len(numbers) == 3:
        axis, start, stop = map(int, numbers)
        return [(line.name, base(what), (axis, start, stop), place_of(what))]
    if line.operation == "unsafe_split" and len(numbers) == 2 and not uses[line.name]:
        width, axis = map(int, numbers)
        starts = {name: place_of(name) * width for name in parts[line.name]}
        return [(name, base(what), (axis, start, start + width), place_of(what)) for name, start in starts.items()]
    return []


def _columns(line: Line) -> tuple[str, int] | None:
    """What a line cuts into columns, and how wide each part is."""
    if line.operation != "unsafe_split" or len(line.operands) != 3 or line.operands[2] != "1":
        return None
    return line.operands[0], int(line.operands[1])
