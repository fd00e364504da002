"""Steps that look like what is written in shorter ways, and are not: the same bits, or eager, and never a crash.

What makes the difference shows in one batch of an epoch only, long after a replay was checked.
"""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import fitdash as fd
from fitdash.engine.recording.passes import pipeline
from tests.engine.recording.fits import assert_recorded, assert_same, both

DICE = torch.Generator().manual_seed(11)
X, Y = torch.randn(160, 4, 6, generator=DICE), torch.randn(160, 1, generator=DICE)
X[152:] *= 100
PLAIN = torch.rand(160, 32, generator=DICE)
PLAIN[152:] *= -100


class Gates(nn.Module):
    """Joins two parts of each moment, and then others that begin alike and are stacked."""

    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.Linear(6, 48), nn.Linear(32, 1)

    def forward(self, x):
        outer, total = [], 0
        for moment in x.unbind(1):
            one, two, three = (part * 1.0 for part in torch.unsafe_chunk(self.cell(moment), 3, 1))
            inner, joined = self.joined(one, two, three)
            total = total + inner.sum(1, keepdim=True) * 0.01
            outer.append(joined)
        return self.head(torch.stack(outer).sum(0)) + total

    def joined(self, one, two, three):
        return torch.cat([one, two], 1), torch.cat([one, three], 1)


class ChangesWhatIsShared(Gates):
    def joined(self, one, two, three):
        inner = torch.cat([one, two], 1)
        one.clamp_(max=10.0)
        return inner, torch.cat([one, three], 1)


class ChangesThroughAView(Gates):
    def joined(self, one, two, three):
        whole = torch.cat([three, three], 1).detach() * 1.0
        last = torch.unsafe_split_with_sizes(whole, [16, 16], 1)[0]
        found = torch.cat([one, two], 1), torch.cat([one, last], 1)
        whole.clamp_(max=10.0)
        return found


class ChangesWhereItIsTold(Gates):
    def joined(self, one, two, three):
        last = three.detach()
        found = torch.cat([one, two], 1), torch.cat([one, last], 1)
        with torch.no_grad():
            both = torch.stack([last, last.clamp(max=10.0)])
            torch.min(both, 0, out=(last, torch.empty(last.shape, dtype=torch.long)))
        return found


class ReadsAListAgain(Gates):
    def forward(self, x):
        inner, outer = [], []
        for moment in x.unbind(1):
            one, two, _ = (part * 1.0 for part in torch.unsafe_chunk(self.cell(moment), 3, 1))
            inner.append(torch.cat([one, two], 1).detach())
            outer.append(torch.cat([one, two.detach().clamp(max=10.0)], 1))
        first = torch.cat(inner, 0).sum() * 0.01
        stacked = torch.stack(outer).sum(0)
        return self.head(stacked) + first + torch.cat(inner, 1).sum(1, keepdim=True) * 0.01


