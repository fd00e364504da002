"""What a recurrent layer does at each moment, done at once: only where nobody can tell, and bit for bit."""

import pytest
import torch
from torch import nn

from fitdash.engine import recorded_gates, recorded_ways
from fitdash.engine.recorded_lines import Line, Roots, uses_of, written_by
from fitdash.engine.recorded_moments import at_once
from tests.engine.recorded_fits import assert_recorded

ATEN = "torch.ops.aten."
MOMENTS = range(4)


def place(memory, rows, columns, stride=None):
    return memory, 0, (rows, columns), (stride or columns, 1), torch.float32


def written(lines, places, kept=()):
    found = at_once([line.replace("aten.", ATEN) for line in lines], places, list(kept))
    return [line.replace(ATEN, "aten.") for line in found]


def splits(width=32, parts=3, rows=4):
    """At each of four moments, two products cut into parts, and where they and their parts lie."""
    lines, places = [], {}
    for moment in MOMENTS:
        for letter in "pq":
            whole, cut = f"{letter}{moment}", f"{letter * 2}{moment}"
            lines.append(f"{cut} = aten.unsafe_split({whole}, {width}, 1)")
            places[whole] = place(whole, rows, parts * width)
            places |= {f"{cut}[{part}]": place(whole, rows, width, parts * width) for part in range(parts)}
    return lines, places


def cell(*done, width=32, parts=3, rows=4):
    """Lines that do something to the first two parts of p at each moment, and places."""
    cuts, places = splits(width, parts, rows)
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


def test_neighbouring_parts_are_changed_in_one_go_before_they_are_cut():
    found = written(*cell(*GATES))

    assert found[:6] == [
        "qq0 = aten.unsafe_split(q0, 32, 1)",
        "both0 = aten.slice(p0, 1, 0, 64)",
        "both1 = aten.slice(q0, 1, 0, 64)",
        "aten.add_(both0, both1)",
        "aten.sigmoid_(both0)",
        "pp0 = aten.unsafe_split(p0, 32, 1)",
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
    ],
)
def test_what_is_rounded_by_kernels_is_only_joined_where_they_take_the_same_way(laid):
    lines, places = cell(*GATES, **laid)

    assert written(lines, places) == lines
    exact, places = cell(GATES[0], GATES[2], **laid)
    assert any("both0" in line for line in written(exact, places))


def moments_of(*lines):
    made = ["u0 = aten.unbind(v0)"]
    return [*made, *(line.replace("#", str(moment)) for moment in MOMENTS for line in lines)]


def test_views_of_each_moment_are_taken_of_all_of_them():
    lines = moments_of(
        "p# = aten.unsafe_split(u0[#], 8, 1)", "s# = aten.slice(u0[#], 1, 0, 16)", "r# = aten.mul(p#[1], s#)"
    )

    assert written(lines, {}) == [
        "u0 = aten.unbind(v0)",
        "cut0 = aten.slice(v0, 2, 8, 16)",
        "moments0 = aten.unbind(cut0)",
        "cut1 = aten.slice(v0, 2, 0, 16)",
        "moments1 = aten.unbind(cut1)",
        *(f"r{moment} = aten.mul(moments0[{moment}], moments1[{moment}])" for moment in MOMENTS),
    ]


def test_moments_selected_one_by_one_are_had_at_once():
    _, *lines = moments_of("p# = aten.unsafe_split(x0, 8, 1)", "s# = aten.select(v0, 0, #)")

    found = written([*lines, "r0 = aten.add(s1, s3)"], {})

    assert "moments0 = aten.unbind(v0)" in found
    assert found[-1] == "r0 = aten.add(moments0[1], moments0[3])"
    assert not any("select" in line for line in found)


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("s# = aten.select(v0, 1, #)", []),
        ("s# = aten.select(v0, 0, -1)", []),
        ("s# = aten.slice(w0, 1, 0, 16)", []),
        ("s# = aten.slice(u0[#], 1, #, 16)", []),  # another part of each moment
        ("s# = aten.slice(u0[#], 1, 0, 16)", ["s0", "s1"]),  # fewer than pay, since two of them outlive the step
    ],
)
def test_other_views_stay(line, kept):
    lines = moments_of("p# = aten.unsafe_split(x#, 8, 1)", line, "r# = aten.mul(p#[1], s#)")

    assert written(lines, {}, kept) == lines


def test_a_split_that_is_used_whole_stays():
    lines = moments_of("p# = aten.unsafe_split(u0[#], 8, 1)", "r# = aten.cat(p#, 1)", "o# = aten.relu(p#[0])")

    assert written(lines, {}) == lines


