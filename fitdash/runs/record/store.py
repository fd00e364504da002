"""The record of all runs: one SQLite file that several processes read and write."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fitdash.errors import StoreError, UnwritableError
from fitdash.runs.protocol.events import ACTIVE, ENDED, Changed, Event, SweepEnded
from fitdash.runs.protocol.json_codec import decode, decode_all
from fitdash.runs.protocol.paths import store_path
from fitdash.runs.record import deletion, epoch_blocks, process_lock, schema
from fitdash.runs.record.deletion import Deletion, RecordKind
from fitdash.runs.record.event_rows import append_events, end_sweep, tags_text
from fitdash.runs.record.records import LINE_COLUMNS, RUN_COLUMNS, EpochRow, EventRow, RunLine, RunRecord
from fitdash.runs.record.store_backup import back_up

# Where the store is locked longer than this, the writer thread keeps its events in memory and tries again.
BUSY_SECONDS = 1.0


class Store:
    """The runs and sweeps in one file.

    One connection writes, another reads; each is used by one thread at a time. No reader holds a transaction, so that
    the write-ahead log can always be folded back into the file.

    Args:
        path: The file; created if missing. Default: the user's store.

    Raises:
        StoreError: the file is not a store, or a newer fitdash wrote it.
    """

    def __init__(self, path: str | Path | None = None, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = Path(path) if path is not None else store_path()
        schema.prepare(self.path)
        self._writes = schema.connect(self.path, busy_seconds=busy_seconds)
        self._reads = schema.connect(self.path, busy_seconds=10)
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()

    def close(self) -> None:
        with self._write_lock, self._read_lock:
            self._writes.close()
            self._reads.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def write(self, events: Sequence[Event]) -> None:
        """Write these events, all or none; the end of a run or a sweep also survives a power cut.

        Raises:
            UnwritableError: it cannot be written now: the file is locked, the disk is full, …
        """
        sweep_ends = [event for event in events if isinstance(event, SweepEnded)]
        ends = bool(sweep_ends) or any(isinstance(event, Changed) and event.state in ENDED for event in events)
        by_run: dict[str, list[Event]] = {}
        for event in events:
            if not isinstance(event, SweepEnded):
                by_run.setdefault(event.uid, []).append(event)
        with self.write_transaction(durable=ends) as db:
            for uid, of_run in by_run.items():
                append_events(db, uid, of_run)
            for end in sweep_ends:
                end_sweep(db, end)

    def reap(self) -> list[str]:
        """Mark the runs and sweeps of dead processes as interrupted; returns the uids of the runs."""
        active = (
            f"SELECT writer FROM runs WHERE state IN {ACTIVE} UNION SELECT writer FROM sweeps WHERE state IN {ACTIVE}"
        )
        writers = [row[0] for row in self.read_rows(active)]
        dead = [writer for writer in writers if not process_lock.is_held(self.lock_path(writer))]
        if not dead:
            return []
        unknown = ",".join("?" * len(dead))
        with self.write_transaction(durable=True) as db:
            reaped = db.execute(
                "UPDATE runs SET state='interrupted', seq=seq+1,"
                " ended=max(created, coalesce(started, 0),"
                "           coalesce((SELECT max(at) FROM epochs WHERE run=runs.id), 0))"
                f" WHERE state IN {ACTIVE} AND writer IN ({unknown}) RETURNING uid",
                dead,
            ).fetchall()
            db.execute(
                f"UPDATE sweeps SET state='interrupted', error=NULL WHERE state IN {ACTIVE} AND writer IN ({unknown})",
                dead,
            )
        for writer in dead:
            self.lock_path(writer).unlink(missing_ok=True)
        return [row[0] for row in reaped]

    def annotate(
        self, uid: str, *, name: str | None = None, tags: Sequence[str] | None = None, notes: str | None = None
    ) -> None:
        """Change name, tags and notes of a run at once; None leaves a value as it is.

        Args:
            tags: Each is kept once; empty tags are dropped.

        Raises:
            StoreError: the run is unknown.
        """
        given = {"name": name, "tags": None if tags is None else tags_text(tags), "notes": notes}
        self._annotate(uid, **{column: value for column, value in given.items() if value is not None})

    def share(self, uid: str, is_shared: bool) -> None:
        """Let visitors other than its owner see the run, or no longer.

        Raises:
            StoreError: the run is unknown.
        """
        self._annotate(uid, shared=int(is_shared))

    def lock_path(self, writer: str) -> Path:
        """The file that the process of this writer keeps locked while it lives."""
        return self.path.parent / "writers" / f"{writer}.lock"

    def revision(self) -> int:
        """A number that changes with each commit, of this process's writer too; reading it takes microseconds."""
        return int(self.read_rows("PRAGMA data_version")[0][0])

    def delete(self, uids: Sequence[str]) -> None:
        """Hide these runs, all or none, until `undelete` or `purge`.

        Raises:
            StoreError: a run is unknown or has not ended.
        """
        with self.write_transaction(durable=True) as db:
            deletion.delete(db, uids)

    def undelete(self, of: RecordKind = "runs") -> Deletion:
        """Bring back the latest deletion, at the next call the deletion before it, …; returns what is back.

        Args:
            of: Only deletions that hid runs, or sweeps, are considered.
        """
        with self.write_transaction(durable=True) as db:
            return deletion.undelete(db, of)

    def purge(self) -> Deletion:
        """Remove deleted runs and sweeps with their files for good, and shrink the store; returns what is removed."""
        with self.write_transaction(durable=True) as db:
            purged = deletion.purge(db)
        deletion.remove_files(self.path.parent, purged.runs)
        if any(purged):
            # Where another connection reads just now the file keeps its size, and later runs use the space.
            with self._write_lock, suppress(sqlite3.OperationalError):
                self._writes.execute("VACUUM")
        return purged

    def backup(self, path: str | Path, *, replace: bool = False) -> None:
        """Copy the store as it is now into this file while other processes write; see `back_up`."""
        back_up(self.path, Path(path), replace=replace)

    def runs(
        self, *, owner: str | None = None, states: Sequence[str] | None = None, sweep: str | None = None
    ) -> list[RunRecord]:
        """The runs, the newest first; only those of an owner, in these states, or of a sweep, where given."""
        where, values = _where(owner, states, sweep)
        rows = self.read_rows(f"SELECT {RUN_COLUMNS} FROM runs WHERE {where} ORDER BY id DESC", values)
        return [RunRecord.of(row) for row in rows]

    def lines(
        self,
        *,
        owner: str | None = None,
        states: Sequence[str] | None = None,
        limit: int | None = None,
        deleted: bool = False,
    ) -> list[RunLine]:
        """The runs as a list shows them, the newest first: with the columns of `RunLine` only.

        Args:
            limit: Bound on their number.
            deleted: The deleted runs that `undelete` can bring back, the last deletion first.
        """
        where, values = _where(owner, states, deleted=deleted)
        order = "deleted DESC, id DESC" if deleted else "id DESC"
        rows = self.read_rows(
            f"SELECT {LINE_COLUMNS} FROM runs WHERE {where} ORDER BY {order} LIMIT ?",
            [*values, -1 if limit is None else limit],
        )
        return list(map(RunLine._make, rows))

    def beginning(self, prefix: str, *, deleted: bool = False) -> list[str]:
        """The uids that begin with this prefix, the newest run first."""
        where, _ = _where(deleted=deleted)
        query = f"SELECT uid FROM runs WHERE {where} AND substr(uid, 1, ?) = ? ORDER BY id DESC"
        return [row[0] for row in self.read_rows(query, [len(prefix), prefix])]

    def run(self, uid: str) -> RunRecord | None:
        """The run; None if it is unknown or deleted."""
        rows = self.read_rows(f"SELECT {RUN_COLUMNS} FROM runs WHERE uid = ? AND deleted IS NULL", [uid])
        return RunRecord.of(rows[0]) if rows else None

    def epochs(self, uid: str, *, since: int = 0) -> list[EpochRow]:
        """The run's finished epochs in order, those whose `seq` is above `since`; cached, so do not change them."""
        return epoch_blocks.epoch_rows(self.read_rows(epoch_blocks.SELECT_EPOCHS, {"uid": uid, "since": since}), since)

    def events(self, uid: str, *kinds: str, since: int = 0) -> list[EventRow]:
        """The run's other events in order, of these kinds; default: "told", "printed", "batch" and "partial"."""
        kinds = kinds or ("told", "printed", "batch", "partial")
        rows = self.read_rows(
            "SELECT events.seq, kind, at, data FROM events JOIN runs ON runs.id = run WHERE uid = ?"
            f" AND deleted IS NULL AND kind IN ({','.join('?' * len(kinds))}) AND events.seq > ? ORDER BY events.seq",
            [uid, *kinds, since],
        )
        data = decode_all(row[3] for row in rows)
        return [EventRow._make((*row[:3], facts)) for row, facts in zip(rows, data, strict=True)]

    def latest(self, uid: str, kind: str) -> EventRow | None:
        """The newest event of this kind; None if there is none."""
        rows = self.read_rows(
            "SELECT events.seq, kind, at, data FROM events JOIN runs ON runs.id = run"
            " WHERE uid = ? AND deleted IS NULL AND kind = ? ORDER BY events.seq DESC LIMIT 1",
            [uid, kind],
        )
        return EventRow._make((*rows[0][:3], decode(rows[0][3]))) if rows else None

    def texts(self, uid: str, *, since: int = 0) -> list[str]:
        """The lines that the run printed."""
        return [row.data for row in self.events(uid, "printed", since=since)]

    def read_rows(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that a query of the record's tables finds, read in one statement.

        Raises:
            StoreError: the file cannot be read.
        """
        with self._read_lock:
            try:
                return self._reads.execute(query, values).fetchall()
            except sqlite3.DatabaseError as error:
                raise StoreError(f"{self.path} cannot be read: {error}.") from error

    @contextmanager
    def write_transaction(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """The connection that writes, in a transaction: committed at the end, rolled back where the block raises.

        Args:
            durable: What was written also survives a power cut; costs one more wait for the disk.

        Raises:
            UnwritableError: not now: the file is locked, the disk is full, …
        """
        with self._write_lock:
            try:
                self._writes.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                # IMMEDIATE: a transaction that reads first and writes then fails at once where two do it.
                self._writes.execute("BEGIN IMMEDIATE")
                yield self._writes
                self._writes.execute("COMMIT")
            except sqlite3.OperationalError as error:
                raise UnwritableError(f"{self.path} cannot be written: {error}.") from error
            finally:
                if self._writes.in_transaction:
                    self._writes.execute("ROLLBACK")

    def _annotate(self, uid: str, **values: str | int) -> None:
        columns = "".join(f"{column} = ?, " for column in values)
        with self.write_transaction(durable=False) as db:
            changed = db.execute(
                f"UPDATE runs SET {columns} seq = seq + 1 WHERE uid = ?", [*values.values(), uid]
            ).rowcount
        if not changed:
            raise StoreError(f"{self.path} must know the run to change it, got {uid!r}.")


def _where(
    owner: str | None = None,
    states: Sequence[str] | None = None,
    sweep: str | None = None,
    *,
    deleted: bool = False,
) -> tuple[str, list[Any]]:
    """The condition of a query for these runs, and its values."""
    texts = ["deleted IS NOT NULL" if deleted else "deleted IS NULL"]
    if owner is not None:
        texts.append("owner = ?")
    if states is not None:
        texts.append(f"state IN ({','.join('?' * len(states))})")
    if sweep is not None:
        texts.append("sweep = ?")
    values = [*([] if owner is None else [owner]), *(states or ()), *([] if sweep is None else [sweep])]
    return " AND ".join(texts), values
