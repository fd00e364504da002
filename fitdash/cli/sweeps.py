"""`fitdash sweeps`: the sweeps of the record on the command line; their trials are runs, see `fitdash runs`."""

from typing import Any

import click

from fitdash.cli.command_group import DefaultCommandGroup
from fitdash.cli.runs import as_json_flag, format_count, open_store, print_outcome
from fitdash.errors import StoreError
from fitdash.runs.record import sweeps as record
from fitdash.runs.record.run_text import (
    align_columns,
    format_duration,
    format_time,
    one_line,
    to_iso_time,
    to_strict_json,
    uid_prefix_length,
)
from fitdash.runs.record.store import Store
from fitdash.runs.record.sweeps import SweepRecord


@click.group(cls=DefaultCommandGroup, first="list")
def sweeps() -> None:
    """List and delete recorded sweeps; `fitdash sweep FILE` begins one or goes on with it.

    A sweep is named by its uid or by as much of its beginning as no other sweep has. Without a command it lists them.
    """


@sweeps.command("list")
@click.option("--deleted", is_flag=True, help="Those that `undo` can bring back.")
@as_json_flag
def list_sweeps(deleted: bool, is_json: bool) -> None:
    """The sweeps, the newest first."""
    with open_store() as store:
        found, counts = record.all_sweeps(store, deleted=deleted), record.run_counts(store)
        width = uid_prefix_length(
            [*(one.uid for one in record.all_sweeps(store, deleted=not deleted)), *(s.uid for s in found)]
        )
    if is_json:
        click.echo(to_strict_json([_facts(one, counts[one.uid]) for one in found]))
        return
    if not found:
        click.echo("No sweep is deleted." if deleted else "No sweep is recorded yet. `fitdash sweep FILE` begins one.")
        return
    rows = [("sweep", "state", "runs", "created", "took", "name")]
    rows += [
        (
            one.uid[:width],
            one.state,
            f"{counts[one.uid]:,}",
            format_time(one.created),
            format_duration(one.seconds),
            one_line(one.name),
        )
        for one in found
    ]
    click.echo("\n".join(align_columns(rows, right=(2, 4))))


@sweeps.command()
@click.argument("uids", metavar="UID...", nargs=-1, required=True)
@click.option("--keep-runs", is_flag=True, help="Delete the sweeps alone; the runs of their trials stay.")
@as_json_flag
def delete(uids: tuple[str, ...], keep_runs: bool, is_json: bool) -> None:
    """Hide sweeps that have ended, and the runs of their trials; `fitdash sweeps undo` brings them back.

    The data that was uploaded for them can go with `fitdash runs purge` afterwards, where no other run uses it.
    """
    with open_store() as store:
        chosen, problems = [], []
        for uid in uids:
            try:
                chosen.append(_find_sweep_uid(store, uid))
            except StoreError as error:
                problems.append(str(error))
        if problems:
            raise StoreError("\n".join(problems))
        counts = record.run_counts(store)
        gone = record.delete_sweeps(store, chosen, with_runs=not keep_runs)
    print_outcome("deleted", gone, is_json, "`fitdash sweeps undo` brings {them} back.")
    kept = sum(counts[uid] for uid in gone.sweeps) - len(gone.runs)
    if kept and not is_json:
        click.echo(f"{format_count(kept)} of theirs {'stays' if kept == 1 else 'stay'}.")


@sweeps.command()
@as_json_flag
def undo(is_json: bool) -> None:
    """Bring back the sweeps and runs that the last delete of a sweep took; again, what the one before took."""
    with open_store() as store:
        back = store.undelete("sweeps")
    if not back.sweeps:
        raise click.ClickException("A sweep must be deleted to be brought back, and none is. Purged sweeps are gone.")
    print_outcome("restored", back, is_json)


def _find_sweep_uid(store: Store, beginning: str) -> str:
    """The uid of the sweep with this uid, or of the only one whose uid begins with it.

    Raises:
        StoreError: no sweep has such a uid, or several have.
    """
    known = [one.uid for one in record.all_sweeps(store) if beginning and one.uid.startswith(beginning)]
    known = [beginning] if beginning in known else known
    if len(known) == 1:
        return known[0]
    if known:
        some = ", ".join(uid[: uid_prefix_length(known)] for uid in known[:5]) + (", …" if len(known) > 5 else "")
        raise StoreError(f"UID must begin one sweep's uid, got {beginning!r}, which {len(known)} begin with: {some}.")
    if beginning and any(one.uid.startswith(beginning) for one in record.all_sweeps(store, deleted=True)):
        raise StoreError(
            f"UID must be of a sweep that is there, got {beginning!r}, which is deleted. `fitdash sweeps undo` brings "
            "back what the last delete took."
        )
    raise StoreError(f"UID must begin a sweep's uid, got {beginning!r}. `fitdash sweeps` lists them.")


def _facts(one: SweepRecord, runs: int) -> dict[str, Any]:
    """A sweep as plain data for JSON; times as ISO 8601 in UTC."""
    return {
        "uid": one.uid,
        "name": one.name,
        "state": one.state,
        "created": to_iso_time(one.created),
        "ended": to_iso_time(one.ended),
        "seconds": one.seconds,
        "runs": runs,
        "budget": dict(one.budget),
        "error": one.error,
    }
