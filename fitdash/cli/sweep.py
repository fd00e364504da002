"""`fitdash sweep`: searches the space that a TOML file describes; called again, it continues the same sweep."""

import json
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fitdash.errors import FitdashError, SettingError, StoreError
from fitdash.runs.protocol.json_codec import to_plain
from fitdash.runs.record.run_text import format_duration
from fitdash.runs.record.store import Store
from fitdash.settings.differences import setting_text

if TYPE_CHECKING:
    from fitdash.runs.record.sweeps import SweepRecord
    from fitdash.sweeps.config import SweepConfig
    from fitdash.sweeps.results import Sweep
    from fitdash.sweeps.trial import Trial


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option("--trials", type=click.IntRange(min=1), help="At most so many trials, over all starts.")
@click.option("--seconds", type=float, help="At most so long, over all starts.")
@click.option("--sampler", help="tpe, random, grid, quasi-random or cma-es.")
@click.option("--pruner", help="median, hyperband or none.")
@click.option("--workers", help="So many processes, 0 for this one, or the address of a Ray cluster.")
@click.option("--alone", is_flag=True, help="Train each trial by itself, also where several in one program are faster.")
@click.option("--new", "is_new", is_flag=True, help="Begin anew although the same search is in the record.")
@click.option("--json", "is_json", is_flag=True, help="Print a line of JSON for each trial that ends, then the best.")
def sweep(file: Path, alone: bool, is_new: bool, is_json: bool, workers: str | None, **given: Any) -> None:
    """Search the space that FILE describes.

    \b
    trials = 100
    [experiment.data]
    name = "digits"
    [experiment.fit]
    epochs = 20
    validation_data = {kind = "stratified", share = 0.2}
    [space]
    "compile.learning_rate" = "1e-4..1e-1 log"
    "network.width" = [16, 32, 64]

    Ctrl-C stops it; the same command goes on where it was. Options count in place of what FILE says; with more
    --trials a search that has finished goes on.
    """
    with _errors_as_messages():
        from fitdash.sweeps.config import parse_sweep_toml, plan_sweep

        experiment, arguments = parse_sweep_toml(_text_of(file))
        arguments |= {name: value for name, value in given.items() if value is not None}
        chosen = _workers(workers) if workers is not None else arguments.pop("workers", None)
        budget = {name: arguments.pop(name, None) for name in ("trials", "seconds")}
        name = arguments.pop("name", file.stem)
        how = {"workers": chosen, "together": bool(arguments.pop("together", True)) and not alone}
        recipe, bounds = plan_sweep(experiment, arguments.pop("space"), **budget, **arguments)
        _run_or_resume(recipe, bounds, name, how, is_new=is_new, is_json=is_json)


