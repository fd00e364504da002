"""Finished epochs of long runs packed as numbers, so that ten thousand of them are read in a few milliseconds.

The table `epochs` stays the truth. A block repeats `SIZE` consecutive rows of it; it is made when the last of them is
written and forgotten when one of them is trained again. What is no plain float stays in rows alone.
"""

import sqlite3
import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

from fitdash.runs.protocol.json_codec import decode, decode_all, encode
from fitdash.runs.record.records import EpochRow

# A block is packed in 1 ms; at most so many rows less one are decoded from JSON.
BLOCK_SIZE = 256
# Of blocks that were read, so many stay decoded: 32,000 epochs, about 15 MB.
KEPT = 128

# One statement sees one moment, so no epoch is missed or read twice while another process writes.
SELECT_EPOCHS = f"""
    WITH one AS (SELECT id FROM runs WHERE uid = :uid AND deleted IS NULL)
    SELECT seq, NULL, block, NULL, names, numbers FROM blocks WHERE run = (SELECT id FROM one) AND seq > :since
    UNION ALL
    SELECT seq, epoch, at, seconds, logs, NULL FROM epochs WHERE run = (SELECT id FROM one) AND seq > :since
        AND epoch / {BLOCK_SIZE} NOT IN (SELECT block FROM blocks WHERE run = (SELECT id FROM one))
    """


def epoch_rows(found: Iterable[Sequence[Any]], since: int) -> list[EpochRow]:
    """What `READ` found as epochs in order, only those after the row numbered `since`."""
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
    """Forget the block of an epoch that was written; make it again if it was the block's last one."""
    block, place = divmod(epoch, BLOCK_SIZE)
    db.execute("DELETE FROM blocks WHERE run = ? AND block = ?", [run, block])
    if place == BLOCK_SIZE - 1:
        rows = db.execute(
            "SELECT seq, epoch, at, seconds, logs FROM epochs WHERE run = ? AND epoch BETWEEN ? AND ? ORDER BY epoch",
            [run, block * BLOCK_SIZE, epoch],
        ).fetchall()
        made = pack_block(rows) if len(rows) == BLOCK_SIZE else None
        if made:
            newest = max(row[0] for row in rows)
            db.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?)", [run, block, newest, *made])


def pack_block(rows: Sequence[Sequence[Any]]) -> tuple[str, bytes] | None:
    """The rows of consecutive epochs as names and numbers; None where one holds something that is no float.

    Returns:
        Names as JSON: every order of names that occurs, and which of them each row has; none where all have the
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


@lru_cache(KEPT)
def unpack_block(block: int, names: str, numbers: bytes) -> list[EpochRow]:
    """The epochs that `packed` was given; kept, so to be read only."""
    orders, of_rows = decode(names)
    words = struct.unpack(f"<{BLOCK_SIZE}q{len(numbers) // 8 - BLOCK_SIZE}d", numbers)
    values = iter(words[3 * BLOCK_SIZE :])
    # Names first: zip then takes no value more than there are names.
    each = (orders[place] for place in of_rows) if of_rows else [orders[0]] * BLOCK_SIZE
    logs = [dict(zip(its, values)) for its in each]  # noqa: B905
    epochs = range(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE)
    seqs, at, seconds = (words[start * BLOCK_SIZE : (start + 1) * BLOCK_SIZE] for start in range(3))
    return list(map(EpochRow._make, zip(seqs, epochs, at, seconds, logs, strict=True)))