class JoinsForNobody(nn.Module):
    """The last of what begins alike is made after all are stacked, and read by nobody."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        outer, total = [], 0
        for moment in range(5):
            wide = torch.relu(x.repeat(1, 2)[:, :48] - 2) * (moment + 1.0)
            one, two, three = (part * 1.0 for part in torch.unsafe_chunk(wide, 3, 1))
            if moment < 4:
                total = total + torch.cat([one, two], 1).sum(1, keepdim=True)
            outer.append(torch.cat([one, three], 1))
        stacked = torch.stack(outer)
        torch.cat([one, two], 1)
        return self.head(stacked.sum(0)) + total * 0.01


class EndsWithNothing(Gates):
    def joined(self, one, two, three):
        return torch.cat([one, two, one.new_zeros(0)], 1), torch.cat([one, two, one.new_ones(0)], 1)


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.head = nn.Linear(32, 32), nn.Linear(32, 1)
        self.register_buffer("table", torch.randn(32, 32, generator=torch.Generator().manual_seed(2)) * 0.1)
        self.register_buffer("twos", torch.full((8, 32), 2.0))


class WritesOverAFactor(Plain):
    def forward(self, x):
        added, factor = x * 0.5, x * 1.0
        before = factor.clone()
        factor.mul_(self.twos)
        product = factor @ self.table
        above = torch.relu(factor)
        return self.head(added + product + before * above)


class ChangesAFactorWhereItIsTold(Plain):
    def forward(self, x):
        added, factor = x * 0.5, x * 1.0
        product = factor @ self.table
        torch.clamp(factor, min=-20.0, out=factor)
        return self.head(added + product + factor)


class ChangesWhatItIsTakenFrom(Plain):
    def forward(self, x):
        first = self.first(x)
        one, other = first.detach() * 1.0, first.detach() * 0.5
        negative = -other
        torch.clamp(one, min=-5.0, max=5.0, out=one)
        return self.head(first + (one + negative))


class AddsBytes(Plain):
    def forward(self, x):
        first = self.first(x)
        return self.head(first + (-(first.abs() > 8).to(torch.uint8)))


class TellsSignsOfZero(nn.Module):
    """One unit whose sum is -0.0 where all its inputs are 0, and an angle that tells this from 0.0."""

    def __init__(self):
        super().__init__()
        self.unit, self.head = nn.Linear(2, 1), nn.Linear(1, 1)
        self.unit.weight = nn.Parameter(-torch.ones(1, 2), requires_grad=False)
        self.unit.bias = nn.Parameter(-torch.zeros(1), requires_grad=False)

    def forward(self, x):
        return self.head(torch.atan2(self.unit(torch.relu(x[:, :2])), x.new_full((), -1.0)))


class FillsWithWhatIsTrained(Plain):
    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(torch.zeros(8))

    def forward(self, x):
        first = torch.relu(self.first(x))
        return self.head(first.masked_fill(first > 0.3, self.value.sum()))


class KeepsNoStatistics(Plain):
    """Normalizes with statistics that begin anew at every step."""

    def forward(self, x):
        mean, variance = torch.zeros(32), torch.ones(32)
        normal = nn.functional.batch_norm(self.first(x), mean, variance, training=True)
        return self.head(normal) + mean.sum() + variance.sum()


class ReadsStatisticsBefore(Plain):
    """Multiplies by a mean that is another one by the time the product is added; nearly always by nothing."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(32))
        self.register_buffer("variance", torch.ones(32))

    def forward(self, x):
        column = torch.relu(-1 - x[:, :1])
        product = column @ self.mean.view(1, 32)
        normal = nn.functional.batch_norm(self.first(x), self.mean, self.variance, training=True)
        return self.head(x * 0.5 + product + normal)


class WritesIntoNothing(Plain):
    """Two tensors without elements, which get different ones."""

    def forward(self, x):
        first, one, other = self.first(x), torch.empty(0), torch.empty(0)
        with torch.no_grad():
            torch.clamp(first, -10, 10, out=one)
            torch.clamp(first, -20, 20, out=other)
        return self.head(first * one + other)


class WritesIntoASilentView(Plain):
    def forward(self, x):
        above = torch.relu(x) * 0.5
        view = torch.ops.aten._unsafe_view(above, [8, 4, 8])
        view.clamp_(max=0.2)
        return self.head(above)


class RunsAgainBackwards(Plain):
    def forward(self, x):
        return self.head(checkpoint(self.first, torch.relu(self.first(x)), use_reentrant=True))


class TakesSigns(Plain):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.full((32,), 0.5))

    def forward(self, x):
        return self.head(self.first(x) * self.scale.sgn())


SERIES = [ChangesWhatIsShared, ChangesThroughAView, ChangesWhereItIsTold, ReadsAListAgain, EndsWithNothing]
TABLES = [
    *(JoinsForNobody, WritesOverAFactor, ChangesAFactorWhereItIsTold, ChangesWhatItIsTakenFrom, AddsBytes),
    *(TellsSignsOfZero, FillsWithWhatIsTrained, RunsAgainBackwards, KeepsNoStatistics),
    *(ReadsStatisticsBefore, WritesIntoNothing, WritesIntoASilentView),
]


@pytest.mark.usefixtures("_records_short_fits")
@pytest.mark.parametrize("make", [*SERIES, *TABLES], ids=lambda make: make.__name__)
@pytest.mark.filterwarnings("ignore:No gradient reaches")
def test_what_only_looks_alike_has_the_bits_of_the_eager_step(make):
    rows = 32 if make is TellsSignsOfZero else 8  # sums of fewer numbers stay as they are

    assert_same(*both(make, X if make in SERIES else PLAIN, Y, shuffle=False, epochs=3, batch_size=rows))


