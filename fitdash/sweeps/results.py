"""Results of a sweep, read from the record at any moment, also while it searches."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fitdash.errors import SettingError
from fitdash.jobs.job_spec import make_job_spec
from fitdash.runs.record import sweeps
from fitdash.runs.record.history import history_of
from fitdash.runs.record.store import Store
from fitdash.settings.experiment import Experiment
from fitdash.sweeps.config import Budget, SweepConfig
from fitdash.sweeps.optuna_export import write_optuna_study
from fitdash.sweeps.study import PastTrial, Study, silence_optuna
from fitdash.sweeps.trial import Trial, included_runs, objective_curve, past_trial_of, trial_of

if TYPE_CHECKING:
    import pandas as pd

    from fitdash.engine.callbacks.history import History

LEAST_FOR_IMPORTANCE = 8
"""Least number of complete trials for an importance."""
BOOTSTRAP_SAMPLES = 20


class Sweep:
    """A sweep in the record.

    Args:
        store: The record.
        uid: The sweep.

    Attributes:
        recipe: Its configuration.

    Raises:
        StoreError: the sweep is unknown.
    """

    def __init__(self, store: Store, uid: str) -> None:
        self.store, self.uid = store, uid
        self.recipe = SweepConfig.from_dict(sweeps.find_sweep(store, uid).recipe)

    def __repr__(self) -> str:
        trials, best = self.trials(), self.best
        found = "no result yet" if best is None else f"best {self.recipe.objective.name} {best.value:.6g} {best.values}"
        return f"<Sweep {self.uid}: {self.state}, {len(trials)} trials, {found}>"

    @property
    def state(self) -> str:
        """The state in the record, such as "running" or "finished"."""
        return sweeps.find_sweep(self.store, self.uid).state

    @property
    def budget(self) -> Budget:
        return Budget(**sweeps.find_sweep(self.store, self.uid).budget)

    def trials(self) -> list[Trial]:
        """The trials in the order of their numbers, then the included runs."""
        runs = sweeps.newest_run_per_trial(self.store.runs(sweep=self.uid)) + included_runs(self.store, self.recipe)
        return [trial_of(run, self.recipe) for run in runs]

    @property
    def best(self) -> Trial | None:
        """The trial with the best objective; None if no trial has a value."""
        return best_trial(self.trials(), self.recipe)

    def frame(self) -> "pd.DataFrame":
        """One row per trial; see `trials_frame`."""
        return trials_frame(self.trials(), self.recipe)

    def curves(self) -> "pd.DataFrame":
        """The objective of each trial by epoch: `trial` (from 1), `run`, `epoch` (from 1), `value`, `state`."""
        import pandas as pd

        rows = [
            (None if trial.number is None else trial.number + 1, trial.run, epoch + 1, value, trial.state)
            for trial in self.trials()
            for epoch, value in objective_curve(self.store, trial.run, self.recipe).items()
        ]
        return pd.DataFrame(rows, columns=["trial", "run", "epoch", "value", "state"])

    def importance(self) -> "pd.DataFrame":
        """Importance of each varied setting; see `importance_of`."""
        runs = sweeps.newest_run_per_trial(self.store.runs(sweep=self.uid)) + included_runs(self.store, self.recipe)
        ended = [run for run in runs if not run.is_active and run.state != "interrupted"]
        return importance_of([past_trial_of(self.store, run, self.recipe) for run in ended], self.recipe)

    def experiment(self, number: int | None = None) -> Experiment:
        """The experiment of a trial; of the best trial without a number.

        Raises:
            SettingError: there is no such trial, or no best trial yet.
        """
        trial = self._find_trial(number)
        return self.recipe.space.apply(self.recipe.experiment, trial.values)

    def history(self, number: int | None = None) -> "History":
        """The history of a trial; of the best trial without a number.

        Raises:
            SettingError: there is no such trial, or no best trial yet.
        """
        return history_of(self.store, self._find_trial(number).run)

    def rerun(self, number: int | None = None, *, seed: int | None = None) -> "History":
        """Train a trial again, alone and in this process, as a separate run; the best trial without a number.

        Args:
            seed: Another seed; None: the trial's, which gives the same numbers on a CPU.

        Raises:
            SettingError: there is no such trial, or no best trial yet.
        """
        from fitdash.sweeps.run_inline import train_inline

        experiment = self.experiment(number)
        experiment = experiment if seed is None else replace(experiment, seed=seed)
        uid = train_inline(self.store, make_job_spec(experiment), name="", parent=None)
        return history_of(self.store, uid)

    def to_optuna(self, file: Any, *, kind: str | None = None) -> str:
        """Write the sweep as a study for optuna-dashboard; see `write_optuna_study`."""
        return write_optuna_study(self.study(), self.uid, file, kind=kind)

    def study(self) -> Study:
        """The study with all ended trials, as a resumed sweep would use it."""
        runs = sweeps.newest_run_per_trial(self.store.runs(sweep=self.uid))
        ended = [run for run in runs if not run.is_active and run.state != "interrupted"]
        return Study(
            self.recipe,
            [past_trial_of(self.store, run, self.recipe) for run in [*included_runs(self.store, self.recipe), *ended]],
        )

    def _find_trial(self, number: int | None) -> Trial:
        trial = (
            self.best if number is None else next((found for found in self.trials() if found.number == number), None)
        )
        if trial is None:
            what = "have a result" if number is None else f"have the trial {number}"
            raise SettingError(f"The sweep must {what}, got {len(self.trials())} trials without it.")
        return trial


def best_trial(trials: Sequence[Trial], recipe: SweepConfig) -> Trial | None:
    """The trial with the best objective; pruned and stopped trials count only where no finished trial has a value."""
    numbered = [trial for trial in trials if trial.value is not None]
    complete = [trial for trial in numbered if trial.state == "finished"] or numbered
    pick = max if recipe.objective.rises else min
    return pick(complete, key=lambda trial: trial.value or 0.0) if complete else None


def trials_frame(trials: Sequence[Trial], recipe: SweepConfig) -> "pd.DataFrame":
    """One row per trial.

    Returns:
        `trial` (from 1; missing for an included run), `state`, the objective by its name, `best` (the best so far),
        a column for each varied setting, `epochs`, `seconds`, `run`, `words`.
    """
    import pandas as pd

    rows = []
    for trial, best in zip(trials, best_so_far(trials, recipe), strict=True):
        number = None if trial.number is None else trial.number + 1
        head = {"trial": number, "state": trial.state, recipe.objective.name: trial.value, "best": best}
        tail = {"epochs": trial.epochs, "seconds": trial.seconds, "run": trial.run, "words": trial.words}
        rows.append({**head, **trial.values, **tail})
    names = ["trial", "state", recipe.objective.name, "best", *recipe.space.dimensions]
    frame = pd.DataFrame(rows, columns=[*names, "epochs", "seconds", "run", "words"])
    return frame.astype({"trial": "Int64", recipe.objective.name: "float64", "best": "float64", "seconds": "float64"})


def best_so_far(trials: Sequence[Trial], recipe: SweepConfig) -> list[float | None]:
    """The best objective up to each trial, of finished trials; None before the first."""
    found: list[float | None] = []
    best: float | None = None
    for trial in trials:
        if trial.state == "finished" and trial.value is not None and recipe.objective.better(trial.value, best):
            best = trial.value
        found.append(best)
    return found


def importance_of(seen: Sequence[PastTrial], recipe: SweepConfig) -> "pd.DataFrame":
    """Share of each setting in the differences between trials, with a bootstrap interval.

    Args:
        seen: Ended trials; only complete trials count.

    Returns:
        `setting`, `importance` (they sum to 1), `low` and `high` (the interval of nine of ten bootstrap samples of the
        trials), the most important first; empty below `LEAST_FOR_IMPORTANCE` trials or if all have the same value.

    Source: Watanabe, Bansal, Hutter, PED-ANOVA, IJCAI 2023, as Optuna has it; Efron's bootstrap for its spread.
    """
    import numpy as np
    import pandas as pd

    empty = pd.DataFrame(columns=["setting", "importance", "low", "high"])
    complete = [past for past in seen if past.ended == "complete" and recipe.objective.of(past.curve) is not None]
    if len(complete) < LEAST_FOR_IMPORTANCE or len({recipe.objective.of(past.curve) for past in complete}) < 2:
        return empty
    middle = _importance(complete, recipe)
    draw = np.random.default_rng(recipe.seed)
    drawn = [
        _importance([complete[i] for i in draw.integers(0, len(complete), len(complete))], recipe)
        for _ in range(BOOTSTRAP_SAMPLES)
    ]
    rows = [
        (name, share, *np.quantile([sample.get(name, 0.0) for sample in drawn], [0.05, 0.95]).tolist())
        for name, share in middle.items()
    ]
    return pd.DataFrame(rows, columns=list(empty)).sort_values("importance", ascending=False, ignore_index=True)


def _importance(seen: Sequence[PastTrial], recipe: SweepConfig) -> Mapping[str, float]:
    """Importance of each setting by Optuna; 0 where it finds none."""
    import optuna

    study = Study(replace(recipe, sampler="random", pruner="none"), seen)
    with silence_optuna():
        try:
            found: dict[str, float] = optuna.importance.get_param_importances(study.optuna)
        except (ValueError, RuntimeError):
            found = {}
    return {name: found.get(name, 0.0) for name in recipe.space.dimensions}
