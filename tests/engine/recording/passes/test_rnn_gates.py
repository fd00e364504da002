"""Slopes of a recurrent layer's gates in one piece: only where nobody can tell, and bit for bit."""

import pytest
import torch
from torch import nn

from fitdash.engine.recording.passes import pipeline, rnn_gates
from fitdash.engine.recording.passes.rnn_gates import gather_gates
from fitdash.engine.recording.program.ir import ATEN, Instruction
from tests.engine.recording.fits import assert_recorded

MOMENTS = range(4)


def place(memory, rows, columns):
    return memory, 0, (rows, columns), (columns, 1), torch.float32


def written(lines, places, kept=()):
    found = gather_gates([Instruction.of(line.replace("aten.", ATEN)) for line in lines], places, kept)
    return [line.text.replace(ATEN, "aten.") for line in found]


def slopes(backwards=True):
    """Gates of a layer of four moments on the way back: slopes for the state, what they come to, and for the input."""
    lines, places = [], {}
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
    monkeypatch.setattr(rnn_gates, "is_stacked_sum_bit_equal", lambda *_: True)


@pytest.mark.usefixtures("_sums_alike")
@pytest.mark.parametrize("backwards", [True, False])
def test_slopes_of_gates_are_written_in_one_piece(backwards):
    lines, places, total = slopes(backwards)
    order = MOMENTS[::-1] if backwards else MOMENTS

    found = written(lines, places, [total])

    kind = 'dtype=torch.float32, device=torch.device("cpu")'
    cats = [[f"alist{m} = [r{m}, z{m}, m{m}]", f"h{m} = aten.cat(alist{m}, 1, out=rooms0[{m}])"] for m in order]
    flipped = ["flipped0 = aten.flip(sums0, [0])"] if backwards else []
    assert found == [
        cats[0][0],
        f"kroom0 = aten.empty([4, 4, 48], {kind})",
        "rooms0 = aten.unbind(kroom0)",
        cats[0][1],
        *(line for cat in cats[1:] for line in cat),
        "sums0 = aten.sum(kroom0, [1])",
        *flipped,
        f"kones0 = aten.ones([1, 4], {kind})",
        f"added0 = aten.mm(kones0, {'flipped0' if backwards else 'sums0'})",
        f"{total} = aten.view(added0, [48])",
        "lasts0 = [n0, n1, n2, n3]",
        "last0 = aten.stack(lasts0)",
        "beside0 = aten.slice(kroom0, 2, 32, 48)",
        "aten.copy_(beside0, last0)",
        "y0 = aten.mul(kroom0, 2)",
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
    monkeypatch.setattr(rnn_gates, "is_stacked_sum_bit_equal", lambda *_: is_alike)
    lines, places, total = slopes()
    lines = "\n".join(change(line) for line in lines).split("\n")

    found = written(lines, places, [total])

    assert any("copy_(beside0, last0)" in line for line in found)
    assert [line for line in found if "add(" in line] == [line for line in lines if "add(" in line]


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
    """What is written for the gates of each network."""
    pipeline._found.cache_clear()
    texts = []

    def noted(*given):
        lines = gather_gates(*given)
        texts.append("\n".join(line.text for line in lines))
        return lines

    monkeypatch.setattr(pipeline, "gather_gates", noted)
    yield texts
    pipeline._found.cache_clear()


@pytest.mark.usefixtures("_records_short_fits")
@pytest.mark.parametrize(
    "settings",
    [{}, {"num_layers": 2}, {"bidirectional": True}, {"bias": False}, {"num_layers": 2, "dropout": 0.5}, {"width": 20}],
    ids=lambda settings: "_".join(settings) or "plain",
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_gru_whose_gates_are_gathered_has_the_bits_of_the_eager_one(found, settings, dtype):
    assert_recorded(lambda: Series(nn.GRU, **settings).to(dtype), X.to(dtype), Y.to(dtype))

    text = found[0]
    assert ("sigmoid_(both" in text) == (settings.get("width", 32) == 32)
    layers = settings.get("num_layers", 1) * (2 if settings.get("bidirectional") else 1)
    assert all(f"copy_(beside{layer}, last{layer})" in text for layer in range(layers))


@pytest.mark.usefixtures("_records_short_fits")
def test_where_it_has_other_bits_the_tidy_lines_are_taken(monkeypatch, found):
    noted = pipeline.gather_gates
    monkeypatch.setattr(
        pipeline,
        "gather_gates",
        lambda *given: [Instruction.of(line.text.replace("], True)", "], False)")) for line in noted(*given)][::-1],
    )

    assert_recorded(lambda: Series(nn.GRU), X, Y)
