"""The configuration of a sweep (experiment, search space, objective, sampler, pruner) and its budget, checked."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, Self

from fitdash.data.tables.catalogue import dataset_of
from fitdash.data.tables.data_facts import facts_of
from fitdash.engine.callbacks.monitor import higher_is_better
from fitdash.errors import SettingError
from fitdash.runs.protocol.paths import home
from fitdash.settings.declaration import describe_unknown_name
from fitdash.settings.experiment import Experiment
from fitdash.settings.search_dimension import Range
from fitdash.settings.search_space import SearchSpace, parse_search_space
from fitdash.settings.type_checks import short_repr

SAMPLERS = ("tpe", "random", "grid", "quasi-random", "cma-es")
PRUNERS = ("median", "hyperband", "none")
MODES = ("auto", "min", "max")
WHICH_EPOCH = ("best", "last")


@dataclass(frozen=True, kw_only=True)
class SweepObjective:
    """The number by which trials are compared.

    Attributes:
        name: Its name in the logs of an epoch.
        mode: "min" if smaller is better, "max" if larger is.
        which: "best" or "last": the epoch of a trial that counts.
    """

    name: str
    mode: Literal["min", "max"]
    which: Literal["best", "last"] = "best"

    @property
    def rises(self) -> bool:
        """True if larger is better."""
        return self.mode == "max"

    def better(self, value: float, other: float | None) -> bool:
        """True if `value` is better than `other`; every value is better than None."""
        return other is None or (value > other if self.rises else value < other)

    def of(self, curve: Mapping[int, float]) -> float | None:
        """The objective of a trial with these values by epoch; None if all are NaN or there are none."""
        values = {epoch: value for epoch, value in curve.items() if value == value}
        if not values:
            return None
        return values[max(values)] if self.which == "last" else (max if self.rises else min)(values.values())


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How long a sweep searches: a number of trials, seconds, or whichever is reached first; None: no bound."""

    trials: int | None = None
    seconds: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return {"trials": self.trials, "seconds": self.seconds}


@dataclass(frozen=True, kw_only=True)
class SweepConfig:
    """The configuration of a sweep; `make_sweep_config` makes and checks it.

    Attributes:
        experiment: The experiment whose settings vary.
        space: The varied settings and their values.
        objective: The number by which trials are compared.
        sampler, pruner: One of `SAMPLERS` and of `PRUNERS`.
        seed: The seed of the sampler.
        include: uids of runs outside of the sweep that the sampler learns from.
    """

    experiment: Experiment
    space: SearchSpace
    objective: SweepObjective
    sampler: str = "tpe"
    pruner: str = "median"
    seed: int = 0
    include: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The configuration as plain values that `from_dict` reads."""
        objective = {field.name: getattr(self.objective, field.name) for field in fields(SweepObjective)}
        plain = {"sampler": self.sampler, "pruner": self.pruner, "seed": self.seed, "include": list(self.include)}
        return {
            "experiment": self.experiment.to_dict(),
            "space": self.space.to_dict(),
            "objective": objective,
            **plain,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The configuration that `to_dict` wrote.

        Raises:
            SettingError: it is no longer valid, for instance because a setting was renamed.
        """
        experiment = Experiment.from_dict(plain["experiment"])
        return cls(
            experiment=experiment,
            space=parse_search_space(plain["space"], experiment),
            objective=SweepObjective(**plain["objective"]),
            sampler=plain["sampler"],
            pruner=plain["pruner"],
            seed=plain["seed"],
            include=tuple(plain["include"]),
        )


def why_incomparable(recipe: SweepConfig) -> str | None:
    """Why trials that weigh their rows differently cannot be compared by the objective; None if they can."""
    name, held = recipe.objective.name, recipe.experiment.fit.validation_data
    of_file = (
        name.startswith("val_") and held is not None and held.kind == "upload"
    )  # its rows have weights of their own
    if "fit.sample_weight" not in recipe.space.dimensions or not name.endswith("loss") or of_file:
        return None
    return f"sample_weight weighs {name} too, so trials are not alike in it: compare by a metric, such as accuracy."


def make_sweep_config(
    experiment: Experiment,
    space: Any,
    *,
    objective: str | None = None,
    mode: str = "auto",
    which: str = "best",
    sampler: str = "tpe",
    pruner: str = "median",
    seed: int = 0,
    include: tuple[str, ...] = (),
    uploads: Path | None = None,
) -> SweepConfig:
    """A configuration, checked against its data.

    Args:
        space: As `parse_search_space` takes it.
        objective: A name in the logs; None: val_loss, or loss without validation.
        mode: "min", "max", or "auto": by the name.

    Raises:
        SettingError: every problem, one per line.
        DataError: the data cannot be loaded.
    """
    complaints: list[str] = []
    facts = facts_of(dataset_of(experiment.data, uploads or home() / "uploads"))
    found = None
    try:
        found = parse_search_space(space, experiment, facts)
    except SettingError as error:
        complaints += str(error).splitlines()
    name = objective or ("val_loss" if experiment.fit.validates else "loss")
    logged = experiment.logged(facts)
    complaints += [describe_unknown_name("objective", name, logged)] if name not in logged else []
    complaints += _unknown_words(mode=(mode, MODES), which=(which, WHICH_EPOCH))
    complaints += _unknown_words(sampler=(sampler, SAMPLERS), pruner=(pruner, PRUNERS))
    up = mode == "max" if mode != "auto" else higher_is_better(str(name))
    if up is None and not complaints:
        complaints.append(f"mode must be 'min' or 'max' for {name!r}, whose better direction nobody knows, got 'auto'.")
    if found is not None and sampler in SAMPLERS:
        complaints += _misfits(found, experiment, sampler)
    if type(seed) is not int or not 0 <= seed < 2**32:
        complaints.append(f"seed must be an integer from 0 to {2**32 - 1}, got {short_repr(seed)}.")
    if complaints:
        raise SettingError("\n".join(complaints))
    assert found is not None
    return SweepConfig(
        experiment=experiment,
        space=found,
        objective=SweepObjective(name=name, mode="max" if up else "min", which="last" if which == "last" else "best"),
        sampler=sampler,
        pruner=pruner,
        seed=seed,
        include=tuple(include),
    )


