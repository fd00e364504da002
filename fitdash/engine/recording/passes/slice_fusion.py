"""A pass that joins the same in-place operations on two adjacent column slices into one operation on both.

The gates of a recurrent layer are such slices: at each time step, the contribution of the input is added to each gate,
and the sum goes through a sigmoid.

Example: the reset and update gates of one time step of a GRU with hidden size 32, before and after:

    v10 = aten.split(v9[0], 32, 1)         v10 = aten.split(v9[0], 32, 1)
    v13 = aten.split(v12, 32, 1)           v13 = aten.split(v12, 32, 1)
    v14 = aten.add_(v13[0], v10[0])        both0 = aten.slice(v9[0], 1, 0, 64)
    v15 = aten.sigmoid_(v13[0])            both1 = aten.slice(v12, 1, 0, 64)
    v16 = aten.add_(v13[1], v10[1])        aten.add_(both1, both0)
    v17 = aten.sigmoid_(v13[1])            aten.sigmoid_(both1)
"""

import itertools
from collections.abc import Collection, Mapping

import torch

from fitdash.engine.recording.program.ir import ATEN, AliasRoots, Instruction, Place, base_name, count_uses, part_index

WIDE = 32
"""Elements that vectorized kernels process at a time, at most. Columns that are a multiple of it leave no remainder,
which the kernels would compute by other code, with other last bits."""
ALONE = 16 * 1024
"""Elements up to which torch uses one thread, however many there are."""

_EXACT = frozenset({"add_", "sub_", "mul_", "relu_"})
_ROUNDED = frozenset({"sigmoid_", "tanh_"})


def fuse_slices(lines: list[Instruction], places: Mapping[str, Place], kept: Collection[str]) -> list[Instruction]:
    """The lines of an equal program with fewer operations.

    Args:
        lines: The program of one step.
        places: Where every named tensor lay while the step was traced.
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
    """How many lines from `start` on change one part of a split and are repeated for the adjacent part; 0 for none."""
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
    """True if two names are those of adjacent parts."""
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
    """True if operations on two parts at once have the bits of those on one part after the other."""
    changed, (whole, width) = lines[0].operands[0], splits[split.name]
    others = {base_name(name) for line in lines for name in line.operands[1:]}
    if any(roots[base_name(splits[other][0])] == roots[base_name(whole)] for other in others):
        return False
    if not {changed, whole} <= places.keys() or len(places[changed][2]) != 2:
        return False
    if all(line.operation in _EXACT for line in lines):
        return True
    rows, columns = places[changed][2][0], places[whole][2][1]
    is_cut = rows > 1 and 2 * width < columns  # contiguous memory goes through other code of the kernels
    is_known = places[changed][4] in (torch.float32, torch.float64)
    return is_known and is_cut and width % WIDE == 0 and 2 * rows * width <= ALONE


def _columns(line: Instruction) -> tuple[str, int] | None:
    """The tensor that a line splits into columns, and the width of each part; None for other lines."""
    if line.operation != "split" or len(line.operands) != 3 or line.operands[2] != "1":
        return None
    return line.operands[0], int(line.operands[1])
