"""How many batches one call takes, and what they leave behind."""

import weakref
from types import SimpleNamespace

import pytest
import torch

from fitdash.data.batches.source import Batch
from fitdash.engine.training import strategies
from fitdash.engine.training.strategies import RecordedStrategy

ROWS, FEATURES = 4, 8
BATCH_BYTES = ROWS * FEATURES * 4 + ROWS * 8


class Replaying:
    """A recording that is ready, and notes how many batches each call has."""

    is_ready = True

    def __init__(self):
        self.calls = []

    def holds(self):
        return True

    def replay(self, chunk):
        self.calls.append(len(chunk))
        return True


@pytest.fixture
def recording(monkeypatch):
    monkeypatch.setattr(strategies, "zero_settings", lambda optimizer: None)
    return Replaying()


def recorded(recording, *, most=None, draws_ahead=True):
    ground = SimpleNamespace(optimizer=None, is_ours=True, holds=lambda entirely: True)
    return RecordedStrategy(
        lambda batch: None,
        lambda: ground,
        lambda _: recording,
        most=lambda: most,
        draws_ahead=draws_ahead,
        is_watched=False,
        is_alone=True,
        tell=lambda *_, **__: None,
    )


def batch():
    return Batch(torch.zeros(ROWS, FEATURES), torch.zeros(ROWS, dtype=torch.int64), None, ROWS)


@pytest.mark.parametrize(
    ("most_bytes", "most", "draws_ahead", "calls"),
    [
        (3 * BATCH_BYTES, None, True, [3, 3, 3, 1]),
        (3 * BATCH_BYTES, 2, True, [2, 2, 2, 2, 2]),
        (BATCH_BYTES - 1, None, True, [1] * 10),
        (100 * BATCH_BYTES, None, True, [10]),
        (100 * BATCH_BYTES, None, False, [1] * 10),
    ],
)
def test_a_call_takes_no_more_than_may_lie_in_memory(recording, monkeypatch, most_bytes, most, draws_ahead, calls):
    monkeypatch.setattr(strategies, "MOST_BYTES", most_bytes)
    monkeypatch.setattr(strategies, "MOST_SECONDS", 1e6)
    stepper = recorded(recording, most=most, draws_ahead=draws_ahead)

    done = list(stepper.train(batch() for _ in range(11)))

    assert done == [1, *calls]  # the first looks around
    assert recording.calls == calls


def test_what_a_call_has_done_is_let_go_before_the_next_batch_is_made(recording, monkeypatch):
    monkeypatch.setattr(strategies, "MOST_BYTES", 3 * BATCH_BYTES)
    monkeypatch.setattr(strategies, "MOST_SECONDS", 1e6)
    made, alive = [], []

    def batches():
        for _ in range(10):
            alive.append(sum(one() is not None for one in made))
            one = batch()
            made.append(weakref.ref(one.x))
            yield one
            del one

    list(recorded(recording).train(batches()))

    assert recording.calls == [3, 3, 3]
    assert max(alive) == 2  # those of the call that is being put together
