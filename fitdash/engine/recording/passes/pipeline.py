"""Ways to write what was noted: as it was, with less memory, with fewer operations, and in memory that is there."""

import functools
import itertools
from collections.abc import Mapping, Sequence

import torch

from fitdash.engine.recording.passes.memory_plan import plan_memory
from fitdash.engine.recording.passes.peephole import apply_peephole
from fitdash.engine.recording.passes.rnn_gates import gather_gates
from fitdash.engine.recording.passes.slice_fusion import fuse_slices
from fitdash.engine.recording.program.ir import Instruction, Place, lists_of, written_names

KEPT = 8
"""Programs whose ways a process remembers: those of a GRU over 50 moments take 60 ms to find."""


def candidate_programs(lines: Sequence[str], places: Mapping[str, Place], kept: Sequence[str]) -> list[list[str]]:
    """All that do the same, the notes themselves first and the best one last.

    Args:
        lines: As they were noted.
        places: Of every tensor that has a name.
        kept: Names that are used after the last line.
    """
    memories: dict[int, int] = {}
    told = tuple((name, memories.setdefault(at, len(memories)), *rest) for name, (at, *rest) in places.items())
    try:
        return [list(way) for way in _found(tuple(lines), told, tuple(kept), torch.get_num_threads())]
    except Exception:  # a rule met what it does not know, and the notes can do without it
        return [list(lines)]


@functools.lru_cache(maxsize=KEPT)
def _found(lines: tuple[str, ...], told: tuple[Place, ...], kept: tuple[str, ...], threads: int) -> list[list[str]]:
    """The same, looked for once where tensors lie alike; what products come to depends on the threads."""
    places = {name: tuple(place) for name, *place in told}
    about_lists = [Instruction.of(line) for line in lines if "list" in line]
    if lists_of(about_lists).keys() & {name for line in about_lists for name in written_names(line)}:
        return [list(lines)]  # who changes the members of a list is not followed
    tidy = apply_peephole(lines, places, kept)
    few = gather_gates(fuse_slices([Instruction.of(line) for line in tidy], places, kept), places, kept)
    ways = [list(lines), tidy, [line.text for line in few], plan_memory(few, places, kept)]
    return [way for way, _ in itertools.groupby(ways)]