@pytest.mark.usefixtures("_records_short_fits")
@pytest.mark.parametrize("optimizer", [fd.optimizers.SGD(momentum=0.9), "rmsprop"], ids=["sgd", "rmsprop"])
def test_a_slope_without_numbers_is_no_reason_to_fail(optimizer):
    ours, theirs = both(TakesSigns, PLAIN, Y, shuffle=False, optimizer=optimizer)

    assert "without numbers" in ours.speed
    assert_same(ours, theirs)


@pytest.mark.usefixtures("_records_short_fits")
@pytest.mark.parametrize("rule", ["apply_peephole", "fuse_slices", "gather_gates", "plan_memory"])
def test_a_rule_that_fails_is_no_reason_to_fail(monkeypatch, rule):
    def fails(*_):
        raise IndexError("no such part")

    pipeline._found.cache_clear()
    monkeypatch.setattr(pipeline, rule, fails)

    ours, theirs = both(Gates, X, Y, shuffle=False)

    assert ours.speed == "recorded"
    assert_same(ours, theirs)
    pipeline._found.cache_clear()


@pytest.mark.usefixtures("_records_short_fits")
def test_an_error_of_the_step_itself_is_told_as_it_is():
    class Fails(Plain):
        def forward(self, x):
            if x.shape[0] < 8:
                raise ArithmeticError("seven are too few")
            return self.head(x)

    model = fd.Model(Fails()).compile("adam", "mse")

    with pytest.raises(ArithmeticError, match="seven are too few"):
        model.fit(PLAIN[:63], Y[:63], batch_size=8, epochs=4, verbose=0)


class Angry:
    """Answers no question about what it does not have."""

    def __getattr__(self, name):
        raise ArithmeticError("ask me nothing")


class HoldsWhatIsAngry(Plain):
    def __init__(self):
        super().__init__()
        self.angry = Angry()

    def forward(self, x):
        return self.head(self.first(x))


@pytest.mark.usefixtures("_records_short_fits")
def test_what_cannot_be_asked_is_no_reason_to_fail():
    assert_same(*both(HoldsWhatIsAngry, PLAIN, Y, shuffle=False))


class SlopeThatIsABuffer(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight, slope):
        ctx.slope = slope
        return weight.sum()

    @staticmethod
    def backward(ctx, given):
        return ctx.slope, None


class HandsOutABuffer(Plain):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(32))
        self.register_buffer("slope", torch.full((32,), 0.01))

    def forward(self, x):
        return self.head(self.first(x)) + SlopeThatIsABuffer.apply(self.weight, self.slope)


class SharesASlope(nn.Module):
    """A layer that is not replayed in inference mode, and two parameters with one slope."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.LSTM(8, 8, batch_first=True), nn.Linear(8, 1)
        self.one, self.other = nn.Parameter(torch.zeros(8)), nn.Parameter(torch.zeros(8))

    def forward(self, x):
        return self.head(self.layer(x.view(-1, 4, 8))[0][:, -1] + self.one + self.other)


class ChangesSlopes(fd.Callback):
    def on_epoch_end(self, epoch, logs=None):
        for parameter in self.model.module.parameters():
            parameter.grad.detach_().mul_(3.0)


@pytest.mark.usefixtures("_records_short_fits")
@pytest.mark.parametrize("make", [HandsOutABuffer, SharesASlope])
def test_slopes_that_are_left_behind_belong_to_nobody_else(make):
    assert_same(*both(make, PLAIN, Y, shuffle=False, callbacks=[ChangesSlopes]))


class MasksWithANumber(Plain):
    """Attention as it is often written, with a name that an expression inside has from around it."""

    def forward(self, x):
        rows = x.shape[0]
        scores, values = (part.view(rows, 4, 8) for part in (self.first(x), x))
        shares = scores.masked_fill(values < 0.1, -1e9).softmax(-1)
        return self.head((shares * values).reshape(rows, 32))


@pytest.mark.usefixtures("_records_short_fits")
def test_what_is_filled_with_a_number_is_recorded():
    assert_recorded(MasksWithANumber, PLAIN, Y, shuffle=False)
