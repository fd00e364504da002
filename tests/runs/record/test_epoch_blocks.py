"""Long runs are read from packed blocks, and nobody can tell."""

import math

import numpy as np
import pytest

from fitdash.runs.protocol.events import Created, EpochEnded
from fitdash.runs.protocol.json_codec import encode
from fitdash.runs.record import epoch_blocks
from fitdash.runs.record.store import Store

CREATED = Created(uid="a", name="", experiment={}, writer="w")


def ended(epoch, **logs):
    return EpochEnded(uid="a", epoch=epoch, logs=logs or logs_of(epoch), seconds=0.1 * epoch, at=20.0 + epoch)


def logs_of(epoch):
    """Every fifth epoch is validated, in another order of names."""
    loss = {"loss": 1 / (epoch + 3)}
    return {"val_loss": math.pi / (epoch + 1), **loss, "lr": 5e-324} if epoch % 5 == 4 else {**loss, "lr": -0.0}


def count(store):
    return store.read_rows("SELECT count(*) FROM blocks")[0][0]


def test_epochs_of_blocks_and_of_rows_come_back_in_order_as_they_were_written(store):
    epochs = range(2 * epoch_blocks.BLOCK_SIZE + 10)
    store.write([CREATED, *map(ended, epochs)])

    rows = store.epochs("a")

    assert count(store) == 2
    assert [row.epoch for row in rows] == list(epochs)
    assert [list(row.logs.items()) for row in rows] == [list(logs_of(epoch).items()) for epoch in epochs]
    assert [(row.seconds, row.at) for row in rows] == [(0.1 * epoch, 20.0 + epoch) for epoch in epochs]
    assert all(type(row.seq) is int and type(row.epoch) is int for row in rows)
    assert math.copysign(1, rows[0].logs["lr"]) == -1


def test_what_is_not_finite_is_kept(store):
    odd = [math.nan, math.inf, -math.inf]
    store.write([CREATED, *(ended(epoch, loss=odd[epoch % 3]) for epoch in range(epoch_blocks.BLOCK_SIZE))])

    assert count(store) == 1
    np.testing.assert_equal([row.logs["loss"] for row in store.epochs("a")][:3], odd)


@pytest.mark.parametrize("value", [3, True, None, "high", [1.0, 2.0]])
def test_what_is_no_float_comes_back_as_it_is(store, value):
    store.write([CREATED, *(ended(epoch, loss=0.5, note=value) for epoch in range(epoch_blocks.BLOCK_SIZE))])

    (note,) = {repr(row.logs["note"]) for row in store.epochs("a")}

    assert note == repr(value)
    assert count(store) == 0


def test_an_epoch_of_a_block_that_is_trained_again_is_read_anew(store):
    store.write([CREATED, *map(ended, range(2 * epoch_blocks.BLOCK_SIZE))])
    seen = store.epochs("a")[-1].seq

    store.write([ended(7, loss=9.0)])

    assert [row.logs for row in store.epochs("a")][6:9] == [logs_of(6), {"loss": 9.0}, logs_of(8)]
    assert [row.epoch for row in store.epochs("a")] == list(range(2 * epoch_blocks.BLOCK_SIZE))
    assert [row.epoch for row in store.epochs("a", since=seen)] == [7]
    assert store.run("a").summary["logs"]["loss"] == {
        "last": logs_of(2 * epoch_blocks.BLOCK_SIZE - 1)["loss"],
        "min": logs_of(2 * epoch_blocks.BLOCK_SIZE - 1)["loss"],
        "min_epoch": 2 * epoch_blocks.BLOCK_SIZE - 1,
        "max": 9.0,
        "max_epoch": 7,
    }


def test_a_run_that_is_trained_again_from_its_middle_is_packed_again(store):
    store.write([CREATED, *map(ended, range(epoch_blocks.BLOCK_SIZE))])

    store.write([ended(epoch, loss=float(epoch)) for epoch in range(100, epoch_blocks.BLOCK_SIZE)])

    assert count(store) == 1
    losses = [row.logs["loss"] for row in store.epochs("a")]
    assert losses[98:102] == [logs_of(98)["loss"], logs_of(99)["loss"], 100.0, 101.0]


@pytest.mark.parametrize(
    "since",
    [
        0,
        1,
        2,
        epoch_blocks.BLOCK_SIZE,
        epoch_blocks.BLOCK_SIZE + 1,
        epoch_blocks.BLOCK_SIZE + 2,
        2 * epoch_blocks.BLOCK_SIZE + 10,
        10**6,
    ],
)
def test_only_newer_epochs_are_read_wherever_the_mark_lies(store, since):
    store.write([CREATED, *map(ended, range(2 * epoch_blocks.BLOCK_SIZE + 9))])
    everything = store.epochs("a")

    assert store.epochs("a", since=since) == [row for row in everything if row.seq > since]


def test_a_run_that_begins_within_a_block_is_not_packed_before_a_whole_one(store):
    store.write([CREATED, *map(ended, range(50, 2 * epoch_blocks.BLOCK_SIZE))])

    assert count(store) == 1
    assert [row.epoch for row in store.epochs("a")] == list(range(50, 2 * epoch_blocks.BLOCK_SIZE))


def test_reading_while_blocks_are_made_misses_and_repeats_nothing(store):
    store.write([CREATED])
    with Store(store.path) as other:
        for first in range(0, 2 * epoch_blocks.BLOCK_SIZE, 37):
            store.write([ended(epoch) for epoch in range(first, first + 37)])
            assert [row.epoch for row in other.epochs("a")] == list(range(first + 37))


def test_packing_is_lossless_for_drawn_numbers():
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, 2**63, epoch_blocks.BLOCK_SIZE).view(np.float64).tolist()
    rows = [(epoch, epoch, 1.0, 2.0, encode({"loss": number})) for epoch, number in enumerate(numbers)]

    unpacked = epoch_blocks.unpack_block(0, *epoch_blocks.pack_block(rows))

    np.testing.assert_equal([row.logs["loss"] for row in unpacked], numbers)
