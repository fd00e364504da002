"""`fitdash runs`: the record of runs on the command line, without torch and without the dashboard."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from fitdash.cli.command_group import DefaultCommandGroup
from fitdash.errors import FitdashError, StoreError
from fitdash.runs.protocol.events import ACTIVE, ENDED
from fitdash.runs.record.deletion import Deletion
from fitdash.runs.record.disk_quota import size_of_runs
from fitdash.runs.record.history import history_of
from fitdash.runs.record.records import RunRecord
from fitdash.runs.record.run_text import describe_run, run_table, run_to_dict, to_strict_json, uid_prefix_length
from fitdash.runs.record.store import Store
from fitdash.runs.record.sweeps import all_sweeps
from fitdash.runs.record.uploads import remove_unused_uploads, unused_uploads

SHOWN = 20

as_json_flag = click.option("--json", "is_json", is_flag=True, help="Print JSON.")


@click.group(cls=DefaultCommandGroup, first="list")
def runs() -> None:
    """List, show, export and delete recorded runs.

    A run is named by its uid or by as much of its beginning as no other run has. Without a command it lists them.
    """


@runs.command("list")
@click.option("--state", "states", multiple=True, type=click.Choice([*ACTIVE, *ENDED]), help="Only in this state.")
@click.option("-n", "--limit", type=click.IntRange(min=1), help=f"At most so many; {SHOWN}, or all as JSON.")
@click.option("--all", "is_all", is_flag=True, help="All of them.")
@click.option("--deleted", is_flag=True, help="Those that `undo` can bring back.")
@as_json_flag
def list_runs(states: tuple[str, ...], limit: int | None, is_all: bool, deleted: bool, is_json: bool) -> None:
    """The runs, the newest first."""
    with open_store() as store:
        everything = store.lines(states=states or None, deleted=deleted)
        shown = everything if is_all else everything[: limit or (None if is_json else SHOWN)]
        if is_json:
            click.echo(to_strict_json([run_to_dict(run) for run in shown]))
            return
        lines = run_table(shown, store.beginning("") + store.beginning("", deleted=True), now=time.time())
    more = len(everything) - len(shown)
    click.echo("\n".join(lines) if shown else _nothing(states, deleted))
    if more:
        click.echo(f"… and {more:,} older: --all shows them.")


@runs.command()
@click.argument("uid")
@as_json_flag
def show(uid: str, is_json: bool) -> None:
    """Tell all about a run but its epochs."""
    with open_store() as store:
        run = _find_run(store, uid)
        events = [row.data for row in store.events(run.uid, "told")]
    if is_json:
        more = {"params": run.params, "experiment": run.experiment, "events": events, "traceback": run.traceback}
        click.echo(to_strict_json({**run_to_dict(run), **more}))
    else:
        click.echo("\n".join(describe_run(run, now=time.time())))


@runs.command()
@click.argument("uid")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), help="By the ending of FILE; else csv.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; else printed.")
@click.option("--json", "is_json", is_flag=True, help="The same as --format json.")
def export(uid: str, form: str | None, output: Path | None, is_json: bool) -> None:
    """The epochs of a run, as `history.to_csv` and `history.to_json` give them.

    CSV: one row per epoch, counted from 1. JSON: history, epoch (from 0), params, seconds and events.
    """
    if is_json and form == "csv":
        raise click.UsageError("--json must not be combined with --format csv. Leave one of them out.")
    ending = output.suffix.lower().removeprefix(".") if output else ""
    form = "json" if is_json else form or (ending if ending in ("csv", "json") else "csv")
    with open_store() as store:
        history = history_of(store, _find_run(store, uid).uid)
        text = (history.to_json if form == "json" else history.to_csv)(output)
    if text is not None:
        # As bytes: the line ends stay as they are everywhere.
        click.echo(text.encode(), nl=form == "json")


@runs.command()
@click.argument("uids", metavar="UID...", nargs=-1, required=True)
@as_json_flag
def delete(uids: tuple[str, ...], is_json: bool) -> None:
    """Hide runs that have ended; `fitdash runs undo` brings them back."""
    with open_store() as store:
        chosen, problems = [], []
        for uid in uids:
            try:
                chosen.append(_find_run(store, uid).uid)
            except StoreError as error:
                problems.append(str(error))
        if problems:
            raise StoreError("\n".join(problems))
        chosen = list(dict.fromkeys(chosen))
        store.delete(chosen)
    print_outcome("deleted", Deletion(chosen, []), is_json, "`fitdash runs undo` brings {them} back.")


@runs.command()
@click.option("--days", type=click.FloatRange(min=0), default=30.0, show_default=True, help="Ended longer ago.")
@click.option("--keep", type=click.IntRange(min=0), default=0, help="Keep the newest so many all the same.")
@click.option("--dry-run", is_flag=True, help="Only tell which.")
@as_json_flag
def clean(days: float, keep: int, dry_run: bool, is_json: bool) -> None:
    """Delete old runs that have ended; `undo` brings them back, `purge` gives their room back.

    Their uploads go with `purge`, too, where no other run uses them. Nothing is ever cleaned unasked.
    """
    with open_store() as store:
        ended = store.lines(states=ENDED)[keep:]
        old = [run.uid for run in ended if time.time() - (run.ended or run.created) > days * 86_400]
        size = size_of_runs(store.path.parent, old)
        if old and not dry_run:
            store.delete(old)
    if is_json:
        click.echo(to_strict_json({"would_delete" if dry_run else "deleted": old, "bytes": size}))
        return
    click.echo(
        f"{'Would delete' if dry_run else 'Deleted'} {format_count(len(old))}; their files take {size / 1e6:,.1f} MB."
    )
    if old and not dry_run:
        click.echo("`fitdash runs purge` gives that room back, `fitdash runs undo` brings the runs back.")


@runs.command()
@as_json_flag
def undo(is_json: bool) -> None:
    """Bring back what the last delete took; again, what the one before took."""
    with open_store() as store:
        back = store.undelete()
    if not back.runs:
        raise click.ClickException("A run must be deleted to be brought back, and none is. Purged runs are gone.")
    print_outcome("restored", back, is_json)


@runs.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--days", type=click.FloatRange(min=0), default=1.0, show_default=True, help="Of uploads: unused so long."
)
@as_json_flag
def purge(yes: bool, days: float, is_json: bool) -> None:
    """Remove deleted runs and sweeps for good, and uploads that none of them uses; gives their room back.

    An upload stays as long as a run or a sweep is made with it, and where somebody asked for it within the last hour.
    Asks first where it is called from a terminal.
    """
    with open_store() as store:
        old = Deletion(store.beginning("", deleted=True), [one.uid for one in all_sweeps(store, deleted=True)])
        if not yes and _is_interactive() and (any(old) or unused_uploads(store, days=days)):
            which = _counts(old) if any(old) else "uploads that no run uses"
            click.confirm(f"Remove {which} for good?", abort=True, err=True)
        purged, uploads = store.purge(), remove_unused_uploads(store, days=days)
    size = sum(upload.size_bytes for upload in uploads)
    if is_json:
        contents = [upload.content for upload in uploads]
        facts = {"purged": purged.runs, "sweeps": purged.sweeps}
        click.echo(to_strict_json({**facts, "uploads": contents, "upload_bytes": size}))
        return
    print_outcome("purged", purged, is_json)
    if uploads:
        click.echo(f"Removed {format_count(len(uploads), 'upload')}, {size / 1e6:,.1f} MB.")


@runs.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@as_json_flag
def backup(file: Path, force: bool, is_json: bool) -> None:
    """Copy the record of all runs into FILE, also while runs train.

    Put in place of `runs.db` it is the record again. Uploaded data and checkpoints are not in it.
    """
    with open_store() as store:
        if file.exists() and not force:
            raise StoreError(f"FILE must not be there yet, got {file}. Name another one, or overwrite it with --force.")
        store.backup(file, replace=force)
    size = file.stat().st_size
    click.echo(to_strict_json({"file": str(file), "bytes": size}) if is_json else f"{file} has {size:,} bytes.")


@contextmanager
def open_store() -> Iterator[Store]:
    """The store; its errors and those of the file system end the command with their message."""
    try:
        with Store() as store:
            # Marks runs whose process died as interrupted; if the store is locked, a later command does it.
            with suppress(StoreError):
                store.reap()
            yield store
    except (FitdashError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _find_run(store: Store, beginning: str) -> RunRecord:
    """The run with this uid, or the only one whose uid begins with it.

    Raises:
        StoreError: no run has such a uid, or several have.
    """
    known = [beginning] if store.run(beginning) else store.beginning(beginning) if beginning else []
    run = store.run(known[0]) if len(known) == 1 else None
    if run:
        return run
    if known:
        width = uid_prefix_length(known)
        some = ", ".join(uid[:width] for uid in known[:5]) + (", …" if len(known) > 5 else "")
        raise StoreError(f"UID must begin one run's uid, got {beginning!r}, which {len(known)} begin with: {some}.")
    if beginning and store.beginning(beginning, deleted=True):
        raise StoreError(
            f"UID must be of a run that is there, got {beginning!r}, which is deleted. `fitdash runs undo` brings back"
            " what the last delete took."
        )
    raise StoreError(f"UID must begin a run's uid, got {beginning!r}. `fitdash runs` lists them.")


def _is_interactive() -> bool:
    """Whether the command runs in a terminal, so that the user can confirm."""
    return sys.stdin.isatty()


def print_outcome(done: str, which: Deletion, is_json: bool, more: str = "") -> None:
    """Prints which runs and sweeps were deleted, restored or purged."""
    if is_json:
        # Without sweeps the output is the same as before fitdash had them.
        click.echo(to_strict_json({done: which.runs} | ({"sweeps": which.sweeps} if which.sweeps else {})))
        return
    uids = [*which.sweeps, *which.runs]
    click.echo(f"{done.capitalize()} {_counts(which)}{': ' if uids else ''}{', '.join(uids)}.")
    if more:
        click.echo(more.format(them="it" if len(uids) == 1 else "them"))


def _counts(which: Deletion) -> str:
    sweeps = [format_count(len(which.sweeps), "sweep")] if which.sweeps else []
    runs = [format_count(len(which.runs))] if which.runs or not which.sweeps else []
    return " and ".join([*sweeps, *runs])


def format_count(count: int, what: str = "run") -> str:
    """A count with its noun: "1 run", "2 runs"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _nothing(states: tuple[str, ...], deleted: bool) -> str:
    """The message in place of an empty list of runs."""
    if deleted:
        return "No run is deleted."
    return (
        "No run is in this state." if states else "No run is recorded yet. `fitdash` opens the dashboard to train one."
    )
