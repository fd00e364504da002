"""Noted operations in fewer words: only where nobody can tell, and never instead of the notes where it differs."""

import pytest
import torch
from torch import nn

from fitdash.engine import recorded
from fitdash.engine.recorded_tidy import tidied
from tests.engine.recorded_fits import assert_recorded, assert_same, both
from tests.engine.recorded_modules import SERIES, Y

pytestmark = pytest.mark.usefixtures("_records_short_fits")

ATEN = "torch.ops.aten."
SMALL, LARGE = (4, 4), (256, 256)


def place(memory, shape=SMALL, dtype=torch.float32):
    return memory, 0, shape, (shape[1], 1), dtype


def places(**memories):
    """Places of small tensors by name and memory; of large ones where the memory is negative."""
    return {
        name.replace("_", "[") + "]" * ("_" in name): place(m, LARGE if m < 0 else SMALL)
        for name, m in memories.items()
    }


def tidy(*lines, kept=(), **memories):
    written = tidied([line.replace("aten.", ATEN) for line in lines], places(**memories), list(kept))
    return [line.replace(ATEN, "aten.") for line in written]


COPIED = ("v1 = aten.clone(v0)", "v2 = aten.mul_(v0, x0)", "v3 = aten.add(v0, v1)")


def test_what_is_copied_before_it_changes_is_not_copied():
    found = tidy(*COPIED, v0=1, v1=2, x0=3, v3=4)

    assert found == ["v2 = aten.mul(v0, x0)", "v3 = aten.add(v2, v0)"]


def test_a_part_is_not_copied_while_the_parts_beside_it_are_read():
    lines = [line.replace("v0", "v0[1]") for line in COPIED]
    made = "v0 = aten.unsafe_split(v9, 4, 1)"

    found = tidy(made, *lines, "v4 = aten.mul(v0[0], v1)", v0_0=1, v0_1=1, v1=2, x0=3, v3=4, v4=5, v9=6)

    assert found[1:] == ["v2 = aten.mul(v0[1], x0)", "v3 = aten.add(v2, v0[1])", "v4 = aten.mul(v0[0], v0[1])"]


@pytest.mark.parametrize(
    "more",
    [
        ["v4 = aten.mul(v7, v1)"],  # sees the same memory by another name
        ["v4 = aten.mul_(v1, v3)"],  # changes the copy
        ["v4 = aten.view(v1, [16])"],  # cares how the copy lies
        ["vlist0 = [v0, v1]"],
    ],
)
def test_a_copy_that_somebody_needs_stays(more):
    assert tidy(*COPIED, *more, v0=1, v7=1, v1=2, x0=3, v3=4, v4=5) == [*COPIED, *more]


@pytest.mark.parametrize("kept", ["v0", "v1"])
def test_a_copy_of_what_outlives_the_step_stays(kept):
    assert tidy(*COPIED, kept=[kept], v0=1, v1=2, x0=3, v3=4) == [*COPIED]
    assert tidy(*(line.replace("v0", "t0") for line in COPIED), t0=1, v1=2, x0=3, v3=4)[0] == "v1 = aten.clone(t0)"


def test_a_negation_that_is_added_is_subtracted():
    found = tidy("v1 = aten.neg(v0)", "v2 = aten.add(x0, v1)", v0=1, v1=2, x0=3, v2=4)

    assert found[-1] == "v2 = aten.sub(x0, v0)"


@pytest.mark.parametrize("between", ["v3 = aten.mul(v1, x0)", "v3 = aten.mul_(v0, x0)"])
def test_a_negation_that_is_read_again_or_made_of_what_changed_stays(between):
    found = tidy("v1 = aten.neg(v0)", between, "v2 = aten.add(x0, v1)", v0=1, v1=2, x0=3, v2=4, v3=5)

    assert found[-1] == "v2 = aten.add(x0, v1)"


def test_a_large_sum_takes_the_place_of_what_nobody_needs():
    assert tidy("v1 = aten.add(v0, t0)", v0=-1, t0=-2, v1=-3) == ["v1 = aten.add_(v0, t0)"]


def test_what_is_needed_later_small_or_lasting_is_not_written_over():
    plain = "v1 = aten.add(v0, t0)"

    assert tidy(plain, v0=1, t0=2, v1=3) == [plain]
    assert tidy(plain, kept=["v0"], v0=-1, t0=-2, v1=-3) == [plain]
    assert tidy(plain, "v2 = aten.mul(v0, v1)", v0=-1, t0=-2, v1=-3, v2=-4)[0] == plain
    assert tidy("v1 = aten.add(t0, v0)", v0=-1, t0=-2, v1=-3) == ["v1 = aten.add(t0, v0)"]
    listed = ["vlist0 = [v0]", plain, "v2 = aten.cat(vlist0)"]
    assert tidy(*listed, v0=-1, t0=-2, v1=-3, v2=-4) == listed


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.GRU(SERIES.shape[-1], 5, batch_first=True)
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


def test_a_tidy_gru_has_the_bits_of_the_eager_one(monkeypatch):
    written = []
    monkeypatch.setattr(recorded, "tidied", lambda *given: written.append(tidied(*given)) or written[-1])

    assert_recorded(Recurrent, SERIES, Y)

    assert any(ATEN + "sub(" in line for line in written[0])


@pytest.mark.parametrize("wrong", ["sigmoid_", "no_such_operation"])
def test_where_the_tidy_lines_are_wrong_the_notes_are_taken_as_they_are(monkeypatch, wrong):
    written = []

    def written_wrong(lines, places, kept):
        written.append([line.replace("aten.tanh_(", f"aten.{wrong}(") for line in lines])
        return written[-1]

    monkeypatch.setattr(recorded, "tidied", written_wrong)

    ours, theirs = both(Recurrent, SERIES, Y)

    assert any(wrong in line for line in written[0])
    assert ours.speed == "recorded"
    assert_same(ours, theirs)
