"""What is done to a part of a tensor and then to the part beside it, done to both in one go.

The gates of a recurrent layer are such parts: at each moment of a series, what comes from the input is added to each of
them, and the sum is squashed.
"""

import itertools
from collections.abc import Collection, Mapping

import torch

from fitdash.engine.recording.program.ir import ATEN, AliasRoots, Instruction, Place, base_name, count_uses, part_index

WIDE = 32
"""Numbers that kernels take at a time, at most: multiples of it leave no rest, which is computed in another way."""
ALONE = 16 * 1024
"""Numbers that one thread works on by itself, however many there are."""

_EXACT = frozenset({"add_", "sub_", "mul_", "relu_"})
_ROUNDED = frozenset({"sigmoid_", "tanh_"})


def fuse_slices(lines: list[Instruction], places: Mapping[str, Place], kept: Collection[str]) -> list[Instruction]:
    """The lines of a program that does the same.

    Args:
        lines: Of a step.
        places: Of every tensor that has a name.
        kept: Names that are used after the last line.
    """
    splits = {line.name: cut for line in lines if (cut := _columns(line)) is not None}
    uses, roots, numbers = count_uses(lines, kept), AliasRoots(lines, places), itertools.count()
    found: list[Instruction] = []
    index = 0
    while index < len(lines):
        split = lines[index]
        count = _repeated(lines, index + 1, split.name) if split.name in splits else 0
        done = lines[index + 1 : index + 1 + 2 * count]
        parts = sorted({name for line in done[:count] for name in line.operands})
        is_known = all(base_name(name) in splits for name in parts) and not any(uses[line.name] for line in done)
        found.append(split)
        if not count or not is_known or not _is_alike(done, split, splits, places, roots):
            index += 1
            continue
        both = {name: f"both{next(numbers)}" for name in parts}
        for name in parts:
            whole, width = splits[base_name(name)]
            start = part_index(name) * width
            found.append(Instruction.of(f"{both[name]} = {ATEN}slice({whole}, 1, {start}, {start + 2 * width})"))
        for line in done[:count]:
            found.append(Instruction.of(f"{ATEN}{line.operation}({', '.join(both[name] for name in line.operands)})"))
        index += 1 + 2 * count
    return found


def _repeated(lines: list[Instruction], start: int, split: str) -> int:
    """How many lines from `start` on change a part of a split and are followed by the same ones of the part beside."""
    part = lines[start].operands[0] if start < len(lines) else ""
    if base_name(part) != split or part == split:
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
    return (
        one.endswith("]") and base_name(one) == base_name(other) != other and part_index(one) + 1 == part_index(other)
    )


def _is_alike(
    lines: list[Instruction],
    split: Instruction,
    splits: Mapping[str, tuple[str, int]],
    places: Mapping[str, Place],
    roots: AliasRoots,
) -> bool:
    """Whether operations on two parts in one go have the bits of those on one part after the other."""
    changed, (whole, width) = lines[0].operands[0], splits[split.name]
    others = {base_name(name) for line in lines for name in line.operands[1:]}
    if any(roots[base_name(splits[other][0])] == roots[base_name(whole)] for other in others):
        return False
    if not {changed, whole} <= places.keys() or len(places[changed][2]) != 2:
        return False
    if all(line.operation in _EXACT for line in lines):
        return True
    rows, columns = places[changed][2][0], places[whole][2][1]
    is_cut = rows > 1 and 2 * width < columns  # what lies in one piece is computed in another way
    is_known = places[changed][4] in (torch.float32, torch.float64)
    return is_known and is_cut and width % WIDE == 0 and 2 * rows * width <= ALONE


def _columns(line: Instruction) -> tuple[str, int] | None:
    """What a line cuts into columns, and how wide each part is."""
    if line.operation != "split" or len(line.operands) != 3 or line.operands[2] != "1":
        return None
    return line.operands[0], int(line.operands[1])
