"""Sweeps in the record: what is searched, how, and whether it goes on. Their trials are ordinary runs."""

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
        error: What made it fail, or why it pauses.
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
        """Somebody searches."""
        return self.state in ACTIVE

    @property
    def was_cut_off(self) -> bool:
        """A server carried it out and ended meanwhile; nobody wanted the sweep to end."""
        return self.state == "interrupted" and self.writer.startswith(DASHBOARD_ROLE)

    @cached_property
    def recipe(self) -> Mapping[str, Any]:
        """What is searched and how: experiment, space, objective, sampler, pruner …"""
        return dict(decode(self.recipe_text))

    @cached_property
    def budget(self) -> Mapping[str, Any]:
        """How long: "trials", "seconds"; None for no limit."""
        return dict(decode(self.budget_text))


def all_sweeps(store: Store, *, owner: str | None = None, deleted: bool = False) -> list[SweepRecord]:
    """The sweeps, the newest first; only one owner's if asked.

    Args:
        deleted: Those that `Store.undelete` can bring back, the last deletion first.
    """
    where, order = ("deleted IS NOT NULL", "deleted DESC, id DESC") if deleted else ("deleted IS NULL", "id DESC")
    where, values = (f"{where} AND owner = ?", [owner]) if owner is not None else (where, [])
    rows = store.read_rows(f"SELECT {COLUMNS} FROM sweeps WHERE {where} ORDER BY {order}", values)
    return [SweepRecord(*row) for row in rows]


def run_counts(store: Store) -> dict[str, int]:
    """How many runs each sweep has, by its uid; of a deleted one, those that were deleted with it."""
    return dict(
        store.read_rows(
            "SELECT sweeps.uid, count(runs.id) FROM sweeps"
            " LEFT JOIN runs ON runs.sweep = sweeps.uid AND runs.deleted IS sweeps.deleted GROUP BY sweeps.uid"
        )
    )


def delete_sweeps(store: Store, uids: Sequence[str], *, with_runs: bool = True) -> Deletion:
    """Hide sweeps and their runs from everybody, all or none, until `Store.undelete` or `Store.purge`.

    Args:
        with_runs: Else their runs stay.

    Raises:
        StoreError: one is unknown, or it or one of its runs has not ended.
    """
    with store.write_transaction(durable=True) as db:
        return deletion.delete_sweeps(db, uids, with_runs=with_runs)


def find_sweep(store: Store, uid: str) -> SweepRecord:
    """This sweep.

    Raises:
        StoreError: there is no such sweep.
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
    """A new sweep that this writer's process searches."""
    with store.write_transaction(durable=True) as db:
        db.execute(
            "INSERT INTO sweeps (uid, name, state, created, writer, owner, recipe, budget)"
            " VALUES (?, ?, 'running', ?, ?, ?, ?, ?)",
            [uid, name, time.time(), writer, owner, encode(recipe), encode(budget)],
        )
    return find_sweep(store, uid)


def claim_sweep(store: Store, uid: str, writer: str, budget: Mapping[str, Any]) -> SweepRecord:
    """Go on with a sweep that nobody searches; only one of several who try at once gets it.

    Raises:
        StoreError: there is no such sweep, or somebody searches.
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
    """Note why no trial begins for now, or with None that they begin again; one that is to stop still is."""
    with store.write_transaction(durable=False) as db:
        db.execute(
            "UPDATE sweeps SET state=?, error=? WHERE uid=? AND state IN ('running', 'paused')",
            ["running" if why is None else "paused", why, uid],
        )


def note_seconds(store: Store, uid: str, seconds: float) -> None:
    """Note how long it has searched, so that a budget of seconds outlives the process."""
    with store.write_transaction(durable=False) as db:
        db.execute("UPDATE sweeps SET seconds=? WHERE uid=?", [seconds, uid])


def ask_to_stop(store: Store, uid: str) -> None:
    """Ask whoever searches, in this process or another, to stop; what trains is stopped within a second.

    Raises:
        StoreError: there is no such sweep.
    """
    find_sweep(store, uid)
    with store.write_transaction(durable=True) as db:
        db.execute("UPDATE sweeps SET state='stopping' WHERE uid=? AND state IN ('running', 'paused')", [uid])


def change_budget(store: Store, uid: str, budget: Mapping[str, Any]) -> None:
    """Let it search for longer, or less long; who searches heeds it within a second.

    Raises:
        StoreError: there is no such sweep.
    """
    find_sweep(store, uid)
    with store.write_transaction(durable=True) as db:
        db.execute("UPDATE sweeps SET budget=? WHERE uid=?", [encode(budget), uid])


def rename_sweep(store: Store, uid: str, name: str) -> None:
    """Give a sweep another name.

    Raises:
        StoreError: there is no such sweep.
    """
    find_sweep(store, uid)
    with store.write_transaction(durable=False) as db:
        db.execute("UPDATE sweeps SET name=? WHERE uid=?", [name, uid])


def newest_run_per_trial(runs: Sequence[Any]) -> list[Any]:
    """Of the runs of a sweep, the newest of each trial, in the order of their numbers.

    Args:
        runs: The newest first, as `Store.runs` gives them.
    """
    newest: dict[int, Any] = {}
    for run in runs:
        if run.trial is not None:
            newest.setdefault(run.trial, run)
    return [newest[number] for number in sorted(newest)]


def most_interrupted_attempts(runs: Sequence[Any]) -> int:
    """How often a trial of a sweep was begun whose run was cut off each time, the one with which that was most often.

    Args:
        runs: As `newest_of_each` takes them.
    """
    cut = {run.trial for run in newest_run_per_trial(runs) if run.state == "interrupted"}
    times = Counter(run.trial for run in runs if run.trial in cut and run.state == "interrupted")
    return max(times.values(), default=0)
