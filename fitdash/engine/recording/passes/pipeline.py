"""Ways to write what was noted: as it was, with less memory, with fewer operations, and in memory that is there."""

import functools
import itertools
from collections.abc import Mapping, Sequence

import torch

from fitdash.engine.recording.passes.memory_plan import placed
from fitdash.engine.recording.passes.peephole import tidied
from fitdash.engine.recording.passes.rnn_gates import gathered
from fitdash.engine.recording.passes.slice_fusion import joined
from fitdash.engine.recording.program.ir import Line, Place, lists_of, written_by

KEPT = 8
"""Programs whose ways a process remembers: those of a GRU over 50 moments take 60 ms to find."""


def ways_of(lines: Sequence[str], places: Mapping[str, Place], kept: Sequence[str]) -> list[list[str]]:
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
    about_lists = [Line.of(line) for line in lines if "list" in line]
    if lists_of(about_lists).keys() & {name for line in about_lists for name in written_by(line)}:
        return [list(lines)]  # who changes the members of a list is not followed
    tidy = tidied(lines, places, kept)
    few = gathered(joined([Line.of(line) for line in tidy], places, kept), places, kept)
    ways = [list(lines), tidy, [line.text for line in few], placed(few, places, kept)]
    return [way for way, _ in itertools.groupby(ways)]
