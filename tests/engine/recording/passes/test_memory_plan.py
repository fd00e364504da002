"""Results in memory that is there: never over what is still read, and bit for bit."""

import pytest
import torch
from torch import nn

from fitdash.engine.recording import recording
from fitdash.engine.recording.passes import pipeline
from fitdash.engine.recording.passes.memory_plan import MOST_BYTES, OUT_OPERATIONS, _keys_of, plan_memory
from fitdash.engine.recording.program.ir import ATEN, Instruction
from tests.engine.recording.fits import assert_same, both

CPU = 'device=torch.device("cpu")'


def place(memory, shape=(4, 4), strides=None, dtype=torch.float32):
    return memory, 0, shape, strides or (shape[1], 1), dtype


def places(**memories):
    return {name: place(memory) for name, memory in memories.items()}


def written(lines, where, kept=()):
    found = plan_memory([Instruction.of(line.replace("aten.", ATEN)) for line in lines], where, kept)
    return [line.replace(ATEN, "aten.") for line in found]


def memory(number, shape="[4, 4]", dtype="float32", maker="empty"):
    return f"k{number} = aten.{maker}({shape}, dtype=torch.{dtype}, {CPU})"


SUM = ("v0 = aten.mm(x0, t0)", "v1 = aten.tanh(v0)", "v2 = aten.exp(v1)", "v3 = aten.add_(t1, v2)")
WHERE = places(x0=1, t0=2, t1=3, v0=4, v1=5, v2=6)


def test_a_result_lies_where_one_lay_that_nobody_reads_any_more():
    assert written(SUM, WHERE) == [
        memory(0),
        "aten.mm(x0, t0, out=k0)",
        memory(1),
        "aten.tanh(k0, out=k1)",
        "aten.exp(k1, out=k0)",
        "aten.add_(t1, k0)",
    ]


@pytest.mark.parametrize(
    ("more", "where"),
    [
        (["v4 = aten.add_(t1, v0)"], {}),
        (["v4 = aten.view(v0, [16])", "v5 = aten.add_(t1, v4)"], {"v4": (4, 0, (16,), (1,), torch.float32)}),
        (["v4 = aten.silent_view(x0)", "v5 = aten.add_(t1, v4)"], {"v4": place(4)}),  # as where it lay tells
        (["vlist0 = [v0]", "v5 = aten.cat(vlist0, 1)"], {}),
    ],
)
def test_no_result_lies_over_what_is_still_read(more, where):
    for lines in ([*SUM, *more], [SUM[0], *more[:-1], *SUM[1:], more[-1]]):
        found = written(lines, WHERE | where)

        (exp,) = (line for line in found if line.startswith("aten.exp("))
        assert ", out=k" in exp
        assert not exp.endswith("out=k0)")


def test_what_is_used_after_the_step_keeps_its_name_and_its_memory():
    found = written(SUM, WHERE, ["v0"])

    assert found[:3] == [memory(0), "aten.mm(x0, t0, out=k0)", "v0 = aten.alias(k0)"]
    assert "aten.exp(k1, out=k0)" not in found


def test_what_is_done_in_place_is_done_to_the_same_memory():
    lines = [SUM[0], "v1 = aten.relu_(v0)", "v2 = aten.tanh_backward(v1, x0, grad_input=v1)", "v3 = aten.add_(t1, v2)"]

    assert written(lines, WHERE, ["v2"]) == [
        memory(0),
        "aten.mm(x0, t0, out=k0)",
        "aten.relu_(k0)",
        "aten.tanh_backward(k0, x0, grad_input=k0)",
        "v2 = aten.alias(k0)",
        "aten.add_(t1, v2)".replace("v2", "k0"),
    ]


