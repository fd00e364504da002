"""The search by Optuna: a study in memory, rebuilt from the record whenever a sweep starts or is shown."""

import logging
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from fitdash.runs.protocol.json_codec import encode
from fitdash.settings.search_dimension import Range, is_whole
from fitdash.settings.search_space import sweepable_settings
from fitdash.sweeps.config import SweepConfig

STARTUP_TRIALS = 5
"""Trials that end before the median pruner prunes."""
LEAST_TO_LEARN = 10
"""Least number of trials from which CMA-ES learns its starting point; with fewer it starts in the middle."""


@dataclass(frozen=True, kw_only=True)
class PastTrial:
    """A trial that has ended.

    Attributes:
        values: The tried values by the address of their setting.
        curve: The objective by epoch, without NaN.
        ended: "complete", "pruned" (or stopped) before its last epoch, or "failed".
    """

    values: Mapping[str, Any]
    curve: Mapping[int, float]
    ended: Literal["complete", "pruned", "failed"]


@dataclass(frozen=True, kw_only=True, eq=False)
class PendingTrial:
    """A trial that the study asked for: the values to try, and Optuna's own trial."""

    values: dict[str, Any]
    trial: Any


class Study:
    """Suggests the values of trials and decides which trials to prune.

    Args:
        recipe: The configuration of the sweep.
        seen: The ended trials, in their order.
    """

    def __init__(self, recipe: SweepConfig, seen: Sequence[PastTrial] = ()) -> None:
        self.recipe = recipe
        self._distributions = distributions_of(recipe)
        known = [_optuna_trial(past, recipe, self._distributions) for past in seen]
        trials = [trial for trial in known if trial is not None]
        self.optuna = _make_optuna_study(recipe, trials)
        self._cells = recipe.space.grid(recipe.experiment) if recipe.sampler == "grid" else []
        done = [dict(past.values) for past in seen]
        self._cells = [cell for cell in self._cells if cell not in done]
        self._points = (
            _sobol_points(len(recipe.space.dimensions), recipe.seed) if recipe.sampler == "quasi-random" else None
        )

    def ask(self, number: int = 0) -> PendingTrial | None:
        """The values for the trial of this number; None where a grid has no cell left."""
        if self.recipe.sampler == "grid":
            return self.again(self._cells.pop(0)) if self._cells else None
        if self._points is not None:
            return self.again(self.recipe.space.at(self.recipe.experiment, self._points(number)))
        trial = self.optuna.ask(self._distributions)
        return PendingTrial(values=_from_optuna(self.recipe, trial.params), trial=trial)

    def again(self, values: Mapping[str, Any]) -> PendingTrial:
        """A trial of these values; a grid does not suggest them again."""
        self._cells = [cell for cell in self._cells if cell != values]
        self.optuna.enqueue_trial(_to_optuna(self.recipe, values))
        return PendingTrial(values=dict(values), trial=self.optuna.ask(self._distributions))

    def report(self, asked: PendingTrial, epoch: int, value: float) -> bool:
        """Report the objective after an epoch; True if the trial is to be pruned."""
        if not math.isfinite(value):
            return False
        asked.trial.report(value, epoch)
        return bool(asked.trial.should_prune())

    def tell(self, asked: PendingTrial, seen: PastTrial) -> None:
        """Report how a trial ended."""
        value = self.recipe.objective.of(seen.curve)
        state = _states()[seen.ended if value is not None else "failed"]
        self.optuna.tell(asked.trial, value if seen.ended == "complete" else None, state=state)

    def forget(self, asked: PendingTrial) -> None:
        """Drop a trial that was interrupted; samplers ignore failed trials, so its values are not judged by it."""
        self.optuna.tell(asked.trial, state=_states()["failed"])


def distributions_of(recipe: SweepConfig) -> dict[str, Any]:
    """The search space as Optuna's distributions, by address."""
    from optuna import distributions

    declared = sweepable_settings(recipe.experiment)
    found: dict[str, Any] = {}
    for address, one in recipe.space.dimensions.items():
        if not isinstance(one, Range):
            found[address] = distributions.CategoricalDistribution([_to_choice(value) for value in one.values])
        elif is_whole(declared[address]):
            step, log = int(one.step or 1), one.log
            last = int(one.low) + (int(one.high) - int(one.low)) // step * step
            found[address] = distributions.IntDistribution(int(one.low), last, log=log, step=step)
        else:
            high = one.high if one.step is None else one.low + math.floor((one.high - one.low) / one.step) * one.step
            found[address] = distributions.FloatDistribution(one.low, high, log=one.log, step=one.step)
    return found


