"""Ways to write a program: the best first, the notes themselves at last, and found once."""

import pytest
import torch
from torch import nn

from fitdash.engine.recording.passes import pipeline
from fitdash.engine.recording.passes.pipeline import candidate_programs
from fitdash.engine.recording.program.ir import ATEN
from tests.engine.recording.fits import assert_same, both

LINES = ["v0 = aten.mul(x0, x0)", "v1 = aten.neg(v0)", "v2 = aten.add(x0, v1)"]


def places(memory):
    return {name: (memory + at, 0, (4, 4), (4, 1), torch.float32) for at, name in enumerate(("x0", "v0", "v1", "v2"))}


@pytest.fixture(autouse=True)
def _forgets():
    """Ways found before this test, and those that it changed."""
    pipeline._found.cache_clear()
    yield
    pipeline._found.cache_clear()


def test_the_notes_come_first_and_the_shortest_way_last():
    notes, tidy, there = candidate_programs([line.replace("aten.", ATEN) for line in LINES], places(0), ["v2"])

    assert [line.replace(ATEN, "aten.") for line in notes] == LINES
    assert [line.replace(ATEN, "aten.") for line in tidy] == [LINES[0], "v2 = aten.sub(x0, v0)"]
    assert any(line.startswith("k0 = ") for line in there)


def test_ways_are_looked_for_once_where_tensors_lie_alike(monkeypatch):
    asked = []
    tidied = pipeline.apply_peephole
    monkeypatch.setattr(pipeline, "apply_peephole", lambda *given: asked.append(given) or tidied(*given))
    lines = [line.replace("aten.", ATEN) for line in LINES]

    first, second = candidate_programs(lines, places(0), ["v2"]), candidate_programs(lines, places(100), ["v2"])

    assert first == second
    assert len(asked) == 1
    first[0].append("is a list of its own")
    assert candidate_programs(lines, places(0), ["v2"])[0] == lines
    candidate_programs(lines, {**places(0), "v0": places(0)["x0"]}, ["v2"])
    assert len(asked) == 2


@pytest.mark.usefixtures("_records_short_fits")
@pytest.mark.parametrize("wrong", ["apply_peephole", "fuse_slices", "gather_gates", "plan_memory"])
@pytest.mark.parametrize("how", ["another", "none"])
def test_the_next_way_is_taken_where_one_is_wrong(monkeypatch, wrong, how):
    real, written = getattr(pipeline, wrong), []
    mistake = {"another": "tanh_(", "none": "no_such_operation("}[how]

    def mistaken(lines, places, kept):
        found = [line if isinstance(line, str) else line.text for line in real(lines, places, kept)]
        written.append([line.replace("sigmoid_(", mistake).replace("relu_(", mistake) for line in found])
        assert written[-1] != found
        return (
            written[-1]
            if wrong in ("apply_peephole", "plan_memory")
            else list(map(pipeline.Instruction.of, written[-1]))
        )

    monkeypatch.setattr(pipeline, wrong, mistaken)
    x, y = torch.randn(24, 6), torch.randn(24, 3)

    ours, theirs = both(lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(inplace=True), nn.Linear(8, 3)), x, y)

    assert len(written) == 1
    assert ours.speed == "recorded"
    assert_same(ours, theirs)


def test_notes_that_change_the_members_of_a_list_stay_as_they_are():
    lines = ["vlist0 = [v0, v1]", "aten.unbind_copy(x0, 0, out=vlist0)", "v2 = aten.neg(v0)", "v3 = aten.add(x0, v2)"]
    where = places(0) | {"v3": places(50)["v2"]}

    assert len(candidate_programs([line.replace("aten.", ATEN) for line in lines], where, ["v3"])) == 1
    lines[1] = "v4 = aten.cat(vlist0, 1)"
    assert len(candidate_programs([line.replace("aten.", ATEN) for line in lines], where, ["v3"])) > 1
