"""Deletion of runs and sweeps: they are hidden first, so that it can be undone, and removed by `purge`.

The caller opens the transaction; all runs and sweeps of one deletion have the same moment in `deleted`.
"""

import shutil
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from fitdash.errors import StoreError
from fitdash.runs.protocol.events import ACTIVE

RecordKind = Literal["runs", "sweeps"]


class Deletion(NamedTuple):
    """uids of the runs and sweeps that were deleted, brought back or removed."""

    runs: list[str]
    sweeps: list[str]


def delete(db: sqlite3.Connection, uids: Sequence[str]) -> None:
    """Hide these runs, all or none.

    Raises:
        StoreError: a run is unknown or has not ended.
    """
    _refuse("run", db, uids)
    _hide(db, runs=uids)


def delete_sweeps(db: sqlite3.Connection, uids: Sequence[str], *, with_runs: bool) -> Deletion:
    """Hide these sweeps and, with `with_runs`, their runs, all or none.

    Raises:
        StoreError: a sweep is unknown, or a sweep or one of the runs has not ended.
    """
    _refuse("sweep", db, uids)
    sweeps = list(dict.fromkeys(uids))
    query = "SELECT uid FROM runs WHERE sweep = ? AND deleted IS NULL ORDER BY id"
    runs = [row[0] for uid in sweeps if with_runs for row in db.execute(query, [uid]).fetchall()]
    _refuse("run", db, runs)
    _hide(db, runs=runs, sweeps=sweeps)
    return Deletion(runs, sweeps)


def undelete(db: sqlite3.Connection, of: RecordKind = "runs") -> Deletion:
    """Bring back all runs and sweeps of the latest deletion that hid `of`."""
    (moment,) = db.execute(f"SELECT max(deleted) FROM {of}").fetchone()
    runs = db.execute("UPDATE runs SET deleted = NULL, seq = seq + 1 WHERE deleted = ? RETURNING uid", [moment])
    sweeps = db.execute("UPDATE sweeps SET deleted = NULL WHERE deleted = ? RETURNING uid", [moment])
    return Deletion(_uids(runs), _uids(sweeps))


def purge(db: sqlite3.Connection) -> Deletion:
    """Remove all deleted runs and sweeps, for good."""
    runs, sweeps = (
        db.execute(f"DELETE FROM {table} WHERE deleted IS NOT NULL RETURNING uid") for table in ("runs", "sweeps")
    )
    return Deletion(_uids(runs), _uids(sweeps))


def remove_files(home: Path, uids: Sequence[str]) -> None:
    """Remove the folders of these runs, as far as they can be removed."""
    for uid in uids:
        folder = home / "runs" / uid
        # The store may be a file from elsewhere: a uid in it must not point outside of the folder of runs.
        if folder.parent == home / "runs" and uid not in (".", "..") and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)


def _refuse(kind: str, db: sqlite3.Connection, uids: Iterable[str]) -> None:
    problems = [problem for uid in dict.fromkeys(uids) if (problem := _problem(kind, db, uid))]
    if problems:
        raise StoreError(" ".join(problems))


def _problem(kind: str, db: sqlite3.Connection, uid: str) -> str | None:
    """Why this run or sweep cannot be deleted; None if it can."""
    row = db.execute(f"SELECT state FROM {kind}s WHERE uid = ? AND deleted IS NULL", [uid]).fetchone()
    if row is None:
        return f"A {kind} must be in the store to be deleted, got {uid!r}."
    return (
        f"A {kind} must have ended to be deleted, got {uid}, which is {row[0]}. Stop it first."
        if row[0] in ACTIVE
        else None
    )


def _hide(db: sqlite3.Connection, *, runs: Iterable[str] = (), sweeps: Iterable[str] = ()) -> None:
    both = "SELECT deleted FROM runs UNION ALL SELECT deleted FROM sweeps"
    (newest,) = db.execute(f"SELECT max(deleted) FROM ({both})").fetchone()
    # Later than the last deletion also where the clock was set back, so that `undelete` knows their order.
    now = max(time.time(), (newest or 0.0) + 0.001)
    db.executemany("UPDATE runs SET deleted = ?, seq = seq + 1 WHERE uid = ?", [(now, uid) for uid in runs])
    db.executemany("UPDATE sweeps SET deleted = ? WHERE uid = ?", [(now, uid) for uid in sweeps])


def _uids(rows: sqlite3.Cursor) -> list[str]:
    return [row[0] for row in rows.fetchall()]
