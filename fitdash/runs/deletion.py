"""Runs that are deleted: marked and hidden first, so that it can be undone, and removed only when that is asked for.

Called inside a transaction; all runs of one deletion carry the same moment.
"""

import shutil
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from fitdash.errors import StoreError
from fitdash.runs.events import ACTIVE


def delete(db: sqlite3.Connection, uids: Sequence[str]) -> None:
    """Hide these runs, all or none.

    Raises:
        StoreError: one is unknown or has not ended.
    """
    problems = [problem for uid in dict.fromkeys(uids) if (problem := _problem(db, uid))]
    if problems:
        raise StoreError(" ".join(problems))
    (newest,) = db.execute("SELECT max(deleted) FROM runs").fetchone()
    # Later than the last one also where the clock was set back, so that undo knows their order.
    now = max(time.time(), (newest or 0.0) + 0.001)
    db.executemany("UPDATE runs SET deleted = ?, seq = seq + 1 WHERE uid = ?", [(now, uid) for uid in uids])


def undelete(db: sqlite3.Connection) -> list[str]:
    """Bring back what the last deletion took; gives the uids."""
    rows = db.execute(
        "UPDATE runs SET deleted = NULL, seq = seq + 1 WHERE deleted = (SELECT max(deleted) FROM runs) RETURNING uid"
    ).fetchall()
    return [row[0] for row in rows]


def purge(db: sqlite3.Connection) -> list[str]:
    """Remove all that is deleted, for good; gives the uids."""
    return [row[0] for row in db.execute("DELETE FROM runs WHERE deleted IS NOT NULL RETURNING uid").fetchall()]


def remove_files(home: Path, uids: Sequence[str]) -> None:
    """Remove what these runs keep beside the store, as far as it can be removed."""
    for uid in uids:
        folder = home / "runs" / uid
        # A uid is read from a file that may come from elsewhere: it shall lead nowhere else.
        if folder.parent == home / "runs" and uid not in (".", "..") and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)


def _problem(db: sqlite3.Connection, uid: str) -> str | None:
    """Why this run cannot be deleted."""
    row = db.execute("SELECT state FROM runs WHERE uid = ? AND deleted IS NULL", [uid]).fetchone()
    if row is None:
        return f"A run must be in the store to be deleted, got {uid!r}."
    return (
        f"A run must have ended to be deleted, got {uid}, which is {row[0]}. Stop it first."
        if row[0] in ACTIVE
        else None
    )
