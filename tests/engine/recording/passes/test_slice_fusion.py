"""What is done to neighbouring parts of a tensor, done in one go: only where nobody can tell."""

import pytest
import torch

from fitdash.engine.recording.passes.slice_fusion import fuse_slices
from fitdash.engine.recording.program.ir import ATEN, Instruction

MOMENTS = range(4)


def place(memory, rows, columns, stride=None, dtype=torch.float32):
    return memory, 0, (rows, columns), (stride or columns, 1), dtype


def written(lines, places, kept=()):
    found = fuse_slices([Instruction.of(line.replace("aten.", ATEN)) for line in lines], places, kept)
    return [line.text.replace(ATEN, "aten.") for line in found]


def splits(width=32, parts=3, rows=4, dtype=torch.float32):
    """At each of four moments, two products cut into parts, and where they and their parts lie."""
    lines, places = [], {}
    for moment in MOMENTS:
        for letter in "pq":
            whole, cut = f"{letter}{moment}", f"{letter * 2}{moment}"
            lines.append(f"{cut} = aten.split({whole}, {width}, 1)")
            places[whole] = place(whole, rows, parts * width, dtype=dtype)
            places |= {f"{cut}[{part}]": place(whole, rows, width, parts * width, dtype) for part in range(parts)}
    return lines, places


def cell(*done, **laid):
    """Lines that do something to the first two parts of p at each moment, and places."""
    cuts, places = splits(**laid)
    lines = []
    for moment in MOMENTS:
        lines += [cut for cut in cuts if cut.startswith(f"qq{moment} ")]
        lines += [cut for cut in cuts if cut.startswith(f"pp{moment} ")]
        lines += [line.replace("#", str(moment)) for line in done]
        lines.append(f"r{moment} = aten.mul(pp{moment}[0], pp{moment}[1])")
    return lines, places


GATES = (
    "a# = aten.add_(pp#[0], qq#[0])",
    "b# = aten.sigmoid_(pp#[0])",
    "c# = aten.add_(pp#[1], qq#[1])",
    "d# = aten.sigmoid_(pp#[1])",
)


def test_neighbouring_parts_are_changed_in_one_go():
    found = written(*cell(*GATES))

    assert found[:6] == [
        "qq0 = aten.split(q0, 32, 1)",
        "pp0 = aten.split(p0, 32, 1)",
        "both0 = aten.slice(p0, 1, 0, 64)",
        "both1 = aten.slice(q0, 1, 0, 64)",
        "aten.add_(both0, both1)",
        "aten.sigmoid_(both0)",
    ]
    assert len(found) == 4 * 7


@pytest.mark.parametrize(
    "done",
    [
        [GATES[0], GATES[1], GATES[2]],  # not the same
        [GATES[0], "c# = aten.sub_(pp#[1], qq#[1])"],
        [GATES[0], "c# = aten.add_(pp#[1], qq#[2])"],  # not the one beside
        [GATES[0], "c# = aten.add_(pp#[2], qq#[1])"],
        ["a# = aten.add_(pp#[0], 1.0)", "c# = aten.add_(pp#[1], 1.0)"],  # no parts
        ["a# = aten.add_(pp#[0], pp#[1])", "c# = aten.add_(pp#[1], pp#[2])"],  # reads what it changed
        [GATES[0], GATES[2], "e# = aten.mul(a#, a#)"],  # by a name that would be gone
        ["a# = aten.exp_(pp#[0])", "c# = aten.exp_(pp#[1])"],  # not known
    ],
)
def test_what_is_not_the_same_stays(done):
    lines, places = cell(*done)

    assert written(lines, places) == lines


@pytest.mark.parametrize(
    "laid",
    [
        {"width": 20},  # leaves a rest, which is computed in another way
        {"parts": 2},  # lies in one piece
        {"rows": 1},
        {"rows": 512},  # is given to several threads
        {"dtype": torch.bfloat16},  # is taken twice as many at a time
    ],
)
def test_what_is_rounded_by_kernels_is_only_joined_where_they_take_the_same_way(laid):
    lines, places = cell(*GATES, **laid)

    assert written(lines, places) == lines
    exact, places = cell(GATES[0], GATES[2], **laid)
    assert any("both0" in line for line in written(exact, places))
