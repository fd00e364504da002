"""Values that leave a tensor by a way that no operation shows keep a step eager."""

import pytest
import torch
from torch import nn

from tests.engine.recording.fits import assert_eager
from tests.engine.recording.modules import N, Y

pytestmark = pytest.mark.usefixtures("_records_short_fits")

X = torch.randn(N, 6, generator=torch.Generator().manual_seed(0)).clamp(-2, 2)
X[44] = 5.0


class Reads(nn.Module):
    """Multiplies by what is read out of a tensor, which is 1 for a late batch, else 0."""

    def __init__(self, read):
        super().__init__()
        self.head, self.read = nn.Linear(6, 3), read

    def forward(self, x):
        return self.head(x) * (1.0 + self.read((x.max().reshape(1) > 4).long()))


def applied(flag):
    seen = []
    flag.clone().apply_(lambda value: seen.append(value) or value)
    return seen[0]


def mapped(flag):
    seen = []
    flag.clone().map_(flag, lambda value, other: seen.append(other) or value)
    return seen[0]


def padded(flag):
    packed = nn.utils.rnn.PackedSequence(torch.arange(3.0).reshape(3, 1), torch.cat([flag + 1, flag * 0 + 1]))
    return nn.utils.rnn.pad_packed_sequence(packed)[0].shape[1] - 1.0


READS = {
    "text": lambda flag: 1.0 if "1" in str(flag) else 0.0,
    "formatted text": lambda flag: 1.0 if "1" in f"{flag}" else 0.0,
    "places to split at": lambda flag: float(torch.tensor_split(torch.ones(6), flag + 2)[0].shape[0]),
    "places to split at, by a method": lambda flag: float(torch.ones(6).tensor_split(flag + 2)[0].shape[0]),
    "a function of each value": applied,
    "a function of pairs": mapped,
    "lengths": padded,
    "a capsule": lambda flag: float(torch.from_dlpack(torch.utils.dlpack.to_dlpack(flag)).sum()),
    "a node of the graph": lambda flag: 0.0 if flag.grad_fn is None else 1.0,
}


@pytest.mark.parametrize("name", READS)
def test_values_that_leave_a_tensor_unseen_keep_the_step_eager(name):
    assert_eager(lambda: Reads(READS[name]), X, Y, "uses ", shuffle=False)
