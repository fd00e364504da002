"""Trials of a sweep, read from the record: tried values, objective, and how each ended."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fitdash.errors import SettingError, StoreError
from fitdash.runs.protocol.events import ACTIVE
from fitdash.runs.record.records import RunRecord
from fitdash.runs.record.store import Store
from fitdash.settings.experiment import Experiment
from fitdash.sweeps.config import SweepConfig
from fitdash.sweeps.study import PastTrial


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One trial.

    Attributes:
        number: Its number in the sweep, from 0; None for an included run.
        run: uid of its run.
        values: The tried values by the address of their setting.
        state: The state of its run, or "pruned".
        value: The objective; None if it has no value.
        epochs: Number of trained epochs.
        seconds: How long it trained; None before it ended.
        error: Why it failed.
    """

    number: int | None
    run: str
    values: Mapping[str, Any]
    state: str
    value: float | None
    epochs: int
    seconds: float | None
    error: str | None

    @property
    def words(self) -> str:
        """How it ended, in words, or its state."""
        after = f"after epoch {self.epochs}" if self.epochs else "before its first epoch ended"
        if self.state == "failed":
            return f"failed {after}: {self.error}"
        if self.state in ("pruned", "stopped", "interrupted"):
            return f"{self.state} {after}"
        return f"{self.state}, no number" if self.state == "finished" and self.value is None else self.state


def trial_of(run: RunRecord, recipe: SweepConfig) -> Trial:
    """The trial of a run."""
    return Trial(
        number=run.trial,
        run=run.uid,
        values=values_of(run, recipe),
        state=run.verdict or run.state,
        value=value_of(run, recipe),
        epochs=int(run.summary.get("epochs", 0)),
        seconds=None if run.started is None or run.ended is None else run.ended - run.started,
        error=run.error,
    )


def values_of(run: RunRecord, recipe: SweepConfig) -> dict[str, Any]:
    """The values of the varied settings in the run's experiment; None for a setting that it lacks."""
    plain, found = run.experiment, {}
    for address, dimension in recipe.space.dimensions.items():
        value = _at(plain, address.split("."))
        choices = getattr(dimension, "values", ())
        found[address] = next((choice for choice in choices if _plain_same(choice, value)), value)
    return found


def value_of(run: RunRecord, recipe: SweepConfig) -> float | None:
    """The objective of the run, from its summary; None if it has no value."""
    objective = recipe.objective
    entry = run.summary.get("logs", {}).get(objective.name, {})
    value = entry.get("last" if objective.which == "last" else "max" if objective.rises else "min")
    return float(value) if isinstance(value, int | float) and value == value else None


def objective_curve(store: Store, uid: str, recipe: SweepConfig) -> dict[int, float]:
    """The objective of a run by epoch, without NaN."""
    name = recipe.objective.name
    logged = ((row.epoch, row.logs.get(name)) for row in store.epochs(uid))
    return {epoch: float(value) for epoch, value in logged if isinstance(value, int | float) and value == value}


def past_trial_of(store: Store, run: RunRecord, recipe: SweepConfig) -> PastTrial:
    """The trial of an ended run, as the study learns from it."""
    ended: Any = "complete" if run.state == "finished" else "failed" if run.state == "failed" else "pruned"
    return PastTrial(values=values_of(run, recipe), curve=objective_curve(store, run.uid, recipe), ended=ended)


def included_runs(store: Store, recipe: SweepConfig) -> list[RunRecord]:
    """The runs outside of the sweep that its sampler learns from, without deleted runs."""
    return [run for uid in recipe.include if (run := store.run(uid)) is not None]


def check_included_runs(store: Store, recipe: SweepConfig, uids: Iterable[str]) -> None:
    """Raise if a run cannot be included.

    Raises:
        StoreError: a run is unknown.
        SettingError: a run differs in other settings than those of the space, or still trains.
    """
    problems = []
    for uid in uids:
        run = store.run(uid)
        if run is None:
            raise StoreError(f"{store.path} must know the run to include it, got {uid!r}.")
        if run.state in ACTIVE or not _is_covered(run, recipe):
            rule = "include must name runs that are over and differ from the experiment in varied settings alone"
            problems.append(f"{rule}, got {uid}.")
    if problems:
        raise SettingError("\n".join(problems))


def _is_covered(run: RunRecord, recipe: SweepConfig) -> bool:
    try:
        return recipe.space.covers(recipe.experiment, Experiment.from_dict(run.experiment))
    except SettingError:
        return False


def _at(plain: Any, path: list[str]) -> Any:
    for name in path:
        if isinstance(plain, list):
            plain = plain[int(name)] if name.isdigit() and int(name) < len(plain) else None
        elif isinstance(plain, Mapping):
            plain = plain.get(name)
        else:
            return None
    return plain


def _plain_same(choice: Any, value: Any) -> bool:
    """True if a choice is this plain value, in which class indices are texts and tuples are lists."""
    if isinstance(choice, Mapping) and isinstance(value, Mapping):
        return {str(key): one for key, one in choice.items()} == {str(key): one for key, one in value.items()}
    return isinstance(choice, bool) == isinstance(value, bool) and bool(choice == value)
