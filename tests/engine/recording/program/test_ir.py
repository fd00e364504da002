"""Lines of a noted program: what they read, write and look at."""

import pytest

from fitdash.engine.recording.program.ir import (
    ATEN,
    AliasRoots,
    Instruction,
    count_uses,
    in_place_target,
    written_names,
)


def test_memory_is_known_by_who_made_it():
    lines = [
        Instruction.of(line.replace("aten.", ATEN))
        for line in (
            "a0 = aten.mm(x0, t0)",
            "b0 = aten.split(a0, 4, 1)",
            "c0 = aten.t(b0[1])",
            "d0 = aten.add_(c0, x0)",
            "e0 = aten.tanh_backward(x0, a0, grad_input=d0)",
            "f0 = aten.mul(e0, e0)",
            "glist0 = [f0, e0]",
            "h0 = aten.no_such_operation(f0)",
        )
    ]
    roots = AliasRoots(lines, {})

    assert {name: roots[name] for name in ("b0", "c0", "d0", "e0")} == dict.fromkeys(("b0", "c0", "d0", "e0"), "a0")
    alike = {"f0": (1, 0), "x0": (1, 8), "e0": (2, 0)}
    assert AliasRoots(lines, alike)["f0"] == AliasRoots(lines, alike)["x0"] != AliasRoots(lines, alike)["e0"]
    assert [roots[name] for name in ("f0", "glist0", "x0", "h0")] == ["f0", "glist0", "x0", "f0"]
    assert [written_names(line) for line in lines] == [[], [], [], ["c0"], ["d0"], [], [], ["f0"]]
    assert count_uses(lines, ["a0"])["a0"] == 3
    assert count_uses(lines, [])["b0[1]"] == 1


def test_what_torch_calls_a_dtype_is_no_tensor():
    line = Instruction.of(f"a0 = {ATEN}zeros([2, 3], dtype=torch.float32)")

    assert line.read == ()
    assert Instruction.of(f"b0 = {ATEN}add(a0, c1[2])").read == ("a0", "c1[2]")


def test_names_are_changed_with_their_parts():
    line = Instruction.of(f"a0 = {ATEN}cat(b0[1], b1, b01)")

    assert line.renamed({"b0": "k3", "b1": "c0[2]"}).text == f"a0 = {ATEN}cat(k3[1], c0[2], b01)"
    assert line.renamed({"b0[1]": "part0"}).text == f"a0 = {ATEN}cat(part0, b1, b01)"
    assert line.renamed({"a0": "k0"}) is line
    assert Instruction.of("list0 = [a0, a1]").renamed({"a1": "k1"}).text == "list0 = [a0, k1]"


@pytest.mark.parametrize(
    ("text", "written", "target"),
    [
        ("a0 = aten.clamp(b0, None, 5.0, out=c0[1])", ["c0"], "c0[1]"),
        ("a0 = aten.min(b0, 0, False, min=c0, min_indices=d0)", ["c0", "d0"], None),
        ("a0 = aten.add(b0, c0, alpha=2)", [], None),
        ("a0 = aten.add_(b0[2], c0)", ["b0"], "b0[2]"),
        ("aten._fused_adam_(alist0, blist0, [], lr=n0)", ["alist0"], "alist0"),
        ("a0 = aten.native_batch_norm(b0, None, None, c0, d0, True, 0.1, 1e-05)", ["b0", "c0", "d0"], None),
        ("alist0 = [a0, b0]", [], None),
    ],
)
def test_what_a_line_writes_into_is_told_by_torch(text, written, target):
    line = Instruction.of(text.replace("aten.", ATEN))

    assert written_names(line) == written
    assert in_place_target(line) == target
