"""The search itself, by Optuna: a study in memory, made anew from the record whenever it is needed."""

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
"""Trials that end before the median prunes."""
LEAST_TO_LEARN = 10
"""Trials from which CMA-ES learns where to begin; with fewer it begins in the middle."""


@dataclass(frozen=True, kw_only=True)
class PastTrial:
    """A trial that is over.

    Attributes:
        values: By the address of the setting.
        curve: The objective by epoch, those that are numbers.
        ended: As it was meant, before that, or without a number.
    """

    values: Mapping[str, Any]
    curve: Mapping[int, float]
    ended: Literal["complete", "pruned", "failed"]


@dataclass(frozen=True, kw_only=True, eq=False)
class PendingTrial:
    """A trial that the study waits for: what to try, and Optuna's own trial."""

    values: dict[str, Any]
    trial: Any


class Study:
    """Says what to try next and what to give up.

    Args:
        recipe: What is searched and how.
        seen: What was tried before, in its order.
    """

    def __init__(self, recipe: SweepConfig, seen: Sequence[PastTrial] = ()) -> None:
        self.recipe = recipe
        self._distributions = distributions_of(recipe)
        trials = [made for one in seen if (made := _frozen(one, recipe, self._distributions)) is not None]
        self.optuna = _study(recipe, trials)
        self._cells = recipe.space.grid(recipe.experiment) if recipe.sampler == "grid" else []
        done = [dict(one.values) for one in seen]
        self._cells = [cell for cell in self._cells if cell not in done]
        self._points = _points(len(recipe.space.dimensions), recipe.seed) if recipe.sampler == "quasi-random" else None

    def ask(self, number: int = 0) -> PendingTrial | None:
        """What to try as the trial of this number; None where there is nothing left."""
        if self.recipe.sampler == "grid":
            return self.again(self._cells.pop(0)) if self._cells else None
        if self._points is not None:
            return self.again(self.recipe.space.at(self.recipe.experiment, self._points(number)))
        trial = self.optuna.ask(self._distributions)
        return PendingTrial(values=_decoded(self.recipe, trial.params), trial=trial)

    def again(self, values: Mapping[str, Any]) -> PendingTrial:
        """Try these values; a grid does so once."""
        self._cells = [cell for cell in self._cells if cell != values]
        self.optuna.enqueue_trial(_encoded(self.recipe, values))
        return PendingTrial(values=dict(values), trial=self.optuna.ask(self._distributions))

    def report(self, asked: PendingTrial, epoch: int, value: float) -> bool:
        """Note the objective after an epoch; True where the trial is to be given up."""
        if not math.isfinite(value):
            return False
        asked.trial.report(value, epoch)
        return bool(asked.trial.should_prune())

    def tell(self, asked: PendingTrial, seen: PastTrial) -> None:
        """Note how a trial ended."""
        value = self.recipe.objective.of(seen.curve)
        state = _states()[seen.ended if value is not None else "failed"]
        self.optuna.tell(asked.trial, value if seen.ended == "complete" else None, state=state)

    def forget(self, asked: PendingTrial) -> None:
        """Let go of a trial that did not end; it is not held against its values."""
        self.optuna.tell(asked.trial, state=_states()["failed"])


def distributions_of(recipe: SweepConfig) -> dict[str, Any]:
    """The space as Optuna takes it."""
    from optuna import distributions

    declared = sweepable_settings(recipe.experiment)
    found: dict[str, Any] = {}
    for address, one in recipe.space.dimensions.items():
        if not isinstance(one, Range):
            found[address] = distributions.CategoricalDistribution([_word(value) for value in one.values])
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
    """Optuna without its lines in the log and its warnings that something may change in a later version."""
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


def _study(recipe: SweepConfig, trials: list[Any]) -> Any:
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
    """The sampler; the seed moves on with the trials there are, so that none is drawn twice after a restart."""
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
    """The trial without its choices, which CMA-ES does not search and does not begin from."""
    from optuna.distributions import CategoricalDistribution
    from optuna.trial import create_trial

    kept = {a: one for a, one in trial.distributions.items() if not isinstance(one, CategoricalDistribution)}
    params = {address: value for address, value in trial.params.items() if address in kept}
    return create_trial(params=params, distributions=kept, value=trial.value)


def _pruner(recipe: SweepConfig) -> Any:
    from optuna import pruners

    if recipe.pruner == "median":
        return pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=1)
    if recipe.pruner == "hyperband":
        return pruners.HyperbandPruner(max_resource=max(1, recipe.experiment.fit.epochs))
    return pruners.NopPruner()


def _frozen(seen: PastTrial, recipe: SweepConfig, distributions: Mapping[str, Any]) -> Any:
    """The trial as Optuna keeps it; None where its values are none of the space's."""
    from optuna.trial import create_trial

    value = recipe.objective.of(seen.curve)
    state = _states()[seen.ended if value is not None else "failed"]
    try:
        return create_trial(
            state=state,
            params=_encoded(recipe, seen.values),
            distributions=dict(distributions),
            value=value if state.name == "COMPLETE" else None,
            intermediate_values=dict(seen.curve),
        )
    except ValueError:
        return None


def _states() -> dict[str, Any]:
    from optuna.trial import TrialState

    return {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


def _points(axes: int, seed: int) -> Any:
    """The points of a scrambled Sobol sequence by their number, the same whenever they are asked for."""
    from scipy.stats.qmc import Sobol

    def point(number: int) -> tuple[float, ...]:
        engine = Sobol(axes, scramble=True, rng=seed)
        if number:
            engine.fast_forward(number)
        return tuple(engine.random(1)[0].tolist())

    return point


def _encoded(recipe: SweepConfig, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as Optuna keeps them."""
    dimensions = recipe.space.dimensions
    return {a: value if isinstance(dimensions[a], Range) else _word(value) for a, value in values.items()}


def _decoded(recipe: SweepConfig, params: Mapping[str, Any]) -> dict[str, Any]:
    """Values as settings take them, in the order of the space."""
    values = {}
    for address, one in recipe.space.dimensions.items():
        kept = params[address]
        values[address] = (
            kept if isinstance(one, Range) else next(value for value in one.values if _same(_word(value), kept))
        )
    return values


def _word(value: Any) -> Any:
    """A choice as Optuna takes it: what is not a plain value as text."""
    return value if value is None or isinstance(value, bool | int | float | str) else encode(value)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other
