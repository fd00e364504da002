"""The pipeline of passes: candidate programs of one step, from the recorded lines to the fastest rewrite.

Example: lines of a candidate, and how many of them run at every step (`program.torchscript` puts the others before the
loop over steps), for a GRU over 5 time steps (batches of 16, hidden size 32) and an MLP of two layers:

                                      GRU           MLP
    as recorded                       229, 226      21, 19
    peephole                          204, 201      21, 19
    slice_fusion and rnn_gates        189, 180      (no change, so no candidate)
    memory_plan                       254, 147      31, 14

The last candidate is tried first. One that differs from the eager step in any bit, or fails, is dropped for the one
before it.
"""

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
"""Programs whose candidates a process caches: those of a GRU over 50 time steps take 60 ms to find."""


def candidate_programs(lines: Sequence[str], places: Mapping[str, Place], kept: Sequence[str]) -> list[list[str]]:
    """Programs that give the same bits: the recorded lines first, the fastest rewrite last.

    Args:
        lines: The program of one step as it was recorded.
        places: Where every named tensor lay while the step was traced.
        kept: Names that are used after the last line.
    """
    memories: dict[int, int] = {}
    layouts = tuple((name, memories.setdefault(at, len(memories)), *rest) for name, (at, *rest) in places.items())
    try:
        return [list(way) for way in _found(tuple(lines), layouts, tuple(kept), torch.get_num_threads())]
    except Exception:  # a pass met a line that it does not know; the recorded lines work without it
        return [list(lines)]


@functools.lru_cache(maxsize=KEPT)
def _found(lines: tuple[str, ...], layouts: tuple[Place, ...], kept: tuple[str, ...], threads: int) -> list[list[str]]:
    """The candidates, cached by lines and memory layout, and by threads: these decide the last bits of a product."""
    places = {name: tuple(place) for name, *place in layouts}
    about_lists = [Instruction.of(line) for line in lines if "list" in line]
    if lists_of(about_lists).keys() & {name for line in about_lists for name in written_names(line)}:
        return [list(lines)]  # the passes do not follow writes into the members of a list
    tidy = apply_peephole(lines, places, kept)
    few = gather_gates(fuse_slices([Instruction.of(line) for line in tidy], places, kept), places, kept)
    ways = [list(lines), tidy, [line.text for line in few], plan_memory(few, places, kept)]
    return [way for way, _ in itertools.groupby(ways)]