def _text_of(file: Path) -> str:
    """Content of the file.

    Raises:
        SettingError: it is not UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SettingError(f"A sweep's file must be text in UTF-8, got {file.name}: {error}.") from error


def _run_or_resume(
    recipe: "SweepConfig", budget: Any, name: str, how: dict[str, Any], *, is_new: bool, is_json: bool
) -> None:
    from fitdash.runs.record.writer import Writer
    from fitdash.sweeps.api import begin_sweep, resume_sweep, run_sweep
    from fitdash.sweeps.ensemble_groups import ensemble_size
    from fitdash.sweeps.executors import make_executor
    from fitdash.sweeps.results import Sweep

    with Store() as store:
        store.reap()
        known = None if is_new else _find_idle_sweep(store, recipe)
        if known is not None and _is_done(store, known, budget):
            _print_result(Sweep(store, known.uid), is_json=is_json, more="It was finished before. --trials extends it.")
            return
        place, writer = make_executor(how.pop("workers")), Writer(store)
        is_cut = False
        try:
            if known is None:
                record = begin_sweep(store, recipe, budget, name=name, writer=writer)
            else:
                limits = budget.to_dict()
                record = resume_sweep(
                    store, known.uid, writer=writer, trials=limits["trials"], seconds=limits["seconds"]
                )
            if not is_json:
                click.echo(f"{'Searching' if known is None else 'Going on with'} {record.name} ({record.uid}).")
                if how["together"] and (count := ensemble_size(recipe)) > 1:
                    click.echo(f"Up to {count} trials train together in one program; --alone trains each by itself.")
            with _terminable():
                run_sweep(record, writer, place=place, listener=_trial_printer(recipe, is_json=is_json), **how)
        except KeyboardInterrupt:
            is_cut = True
        finally:
            writer.close()
            place.close()
        more = "Stopped. The same command goes on." if is_cut else ""
        _print_result(Sweep(store, record.uid), is_json=is_json, more=more)
    if is_cut:
        sys.exit(130)


def _find_idle_sweep(store: Store, recipe: "SweepConfig") -> "SweepRecord | None":
    """The newest sweep of the same search in the record, None without one.

    Raises:
        StoreError: a process runs the same search.
    """
    from fitdash.runs.record import sweeps
    from fitdash.sweeps.api import find_same_sweep

    found = find_same_sweep(store, recipe)
    if found is None:
        running = find_same_sweep(store, recipe, active=True)
        if running is not None:
            raise StoreError(
                f"The same search must not be on already, got {running.uid}, which is {running.state}. "
                "Wait for it, or begin another one with --new."
            )
    return None if found is None else sweeps.find_sweep(store, found.uid)


def _is_done(store: Store, record: "SweepRecord", budget: Any) -> bool:
    """Whether the sweep has used its budget up, so that resuming it would train nothing."""
    from fitdash.runs.record import sweeps

    if record.state != "finished":
        return False
    trials = sum(run.state != "interrupted" for run in sweeps.newest_run_per_trial(store.runs(sweep=record.uid)))
    in_trials = budget.trials is not None and trials >= budget.trials
    in_seconds = budget.seconds is not None and record.seconds >= budget.seconds
    return in_trials or in_seconds or (budget.trials is None and budget.seconds is None)


def _trial_printer(recipe: "SweepConfig", *, is_json: bool) -> Callable[["Trial"], None]:
    """A listener that prints a line for each trial that ends, and on a terminal the running one below."""
    best: list[Any] = [None]
    is_live = sys.stdout.isatty() and not is_json

    def tell(trial: "Trial") -> None:
        if trial.state == "running":
            if is_live:
                _show(f"{_head(trial)}  epoch {trial.epochs}{_number(trial, recipe)}")
            return
        if trial.state == "finished" and trial.value is not None and recipe.objective.better(trial.value, best[0]):
            best[0] = trial.value
        if is_json:
            click.echo(json.dumps(_facts(trial, recipe), allow_nan=False))
            return
        if is_live:
            click.echo("\r\x1b[K", nl=False)
        is_best = best[0] is not None and trial.value == best[0] and trial.state == "finished"
        seconds = "" if trial.seconds is None else f"  {format_duration(trial.seconds)}"
        mark = "  best so far" if is_best else ""
        click.echo(f"{_head(trial)}  {trial.words}{_number(trial, recipe)}{seconds}  {_values(trial)}{mark}")

    return tell


def _show(line: str) -> None:
    """Prints a line that the next one replaces."""
    width = shutil.get_terminal_size().columns - 1
    click.echo(f"\r\x1b[K{line[:width]}", nl=False)


def _print_result(found: "Sweep", *, is_json: bool, more: str) -> None:
    """Prints the best trial, and how to go on."""
    best = found.best
    if is_json:
        trials = found.trials()
        facts = {"sweep": found.uid, "state": found.state, "trials": len(trials)}
        shown = None if best is None else _facts(best, found.recipe)
        click.echo(json.dumps(to_plain(facts | {"best": shown}), allow_nan=False))
        return
    if best is None:
        click.echo("No trial has a result yet.")
    else:
        value = f"{found.recipe.objective.name} {best.value:.6g}"
        click.echo(f"Best: {_head(best).strip()}, {value} with {_values(best)}. `fitdash runs show {best.run}`")
    if more:
        click.echo(more)


def _head(trial: "Trial") -> str:
    return "by hand" if trial.number is None else f"trial {trial.number + 1:>4}"


def _number(trial: "Trial", recipe: "SweepConfig") -> str:
    return "" if trial.value is None else f"  {recipe.objective.name} {trial.value:.4g}"


def _values(trial: "Trial") -> str:
    return ", ".join(f"{name.rpartition('.')[2]} {setting_text(value)}" for name, value in trial.values.items())


def _facts(trial: "Trial", recipe: "SweepConfig") -> dict[str, Any]:
    """A trial as plain data; trials are numbered from 1."""
    number = None if trial.number is None else trial.number + 1
    return {
        "trial": number,
        "run": trial.run,
        "state": trial.state,
        recipe.objective.name: trial.value,
        "epochs": trial.epochs,
        "seconds": trial.seconds,
        "values": to_plain(dict(trial.values)),
        "words": trial.words,
    }


def _workers(given: str) -> int | str:
    return int(given) if given.lstrip("-").isdigit() else given


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM stops the sweep as Ctrl-C does."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _errors_as_messages() -> Iterator[None]:
    """Errors of fitdash and of the file system end the command with their message."""
    try:
        yield
    except (FitdashError, OSError) as error:
        raise click.ClickException(str(error)) from error