def slopes(backwards=True):
    """Gates of a layer of four moments on the way back: slopes for the state, what they come to, and for the input."""
    lines, places = ["u0 = aten.unsafe_split(x0, 1, 0)"] * 4, {}
    order = MOMENTS[::-1] if backwards else MOMENTS
    for step, moment in enumerate(order):
        lines += [
            f"alist{moment} = [r{moment}, z{moment}, m{moment}]",
            f"h{moment} = aten.cat(alist{moment}, 1)",
            f"s{moment} = aten.sum(h{moment}, [0], True)",
            f"b{moment} = aten.view(s{moment}, [48])",
        ]
        if step:
            before = f"c{order[step - 1]}" if step > 1 else f"b{order[0]}"
            lines.append(f"c{moment} = aten.add({before}, b{moment})")
        lines += [
            f"blist{moment} = [r{moment}, z{moment}, n{moment}]",
            f"i{moment} = aten.cat(blist{moment}, 1)",
        ]
        places |= {f"{letter}{moment}": place(f"{letter}{moment}", 4, 48) for letter in "hi"}
        places |= {f"{letter}{moment}": place(f"{letter}{moment}", 4, 16) for letter in "rzmn"}
    lines += ["clist0 = [i0, i1, i2, i3]", "w0 = aten.stack(clist0)", "y0 = aten.mul(w0, 2)"]
    return lines, places, f"c{order[-1]}"


@pytest.fixture
def _sums_alike(monkeypatch):
    """One sum has the bits of the sum moment by moment."""
    monkeypatch.setattr(recorded_gates, "sums_alike", lambda *_: True)


@pytest.mark.usefixtures("_sums_alike")
@pytest.mark.parametrize("backwards", [True, False])
def test_slopes_of_gates_are_written_in_one_piece(backwards):
    lines, places, total = slopes(backwards)
    order = MOMENTS[::-1] if backwards else MOMENTS

    found = written(lines, places, [total])

    kind = 'dtype=torch.float32, device=torch.device("cpu")'
    cats = [[f"alist{m} = [r{m}, z{m}, m{m}]", f"h{m} = aten.cat(alist{m}, 1, out=rooms0[{m}])"] for m in order]
    turned = ["turned0 = aten.flip(sums0, [0])"] if backwards else []
    assert found[4:] == [
        cats[0][0],
        f"room0 = aten.empty([4, 4, 48], {kind})",
        "rooms0 = aten.unbind(room0)",
        cats[0][1],
        *(line for cat in cats[1:] for line in cat),
        "sums0 = aten.sum(room0, [1])",
        *turned,
        f"ones0 = aten.ones([1, 4], {kind})",
        f"added0 = aten.mm(ones0, {'turned0' if backwards else 'sums0'})",
        f"{total} = aten.view(added0, [48])",
        "lasts0 = [n0, n1, n2, n3]",
        "last0 = aten.stack(lasts0)",
        "beside0 = aten.slice(room0, 2, 32, 48)",
        "aten.copy_(beside0, last0)",
        "y0 = aten.mul(room0, 2)",
    ]


@pytest.mark.usefixtures("_sums_alike")
@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (lambda line: line, ["w0"]),  # outlives the step
        (lambda line: line, ["h2"]),
        (lambda line: line.replace("mul(w0, 2)", "mul(w0, h1)"), []),  # is read when the others lie over it
        (lambda line: line.replace("mul(w0, 2)", "mul(w0, i1)"), []),
        (lambda line: line.replace("clist0 = ", "e0 = aten.relu_(h1)\nclist0 = "), []),  # is changed
        (lambda line: line.replace("clist0 = ", "e0 = aten.relu_(n3)\nclist0 = "), []),
        (lambda line: line.replace("clist0 = ", "e0 = aten.exp(h0, out=n3)\nclist0 = "), []),
        (lambda line: line.replace("blist1 = [r1", "blist1 = [r2"), []),  # is another one
        (lambda line: line.replace("cat(blist2, 1)", "cat(blist2, 0)"), []),
    ],
)
def test_slopes_that_somebody_needs_as_they_are_stay(change, kept):
    lines, places, total = slopes()
    lines = "\n".join(change(line) for line in lines).split("\n")

    assert written(lines, places, [total, *kept]) == lines


@pytest.mark.usefixtures("_sums_alike")
def test_slopes_that_would_begin_anywhere_in_memory_stay():
    lines, places, total = slopes()
    places = {name: (at, start, (3, shape[1]), *rest) for name, (at, start, shape, *rest) in places.items()}
    narrow = {
        name: (at, start, (3, shape[1] - 1), (shape[1] - 1, 1), dtype)
        for name, (at, start, shape, _, dtype) in places.items()
    }

    assert written(lines, narrow, [total]) == lines  # 3 rows of 47 numbers are no multiple of 64 bytes


