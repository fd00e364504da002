"""Repeats: the same experiment with several seeds. Trains them, finds them in the record, and averages them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fitdash.errors import SettingError
from fitdash.runs.protocol.json_codec import encode
from fitdash.runs.record.records import RunRecord
from fitdash.runs.record.store import Store
from fitdash.settings.experiment import LARGEST_SEED, Experiment
from fitdash.sweeps.config import SweepConfig, SweepObjective, make_sweep_config
from fitdash.sweeps.significance import SignificanceResult, significance_test

if TYPE_CHECKING:
    import pandas as pd

MOST_REPEATS = 1000


def make_repeats_config(experiment: Experiment, n: int, *, objective: str | None = None) -> SweepConfig:
    """A sweep over n seeds, the experiment's own first, without pruning.

    Raises:
        SettingError: n is invalid, or the experiment has problems.
    """
    if type(n) is not int or not 2 <= n <= MOST_REPEATS:
        raise SettingError(f"n must be an integer from 2 to {MOST_REPEATS}, got {n!r}.")
    seeds = [(experiment.seed + place) % (LARGEST_SEED + 1) for place in range(n)]
    return make_sweep_config(
        experiment, {"seed": seeds}, objective=objective, sampler="grid", pruner="none", which="last"
    )


def group_repeats(runs: Sequence[RunRecord]) -> dict[str, list[RunRecord]]:
    """Runs that differ only in their seed, by their shared settings as JSON; runs without a repeat are left out.

    Of several runs with the same seed only the first counts: they are one result, not several.

    Args:
        runs: The runs to group; runs that have not finished are left out.
    """
    found: dict[str, dict[int, RunRecord]] = {}
    for run in runs:
        if run.state == "finished" and "seed" in run.experiment:
            shared = {name: value for name, value in run.experiment.items() if name != "seed"}
            found.setdefault(encode(shared), {}).setdefault(run.experiment["seed"], run)
    return {key: list(by_seed.values()) for key, by_seed in found.items() if len(by_seed) > 1}


def repeat_band(store: Store, uids: Sequence[str], name: str) -> "pd.DataFrame":
    """The mean of a logged value over several runs, epoch by epoch.

    Returns:
        `epoch` (from 1), `n` (runs with a value in this epoch), `mean`, `low` and `high` (one standard deviation;
        missing for a single run), `min`, `max`.
    """
    import pandas as pd

    rows = [
        (row.epoch + 1, float(row.logs[name]))
        for uid in uids
        for row in store.epochs(uid)
        if isinstance(row.logs.get(name), int | float)
    ]
    return band(pd.DataFrame(rows, columns=["epoch", "value"]))


def band(values: "pd.DataFrame") -> "pd.DataFrame":
    """Mean and band of `value` by `epoch`, with the columns of `repeat_band`; NaN is left out."""
    grouped = values.dropna().groupby("epoch")["value"]
    table = grouped.agg(["count", "mean", "std", "min", "max"]).reset_index()
    table = table.assign(low=table["mean"] - table["std"], high=table["mean"] + table["std"])
    return table.rename(columns={"count": "n"})[["epoch", "n", "mean", "low", "high", "min", "max"]]


def compare_groups(
    a: Sequence[RunRecord], b: Sequence[RunRecord], objective: SweepObjective, *, names: tuple[str, str] = ("A", "B")
) -> SignificanceResult | None:
    """Test whether the runs of A beat those of B beyond the noise of their seeds; None if a side has no value.

    Args:
        objective: The number to compare, and whether the best or the last epoch of a run counts.
    """
    sides = [[value for run in side if (value := _value(run, objective)) is not None] for side in (a, b)]
    return significance_test(sides[0], sides[1], rises=objective.rises, what=objective.name, names=names)


def repeat(
    experiment: Experiment,
    n: int,
    *,
    objective: str | None = None,
    workers: int | str | None = None,
    name: str = "",
    listener: Callable[[Any], None] | None = None,
) -> Any:
    """Train an experiment with n seeds, its own first; returns them as a `Sweep`.

    Raises:
        SettingError, DataError, StoreError: every problem, before any run trains.
    """
    from fitdash.sweeps.api import sweep

    recipe = make_repeats_config(experiment, n, objective=objective)
    return sweep(
        recipe.experiment,
        recipe.space,
        objective=recipe.objective.name,
        mode=recipe.objective.mode,
        which=recipe.objective.which,
        sampler=recipe.sampler,
        pruner=recipe.pruner,
        workers=workers,
        name=name,
        listener=listener,
    )


def _value(run: RunRecord, objective: SweepObjective) -> float | None:
    entry = run.summary.get("logs", {}).get(objective.name, {})
    value = entry.get("last" if objective.which == "last" else "max" if objective.rises else "min")
    return float(value) if isinstance(value, int | float) and value == value else None