def test_views_of_what_is_there_are_taken_once_and_parts_have_names():
    lines = [
        SUM[0],
        "v1 = aten.split(v0, 2, 1)",
        "v2 = aten.tanh(v1[1])",
        "v3 = aten.mm(x0, t0)",
        "v4 = aten.split(v3, 2, 1)",
        "v5 = aten.add_(t1, v4[1])",
        "v6 = aten.t(x0)",
    ]
    where = WHERE | {"v3": place(7), "v2": place(8, (4, 2))}

    assert written(lines, where) == [
        memory(0),
        "aten.mm(x0, t0, out=k0)",
        "v1 = aten.split(k0, 2, 1)",
        "part1 = v1[1]",
        memory(3, "[4, 2]"),
        "aten.tanh(part1, out=k3)",
        "aten.mm(x0, t0, out=k0)",
        "aten.add_(t1, part1)",
        "v6 = aten.t(x0)",
    ]


def test_a_view_that_is_used_after_the_step_has_its_own_name():
    lines = [SUM[0], "v1 = aten.view(v0, [16])", "v2 = aten.view(v0, [16])"]

    found = written(lines, WHERE, ["v1", "v2"])

    assert found[2:] == ["v1 = aten.view(k0, [16])", "v2 = aten.view(k0, [16])"]


@pytest.mark.parametrize(
    ("line", "maker"),
    [
        (f"v0 = aten.zeros([4, 4], dtype=torch.float32, {CPU})", "zeros"),
        ("v0 = aten.ones_like(x0, memory_format=torch.preserve_format)", "ones"),
    ],
)
def test_what_is_the_same_at_every_step_is_made_once(line, maker):
    assert written([line, "v1 = aten.add_(t1, v0)"], WHERE) == [memory(0, maker=maker), "aten.add_(t1, k0)"]
    for changed in (["v2 = aten.add_(v0, x0)"], ["v2 = aten.view(v0, [16])", "v3 = aten.relu_(v2)"]):
        assert written([line, *changed], WHERE)[0] == line
    assert written([line], WHERE, ["v0"]) == [line]
    assert written([line, "v2 = aten.view(v0, [16])"], WHERE, ["v2"])[0] == line


