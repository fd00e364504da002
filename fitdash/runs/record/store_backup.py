"""Backup of the store while other processes write."""

import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from fitdash.errors import StoreError
from fitdash.runs.record import schema


def back_up(source: Path, target: Path, *, replace: bool = False) -> None:
    """Copy one snapshot of the store into one file, which opens as a store.

    The file appears when it is complete. Writers go on meanwhile: SQLite's online backup reads one snapshot.

    Raises:
        StoreError: the file exists and `replace` is False, it is the store itself, or it cannot be written.
    """
    if target.exists() and source.samefile(target):
        raise StoreError(f"A backup must be another file than the store, got {target}.")
    if target.exists() and not replace:
        raise StoreError(f"A backup must not overwrite a file unasked, got {target}. Name another one, or force it.")
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        _copy(source, part)
        os.replace(part, target)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{target} must be a file that a backup can be written to, got: {error}.") from error
    finally:
        part.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    with closing(schema.connect(source, busy_seconds=10)) as db, closing(sqlite3.connect(target)) as copy:
        # All pages in one step: with several, every write of another process restarts the backup.
        db.backup(copy)
        # Without WAL it is one file, which can be read on a read-only disk; opening it as a store switches WAL on.
        copy.execute("PRAGMA journal_mode=DELETE")
    with open(target, "r+b") as file:
        os.fsync(file.fileno())