@contextmanager
def silence_optuna() -> Iterator[None]:
    """Within the block, Optuna logs no information and warns of no experimental features."""
    from optuna.exceptions import ExperimentalWarning

    log = logging.getLogger("optuna")
    before = log.level
    log.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            yield
    finally:
        log.setLevel(before)


def _make_optuna_study(recipe: SweepConfig, trials: list[Any]) -> Any:
    import optuna

    with silence_optuna():
        study = optuna.create_study(
            direction="maximize" if recipe.objective.rises else "minimize",
            sampler=_sampler(recipe, trials),
            pruner=_pruner(recipe),
        )
        study.add_trials(trials)
    return study


def _sampler(recipe: SweepConfig, trials: list[Any]) -> Any:
    """The sampler; its seed depends on the number of trials, so that no values are drawn twice after a restart."""
    from optuna import samplers

    seed = (recipe.seed + len(trials)) % 2**32
    if recipe.sampler == "tpe":
        return samplers.TPESampler(seed=seed)
    if recipe.sampler == "cma-es":
        numbers = [_numbers_alone(trial) for trial in trials if trial.state.name == "COMPLETE"]
        known = numbers if len(numbers) >= LEAST_TO_LEARN else None
        return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False, source_trials=known)
    return samplers.RandomSampler(seed=seed)


def _numbers_alone(trial: Any) -> Any:
    """The trial without categorical values, which CMA-ES neither searches nor starts from."""
    from optuna.distributions import CategoricalDistribution
    from optuna.trial import create_trial

    kept = {a: axis for a, axis in trial.distributions.items() if not isinstance(axis, CategoricalDistribution)}
    params = {address: value for address, value in trial.params.items() if address in kept}
    return create_trial(params=params, distributions=kept, value=trial.value)


def _pruner(recipe: SweepConfig) -> Any:
    from optuna import pruners

    if recipe.pruner == "median":
        return pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=1)
    if recipe.pruner == "hyperband":
        return pruners.HyperbandPruner(max_resource=max(1, recipe.experiment.fit.epochs))
    return pruners.NopPruner()


def _optuna_trial(seen: PastTrial, recipe: SweepConfig, distributions: Mapping[str, Any]) -> Any:
    """The trial as Optuna keeps it; None if its values are outside of the space."""
    from optuna.trial import create_trial

    value = recipe.objective.of(seen.curve)
    state = _states()[seen.ended if value is not None else "failed"]
    try:
        return create_trial(
            state=state,
            params=_to_optuna(recipe, seen.values),
            distributions=dict(distributions),
            value=value if state.name == "COMPLETE" else None,
            intermediate_values=dict(seen.curve),
        )
    except ValueError:
        return None


def _states() -> dict[str, Any]:
    from optuna.trial import TrialState

    return {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


def _sobol_points(axes: int, seed: int) -> Any:
    """A function from a number to the point of a scrambled Sobol sequence, the same for every call."""
    from scipy.stats.qmc import Sobol

    def point(number: int) -> tuple[float, ...]:
        engine = Sobol(axes, scramble=True, rng=seed)
        if number:
            engine.fast_forward(number)
        return tuple(engine.random(1)[0].tolist())

    return point


def _to_optuna(recipe: SweepConfig, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of settings as Optuna keeps them."""
    dimensions = recipe.space.dimensions
    return {a: value if isinstance(dimensions[a], Range) else _to_choice(value) for a, value in values.items()}


def _from_optuna(recipe: SweepConfig, params: Mapping[str, Any]) -> dict[str, Any]:
    """Optuna's values as values of settings, in the order of the space."""
    values = {}
    for address, one in recipe.space.dimensions.items():
        kept = params[address]
        values[address] = (
            kept if isinstance(one, Range) else next(value for value in one.values if _same(_to_choice(value), kept))
        )
    return values


def _to_choice(value: Any) -> Any:
    """A categorical value as Optuna takes it: plain values as they are, others as JSON text."""
    return value if value is None or isinstance(value, bool | int | float | str) else encode(value)


def _same(value: Any, other: Any) -> bool:
    return type(value) is type(other) and value == other