@pytest.mark.parametrize(
    "where",
    [
        {},
        {"v0": place(4, strides=(1, 4))},
        {"v0": place(4, (0, 4))},
        {"v0": place(4, (MOST_BYTES // 4 + 1, 1))},
    ],
)
def test_what_no_memory_can_be_held_for_stays(where):
    assert written(SUM[:1], where) == [*SUM[:1]]


@pytest.mark.parametrize(
    ("line", "is_told"),
    [
        ("v0 = aten.add(x0, t0, alpha=2)", True),
        ("v0 = aten.add(x0, 1.0)", False),  # would make its result and copy it
        ("v0 = aten.eq(x0, 1)", True),
        ("v0 = aten.pow(x0, 2)", True),
        ("v0 = aten.sum(x0, [0, 1], True)", True),
        ("v0 = aten.sum(x0)", False),
        ("v0 = aten.relu(x0)", False),
        ("v0 = aten.native_dropout(x0, 0.5, True)", False),
        ("v0 = aten.addmm(t1, x0, t0)", True),
        ("v0 = aten.clamp(x0, None, 1.0)", True),
        ("v0 = aten.no_such_operation(x0)", False),
        (f"v0 = aten.empty([4, 4], dtype=torch.float32, {CPU})", False),
    ],
)
def test_operations_are_told_where_to_write_if_they_do_so_right_away(line, is_told):
    found = written([line], WHERE)

    assert found == ([memory(0), f"{line[5:-1]}, out=k0)"] if is_told else [line])


CALLS = [
    *(f"{name}(x0, x1)" for name in ("add", "sub", "mul", "div", "maximum", "minimum", "eq", "ne", "gt", "lt")),
    *(f"{name}(x2, 0.5)" for name in ("eq", "ne", "gt", "lt", "ge", "le", "pow", "clamp_min", "leaky_relu")),
    *(f"{name}(x0)" for name in ("neg", "abs", "sign", "reciprocal", "exp", "expm1", "sigmoid", "tanh", "silu")),
    *(f"{name}(x2)" for name in ("log", "log1p", "sqrt", "rsqrt", "gelu")),
    *(f"{name}(x0, -1, False)" for name in ("_softmax", "_log_softmax", "argmax")),
    *(f"{name}(x0, [1], True)" for name in ("sum", "mean", "amax")),
    *(f"{name}(x0, x2, x1, value=0.5)" for name in ("addcmul", "addcdiv")),
    *(f"{name}(x1, x2)" for name in ("sigmoid_backward", "tanh_backward", "silu_backward", "gelu_backward")),
    *(f"{name}(x1, x2, -1, torch.float32)" for name in ("_softmax_backward_data", "_log_softmax_backward_data")),
    "add(x0, x1, alpha=2)", "pow(x2, x1)", "clamp(x0, -0.5, 0.5)", "clamp(x0, x1, None)", "logical_and(b0, b1)",
    "where(b0, x0, x1)", "gather(x0, 1, i0)", "cat(list0, 1)", "mm(x0, x1)", "addmm(x2, x0, x1)", "bmm(y0, y1)",
    "baddbmm(y0, y0, y1)", "elu(x0)", "softplus(x0)", "hardtanh(x0)", "threshold_backward(x1, x0, 0)",
    "elu_backward(x1, 1, 1, 1, False, x0)", "softplus_backward(x1, x0, 1, 20)", "hardtanh_backward(x1, x0, -1, 1)",
    "leaky_relu_backward(x1, x0, 0.1, False)", "nll_loss_forward(x0, i1, None, 1, -100)",
    "nll_loss_backward(s0, x0, i1, None, 1, -100, s1)", "mse_loss_backward(s0, x0, x1, 1)",
]  # fmt: skip


def test_every_operation_that_is_told_where_to_write_is_called_here():
    assert {call.partition("(")[0] for call in CALLS} == OUT_OPERATIONS


@pytest.mark.parametrize("call", CALLS)
def test_what_is_told_where_to_write_does_so_with_the_same_bits(call):
    dice = torch.Generator().manual_seed(len(call))
    given = {name: torch.randn(5, 5, generator=dice) for name in ("x0", "x1")}
    given |= {"x2": torch.rand(5, 5, generator=dice) + 0.1, "s0": torch.tensor(0.7), "s1": torch.tensor(5.0)}
    given |= {name: torch.randn(2, 5, 5, generator=dice) for name in ("y0", "y1")}
    given |= {name: torch.rand(5, 5, generator=dice) > 0.5 for name in ("b0", "b1")}
    given |= {"i0": torch.randint(5, (5, 5), generator=dice), "i1": torch.randint(5, (5,), generator=dice)}
    given |= {"list0": [given["x0"], given["x1"]], "torch": torch}
    keys = _keys_of(Instruction.of(f"v0 = {ATEN}{call}"), {"list0": ()})
    assert keys

    results = eval(f"{ATEN}{call}", given)
    results = results if isinstance(results, tuple) else (results,)
    places = [torch.full_like(result, 3) for result in results]
    eval(
        f"{ATEN}{call[:-1]}, {', '.join(f'{key}=to{at}' for at, key in enumerate(keys))})",
        given | {f"to{at}": place for at, place in enumerate(places)},
    )

    assert [place.tolist() for place in places] == [result.tolist() for result in results]


def test_operations_with_several_results_are_told_of_all_of_them():
    line = "v0 = aten.nll_loss_forward(x0, x1, None, 1, -100)"
    where = {"v0[0]": (1, 0, (), (), torch.float32), "v0[1]": (2, 0, (), (), torch.float32)}
    more = "v1 = aten.add_(t1, v0[1])"

    found = written([line, more], where)

    told = "aten.nll_loss_forward(x0, x1, None, 1, -100, output=k0, total_weight=k1)"
    assert found == [memory(0, "[]"), memory(1, "[]"), told, "aten.add_(t1, k1)"]
    assert written([line, "v1 = aten.cat(v0)"], where)[0] == line
    assert written([line], where, ["v0[1]"]) == [line]
    assert written([line], {"v0[0]": where["v0[0]"]}) == [line]


def test_memory_with_a_name_of_its_own_stays_where_it_is():
    lines = [f"kroom0 = aten.empty([4, 4], dtype=torch.float32, {CPU})", "v0 = aten.view(kroom0, [16])"]

    assert written([*lines, "aten.copy_(v0, x0)"], places(kroom0=1)) == [*lines, "aten.copy_(v0, x0)"]


class Halves(nn.Module):
    """Parts that are changed in place, lists of them, sums of views, and something that is the same at every step."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        one, other = self.first(x).split(4, 1)
        joined = torch.cat([torch.tanh(one), one * torch.sigmoid(other)], 1)
        return self.last(joined) + torch.zeros(3) + joined.view(-1, 2, 4).sum(1)[:, :3].exp().clamp(max=2.0)


class Series(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layer, self.head = kind(3, 32, batch_first=True), nn.Linear(32, 3)

    def forward(self, x):
        return self.head(self.layer(x.view(-1, 2, 3))[0][:, -1])


MODULES = {
    "mlp": lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 3)),
    "norms": lambda: nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 3)),
    "dropout": lambda: nn.Sequential(nn.Linear(6, 8), nn.ELU(), nn.Dropout(0.4), nn.Linear(8, 3), nn.Softplus()),
    "image": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 4, 2), nn.SiLU(), nn.MaxPool2d(1), nn.Flatten(), nn.Linear(8, 3)
    ),
    "softmax": lambda: nn.Sequential(nn.Linear(6, 3), nn.Softmax(1)),
    "halves": Halves,
    "gru": lambda: Series(nn.GRU),
    "rnn": lambda: Series(nn.RNN),
    "lstm": lambda: Series(nn.LSTM),
}
LOSSES = [nn.MSELoss(), nn.HuberLoss(), "mae", "log_cosh", "cosine_similarity", nn.CrossEntropyLoss(), "kl_divergence"]
DICE = torch.Generator().manual_seed(7)
X, Y = torch.randn(50, 6, generator=DICE), torch.randn(50, 3, generator=DICE).softmax(1)


@pytest.mark.usefixtures("_records_short_fits")
@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("name", MODULES)
@pytest.mark.filterwarnings("ignore:Predictions must be")
def test_fits_in_memory_that_is_there_have_the_bits_of_eager_ones(monkeypatch, name, loss):
    pipeline._found.cache_clear()
    texts, write = [], recording.Recording._write
    monkeypatch.setattr(
        recording.Recording, "_write", lambda self, noted, way: texts.append(way) or write(self, noted, way)
    )

    ours, theirs = both(MODULES[name], X, Y, loss=loss, epochs=5, metrics=["mae"])

    assert ours.speed == "recorded"
    in_memory = [any("out=k" in line for line in way) for way in texts]
    assert in_memory[0]
    assert name == "gru" or all(in_memory)  # the ways of a GRU depend on the kernels, which differ between CPUs
    assert_same(ours, theirs)


@pytest.mark.usefixtures("_records_short_fits")
def test_slopes_that_somebody_kept_are_not_written_over():
    import fitdash as fd

    kept = []

    class Keeps(fd.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept.append([(p.grad, p.grad.clone()) for p in self.model.module.parameters()])

    torch.manual_seed(1)
    model = fd.Model(MODULES["mlp"]()).compile("adam", "mse")

    history = model.fit(X, Y, epochs=6, batch_size=10, verbose=0, callbacks=[Keeps()])

    assert history.params["stepper"] == "recorded"
    assert len(kept) == 6
    for slopes in kept:
        for slope, copy in slopes:
            assert torch.equal(slope, copy)
