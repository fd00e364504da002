"""Writes events as rows of the store's tables, within a transaction of the caller."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from fitdash.runs.protocol.events import (
    ACTIVE,
    ENDED,
    BatchEnded,
    Began,
    Changed,
    Created,
    EpochEnded,
    Event,
    PartialEpoch,
    Printed,
    SweepEnded,
    Tagged,
    Told,
    TrainEvaluated,
    TrialJudged,
)
from fitdash.runs.protocol.json_codec import decode_all, encode
from fitdash.runs.record import epoch_blocks
from fitdash.runs.record.summary import Summary, add_epoch, pack_summary, unpack_summary


def append_events(db: sqlite3.Connection, uid: str, events: Sequence[Event]) -> None:
    """Write the events of one run in their order and update its summary; events of a purged run are dropped."""
    if isinstance(events[0], Created):
        _create(db, events[0])
    row = db.execute("SELECT id, seq, summary FROM runs WHERE uid = ?", [uid]).fetchone()
    if row is None:
        return
    run, seq, summary = row[0], row[1], unpack_summary(row[2])
    is_again = False
    for event in events:
        seq += 1
        if isinstance(event, EpochEnded):
            _add_epoch(db, run, seq, event)
            is_again = is_again or event.epoch <= summary.get("epoch", -1)
            summary = add_epoch(summary, event.epoch, event.logs, event.seconds)
        else:
            _add(db, run, seq, event)
    if is_again:
        # Once for all events: going on from epoch 5,000 of 10,000 would otherwise read all rows 5,000 times.
        summary = _summary(db, run)
    db.execute("UPDATE runs SET seq = ?, summary = ? WHERE id = ?", [seq, pack_summary(summary), run])


def end_sweep(db: sqlite3.Connection, event: SweepEnded) -> None:
    """Write the end of a sweep."""
    db.execute(
        "UPDATE sweeps SET state = ?, ended = ?, seconds = ?, error = ? WHERE uid = ?",
        [event.state, event.at, event.seconds, event.error, event.uid],
    )


def tags_text(tags: Sequence[str]) -> str:
    """Tags as JSON text, as the store keeps them: each once, without empty tags."""
    return encode(list(dict.fromkeys(tag.strip() for tag in tags if tag.strip())))


def _create(db: sqlite3.Connection, event: Created) -> None:
    db.execute(
        "INSERT OR IGNORE INTO runs"
        " (uid, name, state, created, started, writer, owner, parent, sweep, trial, experiment)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            event.uid,
            event.name,
            event.state,
            event.at,
            event.at if event.state == "running" else None,
            event.writer,
            event.owner,
            event.parent,
            event.sweep,
            event.trial,
            encode(event.experiment),
        ],
    )


def _add_epoch(db: sqlite3.Connection, run: int, seq: int, event: EpochEnded) -> None:
    """Write the epoch, in place of the same epoch of an earlier start of the run."""
    db.execute(
        "INSERT OR REPLACE INTO epochs (run, epoch, seq, at, seconds, logs) VALUES (?, ?, ?, ?, ?, ?)",
        [run, event.epoch, seq, event.at, event.seconds, encode(event.logs)],
    )
    epoch_blocks.update(db, run, event.epoch)


def _summary(db: sqlite3.Connection, run: int) -> Summary:
    """The summary of all stored epochs."""
    rows = db.execute("SELECT epoch, logs, seconds FROM epochs WHERE run = ? ORDER BY epoch", [run]).fetchall()
    summary: Summary = {}
    for (epoch, _, seconds), logs in zip(rows, decode_all(row[1] for row in rows), strict=True):
        summary = add_epoch(summary, epoch, logs, seconds)
    return summary


def _add(db: sqlite3.Connection, run: int, seq: int, event: Event) -> None:
    match event:
        case Changed():
            _change(db, run, event)
        case TrialJudged():
            db.execute("UPDATE runs SET verdict = ? WHERE id = ?", [event.verdict, run])
        case Tagged():
            db.execute("UPDATE runs SET tags = ? WHERE id = ?", [tags_text(event.tags), run])
        case Began():
            db.execute("UPDATE runs SET params = ? WHERE id = ?", [encode(event.params), run])
        case BatchEnded():
            where = {"epoch": event.epoch, "step": event.step, "steps": event.steps}
            _add_event(db, run, seq, "batch", event, {**where, "logs": event.logs})
        case TrainEvaluated():
            facts = {"epoch": event.epoch, "logs": event.logs, "seconds": event.seconds}
            _add_event(db, run, seq, "measured", event, facts)
        case PartialEpoch():
            _add_event(db, run, seq, "partial", event, {"epoch": event.epoch, "logs": event.logs})
        case Told():
            _add_event(db, run, seq, "told", event, event.facts)
        case Printed():
            _add_event(db, run, seq, "printed", event, event.text)


def _add_event(db: sqlite3.Connection, run: int, seq: int, kind: str, event: Event, data: Any) -> None:
    db.execute(
        "INSERT INTO events (run, kind, seq, at, data) VALUES (?, ?, ?, ?, ?)",
        [run, kind, seq, event.at, encode(data)],
    )


def _change(db: sqlite3.Connection, run: int, event: Changed) -> None:
    db.execute(
        "UPDATE runs SET state = ?, error = ?, traceback = ?, ended = ?,"
        # A run that was deleted and is resumed is not hidden while it trains.
        " started = CASE WHEN ? = 'running' THEN coalesce(started, ?) ELSE started END,"
        " deleted = CASE WHEN ? THEN NULL ELSE deleted END WHERE id = ?",
        [
            event.state,
            event.error,
            event.traceback,
            event.at if event.state in ENDED else None,
            event.state,
            event.at,
            event.state in ACTIVE,
            run,
        ],
    )
