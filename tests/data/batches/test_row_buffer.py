"""Memory that is used again, and never while somebody still sees what lies there."""

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd
from fitdash.data.batches import row_buffer
from fitdash.data.batches.arrays import ArraySource, prepare_arrays
from fitdash.data.batches.row_buffer import RowBuffer
from fitdash.data.batches.source import DeviceAndDtype

LIKE = torch.zeros(4, 1000)
ROWS = 300
CPU = DeviceAndDtype(torch.device("cpu"), torch.float32)


def test_memory_that_nobody_sees_is_used_again():
    shelf = RowBuffer()

    places = [shelf.for_rows(ROWS, LIKE).data_ptr() for _ in range(3)]
    shorter = shelf.for_rows(ROWS - 20, LIKE)

    assert len(set(places)) == 1
    assert shorter.data_ptr() == places[0]
    assert shorter.shape == (ROWS - 20, 1000)


@pytest.mark.parametrize("hold", [lambda x: x[5:9], lambda x: x.numpy(), lambda x: x.untyped_storage(), nn.Parameter])
def test_memory_that_somebody_sees_is_left_alone(hold):
    shelf = RowBuffer()
    first = shelf.for_rows(ROWS, LIKE)
    place, held = first.data_ptr(), hold(first)
    del first

    second = shelf.for_rows(ROWS, LIKE)

    assert second.data_ptr() != place
    del held
    del second
    assert shelf.for_rows(ROWS, LIKE).data_ptr() == place


def test_where_all_that_is_kept_is_seen_fresh_memory_has_to_do():
    shelf = RowBuffer()
    held = [shelf.for_rows(ROWS, LIKE) for _ in range(row_buffer.MOST_KEPT)]

    assert len({one.data_ptr() for one in held}) == row_buffer.MOST_KEPT
    assert shelf.for_rows(ROWS, LIKE) is None
    larger = shelf.for_rows(ROWS + 1, LIKE)
    assert larger.shape == (ROWS + 1, 1000)


def test_few_rows_and_a_torch_that_cannot_tell_take_fresh_memory(monkeypatch):
    assert RowBuffer().for_rows(10, LIKE) is None
    with torch.inference_mode():
        assert RowBuffer().for_rows(ROWS, LIKE) is None
    monkeypatch.setattr(row_buffer, "_holders", None)
    assert RowBuffer().for_rows(ROWS, LIKE) is None


def test_pieces_of_a_pass_hold_their_rows_while_somebody_keeps_them(monkeypatch):
    monkeypatch.setattr("fitdash.data.batches.arrays.CHUNK_BYTES", 1024 * 1024)
    x = np.arange(3000 * 500, dtype=np.float32).reshape(3000, 500)
    source = ArraySource(*prepare_arrays(x, np.arange(3000), None, CPU), batch_size=100, order="rows", target=CPU)

    passes = [list(source.batches()) for _ in range(2)]
    fleeting = [(batch.x[:, 0] / 500 == batch.y).all().item() for batch in source.batches()]

    for batches in passes:
        assert sorted(torch.cat([batch.y for batch in batches]).tolist()) == list(range(3000))
        assert all(torch.equal(batch.x[:, 0], batch.y.float() * 500) for batch in batches)
    assert all(fleeting)


class Keeps(nn.Module):
    """Remembers all that it was given."""

    def __init__(self):
        super().__init__()
        self.inside, self.seen = nn.Linear(400, 2), []

    def forward(self, x):
        if self.training:
            self.seen.append(x)
        return self.inside(x)


def test_a_module_may_keep_what_it_was_given():
    torch.manual_seed(0)
    x = torch.arange(9000.0)[:, None].expand(-1, 400).contiguous()
    module = Keeps()

    fd.Model(module).compile("sgd", "mse").fit(x, torch.zeros(9000, 2), batch_size=500, epochs=3, verbose=0)

    for epoch in range(3):
        seen = torch.cat([part[:, 7] for part in module.seen[18 * epoch : 18 * (epoch + 1)]])
        assert torch.equal(seen.sort().values, torch.arange(9000.0))