@pytest.mark.parametrize(
    ("change", "is_alike"),
    [
        (lambda line: line, False),  # other bits
        (lambda line: line.replace("add(c2, b1)", "add(c2, b2)"), True),  # adds one of them twice
        (lambda line: line.replace("view(s1, [48])", "view(s1, [1, 48])"), True),
        (lambda line: line.replace("clist0 = ", "e0 = aten.mul(c0, 2)\nclist0 = "), True),  # is needed before
        (lambda line: line.replace("clist0 = ", "e0 = aten.mul(c1, 2)\nclist0 = "), True),
        (lambda line: line.replace("sum(h1, [0], True)", "sum(h1, [0])"), True),
    ],
)
def test_sums_that_cannot_be_had_at_once_stay(monkeypatch, change, is_alike):
    monkeypatch.setattr(recorded_gates, "sums_alike", lambda *_: is_alike)
    lines, places, total = slopes()
    lines = "\n".join(change(line) for line in lines).split("\n")

    found = written(lines, places, [total])

    assert any("copy_(beside0, last0)" in line for line in found)
    assert [line for line in found if "add(" in line] == [line for line in lines if "add(" in line]


def test_memory_is_known_by_who_made_it():
    lines = [
        Line.of(line.replace("aten.", ATEN))
        for line in (
            "a0 = aten.mm(x0, t0)",
            "b0 = aten.unsafe_split(a0, 4, 1)",
            "c0 = aten.t(b0[1])",
            "d0 = aten.add_(c0, x0)",
            "e0 = aten.tanh_backward(x0, a0, grad_input=d0)",
            "f0 = aten.mul(e0, e0)",
            "glist0 = [f0, e0]",
            "h0 = aten.no_such_operation(f0)",
        )
    ]
    roots = Roots(lines)

    assert {name: roots[name] for name in ("b0", "c0", "d0", "e0")} == dict.fromkeys(("b0", "c0", "d0", "e0"), "a0")
    assert [roots[name] for name in ("f0", "glist0", "x0", "h0")] == ["f0", "glist0", "x0", "f0"]
    assert [written_by(line) for line in lines] == [[], [], [], ["c0"], ["d0"], [], [], ["f0"]]
    assert uses_of(lines, ["a0"])["a0"] == 3
    assert uses_of(lines, [])["b0[1]"] == 1


class Series(nn.Module):
    """Recurrent layers, and what they say at the last moment."""

    def __init__(self, kind, width=32, moments=5, **settings):
        super().__init__()
        self.layer = kind(6, width, batch_first=True, **settings)
        self.head = nn.Linear(width * (2 if settings.get("bidirectional") else 1), 3)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


DICE = torch.Generator().manual_seed(5)
X, Y = torch.randn(24, 5, 6, generator=DICE), torch.randn(24, 3, generator=DICE)


@pytest.fixture
def found(monkeypatch):
    """What is written at once."""
    recorded_ways._found.cache_clear()
    lines = []

    def noted(*given):
        lines.append(at_once(*given))
        return lines[-1]

    monkeypatch.setattr(recorded_ways, "at_once", noted)
    yield lines
    recorded_ways._found.cache_clear()


@pytest.mark.usefixtures("_records_short_fits")
@pytest.mark.parametrize(
    "settings",
    [{}, {"num_layers": 2}, {"bidirectional": True}, {"bias": False}, {"num_layers": 2, "dropout": 0.5}, {"width": 20}],
    ids=lambda settings: "_".join(settings) or "plain",
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_gru_that_is_written_at_once_has_the_bits_of_the_eager_one(found, settings, dtype):
    assert_recorded(lambda: Series(nn.GRU, **settings).to(dtype), X.to(dtype), Y.to(dtype))

    assert len(found) >= 1
    text = "\n".join(found[0])
    assert "moments0 = " in text
    assert ("sigmoid_(both" in text) == (settings.get("width", 32) == 32)
    layers = settings.get("num_layers", 1) * (2 if settings.get("bidirectional") else 1)
    assert all(f"copy_(beside{layer}, last{layer})" in text for layer in range(layers))


@pytest.mark.usefixtures("_records_short_fits")
def test_where_it_has_other_bits_the_tidy_lines_are_taken(monkeypatch, found):
    noted = recorded_ways.at_once
    monkeypatch.setattr(
        recorded_ways, "at_once", lambda *given: [line.replace("flip(", "neg(") for line in noted(*given)]
    )

    assert_recorded(lambda: Series(nn.GRU), X, Y)


def test_ways_are_looked_for_once_where_tensors_lie_alike(found):
    lines, places, total = slopes()
    lines = [line.replace("aten.", ATEN) for line in lines]
    elsewhere = {name: (f"{at} elsewhere", *rest) for name, (at, *rest) in places.items()}

    first, second = recorded_ways.ways_of(lines, places, [total]), recorded_ways.ways_of(lines, elsewhere, [total])

    assert first == second
    assert first[0] == lines
    assert len(found) == 1
    first[0].append("is a list of its own")
    assert recorded_ways.ways_of(lines, places, [total])[0] == lines
    recorded_ways.ways_of(lines, {**places, "r0": places["z0"]}, [total])
    assert len(found) == 2