def plan_sweep(
    experiment: Experiment, space: Any, *, trials: Any, seconds: Any, **settings: Any
) -> tuple[SweepConfig, Budget]:
    """A configuration and its budget.

    Args:
        settings: As `make_sweep_config` takes them.

    Raises:
        SettingError: every problem of both, one per line.
        DataError: the data cannot be loaded.
    """
    complaints, recipe, budget = [], None, None
    try:
        recipe = make_sweep_config(experiment, space, **settings)
    except SettingError as error:
        complaints += str(error).splitlines()
    try:
        budget = budget_of(trials, seconds, sampler=settings.get("sampler", "tpe"))
    except SettingError as error:
        complaints += str(error).splitlines()
    if recipe is None or budget is None:
        raise SettingError("\n".join(complaints))
    return recipe, budget


def budget_of(trials: Any, seconds: Any, *, sampler: str) -> Budget:
    """A budget with at least one bound; only a grid, which is finite, may have none.

    Raises:
        SettingError: there is no bound, or a number is invalid.
    """
    complaints = []
    if trials is not None and (type(trials) is not int or trials < 1):
        complaints.append(f"trials must be an integer from 1 or None, got {short_repr(trials)}.")
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0):
        complaints.append(f"seconds must be above 0 or None, got {short_repr(seconds)}.")
    if trials is None and seconds is None and sampler != "grid":
        complaints.append("trials or seconds must be given, or the sweep would never end, got neither.")
    if complaints:
        raise SettingError("\n".join(complaints))
    return Budget(trials=trials, seconds=seconds)


def most_trials(recipe: SweepConfig, trials: int | None) -> int | None:
    """The largest number of trials by this bound and by the grid; None where neither bounds it."""
    if recipe.sampler != "grid":
        return trials
    cells = len(recipe.space.grid(recipe.experiment))
    return cells if trials is None else min(trials, cells)


def parse_sweep_toml(text: str) -> tuple[Experiment, dict[str, Any]]:
    """The experiment and the other arguments of `fitdash.sweep` in a TOML text.

    It has the tables `space` and `experiment` (or `experiment_file`, the path of a JSON file) and further arguments.

    Raises:
        SettingError: it is not TOML, has unknown names, or values of the wrong type; every problem, one per line.
    """
    try:
        plain = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"A sweep's file must be TOML, got {short_repr(text)}: {error}.") from error
    known = ("experiment", "experiment_file", "space", *SWEEP_ARGUMENTS)
    complaints = [describe_unknown_name("name in a sweep's file,", name, known) for name in plain if name not in known]
    complaints += [
        f"{name} must be {TYPE_WORDS[kinds]}, got {short_repr(plain[name])}."
        for name, kinds in SWEEP_ARGUMENTS.items()
        if name in plain and type(plain[name]) not in kinds
    ]
    if "space" not in plain:
        complaints.append('A sweep\'s file must have a table "space", got none.')
    experiment = None
    try:
        experiment = _experiment(plain.pop("experiment", {}), plain.pop("experiment_file", None))
    except SettingError as error:
        complaints += str(error).splitlines()
    if complaints or experiment is None:
        raise SettingError("\n".join(complaints))
    return experiment, plain


def _experiment(given: Any, file: Any) -> Experiment:
    """The experiment of a sweep's file: its settings over those of the experiment file, if it names one."""
    if file is None:
        return Experiment.from_dict(given)
    try:
        base = Experiment.from_json(Path(file).read_bytes()).to_dict()
    except (OSError, TypeError) as error:
        raise SettingError(
            f"experiment_file must be a file that can be read, got {short_repr(file)}: {error}."
        ) from error
    return Experiment.from_dict(_merged(base, given) if isinstance(given, Mapping) else given)


TYPE_WORDS = {
    (str,): "a text",
    (int,): "an integer",
    (int, float): "a number",
    (int, str): "an integer or the address of a Ray cluster",
    (bool,): "true or false",
}
SWEEP_ARGUMENTS = {
    **dict.fromkeys(("name", "objective", "mode", "which", "sampler", "pruner"), (str,)),
    "trials": (int,),
    "seed": (int,),
    "seconds": (int, float),
    "workers": (int, str),
    "together": (bool,),
}
"""Arguments that a sweep's file may have beside its tables, and their types."""


def _merged(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of `base`, with the values of `over` in place of theirs."""
    merged = dict(base)
    for name, value in over.items():
        is_table = isinstance(value, Mapping) and isinstance(base.get(name), dict)
        merged[name] = _merged(base[name], value) if is_table else value
    return merged


def _unknown_words(**given: tuple[str, tuple[str, ...]]) -> Iterator[str]:
    for what, (word, known) in given.items():
        if word not in known:
            yield describe_unknown_name(what, word, known)


def _misfits(space: SearchSpace, experiment: Experiment, sampler: str) -> list[str]:
    """Why the sampler cannot search this space, as texts; empty if it can."""
    if sampler == "grid":
        try:
            space.grid(experiment)
        except SettingError as error:
            return [str(error)]
    ranges = sum(isinstance(dimension, Range) for dimension in space.dimensions.values())
    if sampler == "cma-es" and ranges < 2:
        return [f"sampler 'cma-es' must have two ranges of numbers or more, got {ranges}. Use 'tpe'."]
    return []
