"""The same experiment with several seeds: training it, finding such runs in the record, and their mean and band."""

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
    """A sweep over n seeds, the experiment's own first: nothing is pruned, and nothing is searched.

    Raises:
        SettingError: n cannot be, or the experiment has problems.
    """
    if type(n) is not int or not 2 <= n <= MOST_REPEATS:
        raise SettingError(f"n must be an integer from 2 to {MOST_REPEATS}, got {n!r}.")
    seeds = [(experiment.seed + place) % (LARGEST_SEED + 1) for place in range(n)]
    return make_sweep_config(
        experiment, {"seed": seeds}, objective=objective, sampler="grid", pruner="none", which="last"
    )


def group_repeats(runs: Sequence[RunRecord]) -> dict[str, list[RunRecord]]:
    """Runs that are equal but for their seed, by what they share; those that have no equal are left out.

    Of several with one seed the first counts: they are one result, and would be taken for more than there are.

    Args:
        runs: Those that are to be looked at; runs that have not finished are left out.
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
        `epoch` (from 1), `n` (runs that have a value there), `mean`, `low` and `high` (one standard deviation; missing
        with one run), `min`, `max`.
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
    """Mean and band of `value` by `epoch`; as `band_of` gives them. NaN is left out."""
    grouped = values.dropna().groupby("epoch")["value"]
    table = grouped.agg(["count", "mean", "std", "min", "max"]).reset_index()
    table = table.assign(low=table["mean"] - table["std"], high=table["mean"] + table["std"])
    return table.rename(columns={"count": "n"})[["epoch", "n", "mean", "low", "high", "min", "max"]]


def compare_groups(
    a: Sequence[RunRecord], b: Sequence[RunRecord], objective: SweepObjective, *, names: tuple[str, str] = ("A", "B")
) -> SignificanceResult | None:
    """Whether the runs of A beat those of B beyond the noise of their seeds; None where a side has no number.

    Args:
        objective: Which number counts, and whether the best epoch or the last one of a run.
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
    """Train an experiment with n seeds, its own first; gives the `Sweep` that they are.

    Raises:
        SettingError, DataError, StoreError: all that is wrong, before anything trains.
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
