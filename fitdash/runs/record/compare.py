"""Comparison of runs: a table of the settings that differ between them and of their results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fitdash.engine.callbacks.monitor import higher_is_better
from fitdash.runs.protocol.events import ACTIVE
from fitdash.runs.protocol.json_codec import decode
from fitdash.runs.record.records import RunRecord
from fitdash.settings.differences import differing_addresses, flatten_settings, setting_text

if TYPE_CHECKING:
    import pandas as pd

HEAD = ("run", "name", "state", "tags")
FACTS = ("epochs", "seconds", "samples_per_second", "created", "parent", "sweep", "trial", "notes")


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """A table of several runs.

    Attributes:
        frame: One row per run: `HEAD`, the settings that differ, the results, `FACTS`.
        settings: Columns of the settings that differ, by address.
        results: Columns of the results: "val_loss" (its last value), "val_loss best", "val_loss min".
        shared: Value of each setting that all runs share.
    """

    frame: "pd.DataFrame"
    settings: list[str]
    results: list[str]
    shared: Mapping[str, Any]


def compare_runs(runs: Sequence[RunRecord], *, now: float) -> Comparison:
    """A table of the runs, in their order.

    Args:
        now: Seconds since 1970; the end of a run that trains its first epoch.

    Returns:
        Numbers stay numbers; lists and tables become texts. `seconds` of training, `created` as a time,
        `samples_per_second` of training with validation. "best" is the highest value of a metric that is better when
        higher, else the lowest; it is missing for a metric whose better direction is unknown.
    """
    import pandas as pd

    experiments = [_flat(run.experiment_text) for run in runs]
    settings = differing_addresses(experiments)
    logs = [run.summary.get("logs", {}) for run in runs]
    columns: dict[str, list[Any]] = {
        "run": [run.uid for run in runs],
        "name": [run.name for run in runs],
        "state": [run.verdict or run.state for run in runs],
        "tags": [", ".join(run.tags) if run.tags_text != "[]" else "" for run in runs],
    }
    for address in settings:
        columns[address] = [_cell(experiment.get(address)) for experiment in experiments]
    results = _results(logs)
    columns |= results
    seconds = [_seconds(run, now) for run in runs]
    columns |= {
        "epochs": [run.summary.get("epochs", 0) for run in runs],
        "seconds": seconds,
        "samples_per_second": [_speed(run, took) for run, took in zip(runs, seconds, strict=True)],
        "created": pd.to_datetime([run.created for run in runs], unit="s", utc=True),
        "parent": [run.parent for run in runs],
        "sweep": [run.sweep for run in runs],
        "trial": pd.array([None if run.trial is None else run.trial + 1 for run in runs], dtype="Int64"),
        "notes": [run.notes for run in runs],
    }
    shared = {name: value for name, value in (experiments[0] if runs else {}).items() if name not in settings}
    return Comparison(frame=pd.DataFrame(columns), settings=settings, results=list(results), shared=shared)


def visible_columns(comparison: Comparison) -> list[str]:
    """Columns in which the runs differ, in their order; columns that are equal or empty in all rows are left out."""
    frame = comparison.frame
    kept = {"run", "state", *comparison.settings, *comparison.results}
    return [name for name in frame if name in kept or (len(frame) > 1 and frame[name].nunique(dropna=False) > 1)]


def data_name(run: RunRecord) -> str:
    """The name of the run's data: its file or data set; the run's name where that is unknown, as of a script's run."""
    settings = _flat(run.experiment_text)
    return str(settings.get("data.filename") or settings.get("data.name") or run.name)


@lru_cache(4096)
def _flat(text: str) -> dict[str, Any]:
    """The settings of an experiment by address; cached by its text: a page compares the same runs every second."""
    return flatten_settings(dict(decode(text)))


def _results(logs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Last, best and lowest value of each metric."""
    found: dict[str, list[Any]] = {}
    for name in dict.fromkeys(name for of_run in logs for name in of_run):
        entries = [of_run.get(name, {}) for of_run in logs]
        found[name] = [_number(entry.get("last")) for entry in entries]
        up = higher_is_better(name)
        if up is not None:
            found[f"{name} best"] = [_number(entry.get("max" if up else "min")) for entry in entries]
        if up is not False:
            found[f"{name} min"] = [_number(entry.get("min")) for entry in entries]
    return found


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _cell(value: Any) -> Any:
    """A value as a table shows it."""
    return setting_text(value) if isinstance(value, list | tuple | Mapping) else value


def _seconds(run: RunRecord, now: float) -> float | None:
    """Duration of its epochs, without pauses and waits for a pace; from start to end where that was not recorded."""
    if (took := run.summary.get("seconds")) is not None:
        return float(took)
    end = run.ended if run.ended is not None else now if run.state in ACTIVE else None
    return None if run.started is None or end is None else max(0.0, end - run.started)


def _speed(run: RunRecord, seconds: float | None) -> float | None:
    """Samples that were trained in a second; None where a number is missing."""
    params, epochs = run.params, run.summary.get("epochs", 0)
    samples, steps, size = params.get("samples"), params.get("steps"), params.get("batch_size")
    if not seconds or not epochs or not isinstance(samples, int):
        return None
    if isinstance(steps, int) and isinstance(size, int) and steps != -(-samples // size):
        samples = steps * size  # steps_per_epoch was set
    return float(samples * epochs / seconds)
