"""The tables of the store, their migrations, and connecting to a file that may not be a store."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from fitdash.errors import StoreError
from fitdash.runs.protocol.json_codec import decode
from fitdash.runs.record.summary import pack_summary

# "fitd" as a number, in the file's header: marks stores among other SQLite files.
APPLICATION_ID = 0x66697464
# Seconds to wait, on opening a store, for other processes that open or migrate it.
BUSY_SECONDS = 10

# Each entry migrates from the version that is its index to the next. Never edit a released entry: add another.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE runs (
            id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, state TEXT NOT NULL,
            created REAL NOT NULL, started REAL, ended REAL, seq INTEGER NOT NULL DEFAULT 0,
            writer TEXT NOT NULL, owner TEXT, parent TEXT,
            experiment TEXT NOT NULL, params TEXT NOT NULL DEFAULT '{}', summary TEXT NOT NULL DEFAULT '{}',
            error TEXT, traceback TEXT)""",
        "CREATE INDEX runs_by_state ON runs (state)",
        """CREATE TABLE epochs (
            run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
            at REAL NOT NULL, seconds REAL, logs TEXT NOT NULL, PRIMARY KEY (run, epoch)) WITHOUT ROWID""",
        """CREATE TABLE events (
            run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, kind TEXT NOT NULL, seq INTEGER NOT NULL,
            at REAL NOT NULL, data TEXT NOT NULL, PRIMARY KEY (run, kind, seq)) WITHOUT ROWID""",
    ),
    (
        # When it was deleted, the same for all runs of one deletion; NULL for a run that is not deleted.
        "ALTER TABLE runs ADD COLUMN deleted REAL",
        # See epoch_blocks.py.
        """CREATE TABLE blocks (
            run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, block INTEGER NOT NULL, seq INTEGER NOT NULL,
            names TEXT NOT NULL, numbers BLOB NOT NULL, PRIMARY KEY (run, block))""",
    ),
    (
        # What users write on a run; `tags` is a JSON list.
        "ALTER TABLE runs ADD COLUMN tags TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE runs ADD COLUMN notes TEXT NOT NULL DEFAULT ''",
        # The sweep that a run is a trial of, its number there from 0, and "pruned" where the sweep gave it up.
        "ALTER TABLE runs ADD COLUMN sweep TEXT",
        "ALTER TABLE runs ADD COLUMN trial INTEGER",
        "ALTER TABLE runs ADD COLUMN verdict TEXT",
        "CREATE INDEX runs_by_sweep ON runs (sweep) WHERE sweep IS NOT NULL",
        # `recipe` holds the sweep's configuration, `budget` its bounds, `seconds` how long it has searched so far.
        """CREATE TABLE sweeps (
            id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, state TEXT NOT NULL,
            created REAL NOT NULL, ended REAL, seconds REAL NOT NULL DEFAULT 0,
            writer TEXT NOT NULL, owner TEXT, recipe TEXT NOT NULL, budget TEXT NOT NULL, error TEXT)""",
    ),
    (
        # On a shared server: 1 if visitors other than its owner may see it.
        "ALTER TABLE runs ADD COLUMN shared INTEGER NOT NULL DEFAULT 0",
    ),
    (
        # Summaries as numbers, see summary.py.
        "UPDATE runs SET summary = packed_summary(summary)",
    ),
    (
        # As of runs: the same moment as that of its runs, if they were deleted with it.
        "ALTER TABLE sweeps ADD COLUMN deleted REAL",
    ),
)


def connect(path: Path, *, busy_seconds: float) -> sqlite3.Connection:
    """A connection that opens no transaction by itself and waits `busy_seconds` for other connections' locks."""
    db = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA foreign_keys=ON")
    db.execute("PRAGMA synchronous=NORMAL")
    return db


def teach(db: sqlite3.Connection) -> None:
    """Register the SQL functions that migrations call."""
    db.create_function("packed_summary", 1, _packed_summary)


def prepare(path: Path, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Make the file a store of this version: create it, migrate it, or refuse it.

    Raises:
        StoreError: the file is not a store, or a newer fitdash wrote it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = connect(path, busy_seconds=BUSY_SECONDS)
        try:
            _migrate(db, path, migrations)
        finally:
            db.close()
    except (sqlite3.DatabaseError, OSError) as error:
        raise StoreError(f"{path} must be a fitdash store that can be opened, got: {error}.") from error


def _migrate(db: sqlite3.Connection, path: Path, migrations: Sequence[Sequence[str]]) -> None:
    if _version(db, path, len(migrations)) < len(migrations):
        _keep_copy(db, path)
        teach(db)
        db.execute("BEGIN IMMEDIATE")
        # Read again: another process may have migrated it while this process waited.
        for statements in migrations[_version(db, path, len(migrations)) :]:
            for statement in statements:
                db.execute(statement)
        db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        db.execute(f"PRAGMA user_version={len(migrations)}")
        db.execute("COMMIT")
    _write_ahead(db)


def _write_ahead(db: sqlite3.Connection) -> None:
    """Switch on WAL, so that readers go on while a process writes.

    Retried, because SQLite does not wait where other processes open a new file at the same time.
    """
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _packed_summary(text: str) -> str | bytes:
    """The summary packed; an unreadable text stays as it is, so that one run does not stop the migration."""
    with suppress(ValueError, TypeError, AttributeError):
        return pack_summary(decode(text))
    return text


def _version(db: sqlite3.Connection, path: Path, newest: int) -> int:
    """The version of the store in this file, 0 for an empty file."""
    version, application, tables = db.execute(
        "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema)"
        " FROM pragma_user_version, pragma_application_id"
    ).fetchone()
    if tables and application != APPLICATION_ID:
        raise StoreError(f"{path} must be a fitdash store, got another program's SQLite file.")
    if version > newest:
        raise StoreError(
            f"{path} must be of version {newest} or older, got version {version}. "
            "A newer fitdash wrote it: upgrade, or set FITDASH_HOME to another folder."
        )
    return int(version)


def _keep_copy(db: sqlite3.Connection, path: Path) -> None:
    """Copy an older store to a file beside it, before it is migrated."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version:
        copy = sqlite3.connect(path.with_name(f"{path.stem}.v{version}.db"))
        with copy:
            db.backup(copy)
        copy.close()
