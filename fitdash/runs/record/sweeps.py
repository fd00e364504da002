"""Sweeps in the record: configuration, budget and state. Their trials are ordinary runs."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fitdash.errors import StoreError
from fitdash.runs.protocol.events import ACTIVE
from fitdash.runs.protocol.json_codec import decode, encode
from fitdash.runs.record import deletion
from fitdash.runs.record.deletion import Deletion
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import DASHBOARD_ROLE

COLUMNS = "uid, name, state, created, ended, seconds, writer, owner, recipe, budget, error"


@dataclass(frozen=True)
class SweepRecord:
    """One sweep as the store knows it.

    Attributes:
        state: "running", "paused", "stopping", "stopped", "finished", "failed" or "interrupted".
        seconds: How long it has searched, over all its starts.
        error: Why it failed, or why it pauses.
    """

    uid: str
    name: str
    state: str
    created: float
    ended: float | None
    seconds: float
    writer: str
    owner: str | None
    recipe_text: str
    budget_text: str
    error: str | None

    @property
    def is_active(self) -> bool:
        """True while a process searches."""
        return self.state in ACTIVE

    @property
    def was_cut_off(self) -> bool:
        """True if the server that ran it ended before the sweep did, without a stop by a user."""
        return self.state == "interrupted" and self.writer.startswith(DASHBOARD_ROLE)

    @cached_property
    def recipe(self) -> Mapping[str, Any]:
        """The configuration as plain values: experiment, space, objective, sampler, pruner, …; see `SweepConfig`."""
        return dict(decode(self.recipe_text))

    @cached_property
    def budget(self) -> Mapping[str, Any]:
        """The bounds "trials" and "seconds"; None for no bound."""
        return dict(decode(self.budget_text))


def all_sweeps(store: Store, *, owner: str | None = None, deleted: bool = False) -> list[SweepRecord]:
    """The sweeps, the newest first; only those of an owner, where given.

    Args:
        deleted: The deleted sweeps that `Store.undelete` can bring back, the last deletion first.
    """
    where, order = ("deleted IS NOT NULL", "deleted DESC, id DESC") if deleted else ("deleted IS NULL", "id DESC")
    where, values = (f"{where} AND owner = ?", [owner]) if owner is not None else (where, [])
    rows = store.read_rows(f"SELECT {COLUMNS} FROM sweeps WHERE {where} ORDER BY {order}", values)
    return [SweepRecord(*row) for row in rows]


def run_counts(store: Store) -> dict[str, int]:
    """Number of runs of each sweep, by its uid; of a deleted sweep, those that were deleted with it."""
    return dict(
        store.read_rows(
            "SELECT sweeps.uid, count(runs.id) FROM sweeps"
            " LEFT JOIN runs ON runs.sweep = sweeps.uid AND runs.deleted IS sweeps.deleted GROUP BY sweeps.uid"
        )
    )


def delete_sweeps(store: Store, uids: Sequence[str], *, with_runs: bool = True) -> Deletion:
    """Hide sweeps and their runs, all or none, until `Store.undelete` or `Store.purge`.

    Args:
        with_runs: False leaves their runs visible.

    Raises:
        StoreError: a sweep is unknown, or a sweep or one of its runs has not ended.
    """
    with store.write_transaction(durable=True) as db:
        return deletion.delete_sweeps(db, uids, with_runs=with_runs)


def find_sweep(store: Store, uid: str) -> SweepRecord:
    """The sweep.

    Raises:
        StoreError: the sweep is unknown or deleted.
    """
    rows = store.read_rows(f"SELECT {COLUMNS} FROM sweeps WHERE uid = ? AND deleted IS NULL", [uid])
    if not rows:
        raise StoreError(f"{store.path} must know the sweep, got {uid!r}.")
    return SweepRecord(*rows[0])


def create_sweep(
    store: Store,
    uid: str,
    *,
    name: str,
    recipe: Mapping[str, Any],
    budget: Mapping[str, Any],
    writer: str,
    owner: str | None = None,
) -> SweepRecord:
    """Record a new sweep, which the process of this writer searches."""
    with store.write_transaction(durable=True) as db:
        db.execute(
            "INSERT INTO sweeps (uid, name, state, created, writer, owner, recipe, budget)"
            " VALUES (?, ?, 'running', ?, ?, ?, ?, ?)",
            [uid, name, time.time(), writer, owner, encode(recipe), encode(budget)],
        )
    return find_sweep(store, uid)


def claim_sweep(store: Store, uid: str, writer: str, budget: Mapping[str, Any]) -> SweepRecord:
    """Make a sweep that has ended this writer's; of several writers that try at once, exactly one succeeds.

    Raises:
        StoreError: the sweep is unknown, or a process searches it.
    """
    found = find_sweep(store, uid)
    with store.write_transaction(durable=True) as db:
        taken = db.execute(
            f"UPDATE sweeps SET state='running', writer=?, budget=?, ended=NULL, error=NULL"
            f" WHERE uid=? AND deleted IS NULL AND state NOT IN {ACTIVE}",
            [writer, encode(budget), uid],
        ).rowcount
    if not taken:
        raise StoreError(f"A sweep must have ended to go on, got one that is {found.state}.")
    return find_sweep(store, uid)


def tell_pause(store: Store, uid: str, why: str | None) -> None:
    """Mark the sweep as paused with this reason, or with None as running again; a sweep that is stopping stays so."""
    with store.write_transaction(durable=False) as db:
        db.execute(
            "UPDATE sweeps SET state=?, error=? WHERE uid=? AND state IN ('running', 'paused')",
            ["running" if why is None else "paused", why, uid],
        )


def note_seconds(store: Store, uid: str, seconds: float) -> None:
    """Store how long the sweep has searched, so that a budget of seconds outlives the process."""
    with store.write_transaction(durable=False) as db:
        db.execute("UPDATE sweeps SET seconds=? WHERE uid=?", [seconds, uid])


def ask_to_stop(store: Store, uid: str) -> None:
    """Let the process that searches stop the sweep; it stops its trials within a second.

    Raises:
        StoreError: the sweep is unknown.
    """
    find_sweep(store, uid)
    with store.write_transaction(durable=True) as db:
        db.execute("UPDATE sweeps SET state='stopping' WHERE uid=? AND state IN ('running', 'paused')", [uid])


def change_budget(store: Store, uid: str, budget: Mapping[str, Any]) -> None:
    """Change the budget of a sweep; the process that searches heeds it within a second.

    Raises:
        StoreError: the sweep is unknown.
    """
    find_sweep(store, uid)
    with store.write_transaction(durable=True) as db:
        db.execute("UPDATE sweeps SET budget=? WHERE uid=?", [encode(budget), uid])


def newest_run_per_trial(runs: Sequence[Any]) -> list[Any]:
    """The newest run of each trial of a sweep, in the order of the trials.

    Args:
        runs: The runs of the sweep, the newest first, as `Store.runs` gives them.
    """
    newest: dict[int, Any] = {}
    for run in runs:
        if run.trial is not None:
            newest.setdefault(run.trial, run)
    return [newest[number] for number in sorted(newest)]


def most_interrupted_attempts(runs: Sequence[Any]) -> int:
    """The largest number of interrupted runs of a trial whose newest run was interrupted too; 0 without such a trial.

    Args:
        runs: As `newest_run_per_trial` takes them.
    """
    cut = {run.trial for run in newest_run_per_trial(runs) if run.state == "interrupted"}
    times = Counter(run.trial for run in runs if run.trial in cut and run.state == "interrupted")
    return max(times.values(), default=0)
