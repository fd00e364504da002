"""Finished epochs of long runs packed as numbers, so that ten thousand of them are read in a few milliseconds.

The table `epochs` stays the source. A block repeats `BLOCK_SIZE` consecutive rows of it: written with the last of the
rows, deleted when one of these epochs is trained again. Rows with values other than floats get no block.
"""

import sqlite3
import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

from fitdash.runs.protocol.json_codec import decode, decode_all, encode
from fitdash.runs.record.records import EpochRow

# Rows of a block. It is packed in 1 ms; at most this number less one of the rows are decoded from JSON.
BLOCK_SIZE = 256
# Decoded blocks in the cache: 32,000 epochs, about 15 MB.
CACHED_BLOCKS = 128

# One statement reads one snapshot, so no epoch is missed or read twice while another process writes.
SELECT_EPOCHS = f"""
    WITH one AS (SELECT id FROM runs WHERE uid = :uid AND deleted IS NULL)
    SELECT seq, NULL, block, NULL, names, numbers FROM blocks WHERE run = (SELECT id FROM one) AND seq > :since
    UNION ALL
    SELECT seq, epoch, at, seconds, logs, NULL FROM epochs WHERE run = (SELECT id FROM one) AND seq > :since
        AND epoch / {BLOCK_SIZE} NOT IN (SELECT block FROM blocks WHERE run = (SELECT id FROM one))
    """


def epoch_rows(found: Iterable[Sequence[Any]], since: int) -> list[EpochRow]:
    """The rows that `SELECT_EPOCHS` found as epochs in order, only those whose `seq` is above `since`."""
    blocks: list[Sequence[Any]] = []
    single: list[Sequence[Any]] = []
    for row in found:
        (single if row[5] is None else blocks).append(row)
    rows = [row for _, _, block, _, names, numbers in blocks for row in unpack_block(block, names, numbers)]
    logs = decode_all(row[4] for row in single)
    rows += [EpochRow._make((*row[:4], some)) for row, some in zip(single, logs, strict=True)]
    if blocks and since:
        rows = [row for row in rows if row.seq > since]
    return sorted(rows, key=attrgetter("epoch"))


def update(db: sqlite3.Connection, run: int, epoch: int) -> None:
    """Delete the block of an epoch that was just written; write the block again if it is the block's last epoch."""
    block, place = divmod(epoch, BLOCK_SIZE)
    db.execute("DELETE FROM blocks WHERE run = ? AND block = ?", [run, block])
    if place == BLOCK_SIZE - 1:
        rows = db.execute(
            "SELECT seq, epoch, at, seconds, logs FROM epochs WHERE run = ? AND epoch BETWEEN ? AND ? ORDER BY epoch",
            [run, block * BLOCK_SIZE, epoch],
        ).fetchall()
        packed = pack_block(rows) if len(rows) == BLOCK_SIZE else None
        if packed:
            newest = max(row[0] for row in rows)
            db.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?)", [run, block, newest, *packed])


def pack_block(rows: Sequence[Sequence[Any]]) -> tuple[str, bytes] | None:
    """The rows of consecutive epochs as names and numbers; None if a row holds a value that is not a float.

    Returns:
        Names as JSON: every order of names that occurs, and the index of each row's order, empty if all rows have the
        first. Numbers as little-endian words: the rows' seq, at and seconds, then the values of all logs, row by row.
    """
    logs = decode_all(row[4] for row in rows)
    numbers = [
        *(row[2] for row in rows),
        *(row[3] for row in rows),
        *(value for some in logs for value in some.values()),
    ]
    if not all(type(number) is float for number in numbers):
        return None
    orders = {names: place for place, names in enumerate(dict.fromkeys(tuple(some) for some in logs))}
    of_rows = [orders[tuple(some)] for some in logs] if len(orders) > 1 else []
    words = struct.pack(f"<{len(rows)}q{len(numbers)}d", *(row[0] for row in rows), *numbers)
    return encode([list(orders), of_rows]), words


@lru_cache(CACHED_BLOCKS)
def unpack_block(block: int, names: str, numbers: bytes) -> list[EpochRow]:
    """The epochs that `pack_block` was given; cached, so the caller must not change them."""
    orders, of_rows = decode(names)
    words = struct.unpack(f"<{BLOCK_SIZE}q{len(numbers) // 8 - BLOCK_SIZE}d", numbers)
    values = iter(words[3 * BLOCK_SIZE :])
    # Names first: zip then takes no more values than there are names.
    each = (orders[place] for place in of_rows) if of_rows else [orders[0]] * BLOCK_SIZE
    logs = [dict(zip(order, values)) for order in each]  # noqa: B905
    epochs = range(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE)
    seqs, at, seconds = (words[start * BLOCK_SIZE : (start + 1) * BLOCK_SIZE] for start in range(3))
    return list(map(EpochRow._make, zip(seqs, epochs, at, seconds, logs, strict=True)))
