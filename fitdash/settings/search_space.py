"""A search space: the settings of an experiment that a sweep varies, and their ranges or choices."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fitdash.errors import SettingError
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import (
    Arg,
    Problem,
    Setting,
    Settings,
    describe_unknown_name,
    problems_in,
    settings_of,
)
from fitdash.settings.experiment import LARGEST_SEED, Experiment
from fitdash.settings.search_dimension import (
    Choices,
    Dimension,
    dimension_from,
    dimension_plain,
    dimension_text,
    is_whole,
)
from fitdash.settings.type_checks import short_repr

SEED = Setting(
    name="seed",
    annotation=int,
    default=0,
    arg=Arg(help="Where all random numbers start.", minimum=0, maximum=LARGEST_SEED, step=1, vary=True),
)
MOST_CELLS = 100_000


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """Ranges and choices by the address of their setting ("compile.learning_rate"), in their order.

    `parse_search_space` makes and checks it.
    """

    dimensions: Mapping[str, Dimension]

    def apply(self, experiment: Experiment, values: Mapping[str, Any]) -> Experiment:
        """The experiment with these values in place of its own."""
        for address, value in values.items():
            experiment = with_value(experiment, address, value)
        return experiment

    def values_in(self, experiment: Experiment) -> dict[str, Any]:
        """The values of this experiment, by address."""
        return {address: value_at(experiment, address) for address in self.dimensions}

    def holds(self, values: Mapping[str, Any]) -> bool:
        """True if all values lie in the space."""
        return all(one.holds(values.get(address)) for address, one in self.dimensions.items())

    def covers(self, base: Experiment, other: Experiment) -> bool:
        """True if the other experiment is the base with values of this space."""
        try:
            values = self.values_in(other)
            return self.holds(values) and self.apply(base, values) == other
        except SettingError:
            return False

    def grid(self, experiment: Experiment) -> list[dict[str, Any]]:
        """Every combination, the last setting changing fastest.

        Raises:
            SettingError: a range has unbounded values, or there are too many combinations.
        """
        declared = sweepable_settings(experiment)
        axes, endless = [], []
        for address, one in self.dimensions.items():
            values = one.grid(whole=is_whole(declared[address]))
            axes.append(values or [])
            endless += [] if values else [address]
        if endless:
            raise SettingError(
                f"A grid must have some values of each setting, got ranges without end: {', '.join(endless)}. "
                'Add points, such as "1e-4..1e-1 log 5 points", or list the values.'
            )
        if (count := math.prod(map(len, axes))) > MOST_CELLS:
            raise SettingError(f"A grid must have at most {MOST_CELLS:,} combinations, got {count:,}.")
        return [dict(zip(self.dimensions, values, strict=True)) for values in itertools.product(*axes)]

    def at(self, experiment: Experiment, point: tuple[float, ...]) -> dict[str, Any]:
        """The values at a point of the unit cube, an axis for each setting."""
        declared = sweepable_settings(experiment)
        pairs = zip(self.dimensions.items(), point, strict=True)
        return {address: one.at(share, whole=is_whole(declared[address])) for (address, one), share in pairs}

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `parse_search_space` reads."""
        return {address: dimension_plain(one) for address, one in self.dimensions.items()}

    def to_text(self) -> dict[str, str]:
        """Each dimension as a line of text."""
        return {address: dimension_text(one) for address, one in self.dimensions.items()}


def parse_search_space(given: Any, experiment: Experiment, facts: DataFacts | None = None) -> SearchSpace:
    """A search space, checked against the declarations of its settings and the experiment that it varies.

    Args:
        given: A `SearchSpace`, or a table by address of what `dimension_from` takes; nested tables are accepted, as
            TOML writes them.
        experiment: The experiment to vary: its data, network, callbacks … decide which settings there are.
        facts: Facts of the data, for the rules that need them.

    Raises:
        SettingError: everything that is wrong, one per line.
    """
    given = given.dimensions if isinstance(given, SearchSpace) else given
    if not isinstance(given, Mapping):
        raise SettingError(f"A search space must be a table of settings, got {short_repr(given)}.")
    declared, complaints = sweepable_settings(experiment), []
    dimensions: dict[str, Dimension] = {}
    for address, value in _addresses(given, declared):
        if address not in declared:
            complaints.append(_unknown_address(address, experiment, declared))
            continue
        try:
            dimensions[address] = dimension_from(value, declared[address], address)
        except SettingError as error:
            complaints.append(str(error))
    if not given:
        complaints.append("A search space must vary one setting or more, got none.")
    space = SearchSpace(dimensions=dimensions)
    complaints += [problem.text for problem in _relations(space, experiment, facts)]
    if complaints:
        raise SettingError("\n".join(complaints))
    return space


def sweepable_settings(experiment: Experiment) -> dict[str, Setting]:
    """The settings of this experiment that a sweep may vary, by address; the seed last."""
    return dict(_varying(experiment.parts())) | {"seed": SEED}


def value_at(experiment: Experiment, address: str) -> Any:
    """The value of a setting.

    Raises:
        SettingError: the experiment has no such setting.
    """
    value: Any = experiment
    for part in address.split("."):
        if isinstance(value, tuple) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif hasattr(value, part):
            value = getattr(value, part)
        else:
            raise SettingError(f"An experiment must have the setting {address} to give its value, got one without it.")
    return value


def with_value(experiment: Experiment, address: str, value: Any) -> Experiment:
    """The experiment with another value of one setting.

    Raises:
        SettingError: the experiment has no such setting.
    """
    value_at(experiment, address)
    changed: Experiment = _replaced(experiment, address.split("."), value)
    return changed


def _replaced(whole: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    if isinstance(whole, tuple):
        place = int(path[0])
        return (*whole[:place], _replaced(whole[place], path[1:], value), *whole[place + 1 :])
    return replace(whole, **{path[0]: _replaced(getattr(whole, path[0]), path[1:], value)})


def _varying(parts: list[tuple[str, Settings]]) -> Iterator[tuple[str, Setting]]:
    for where, part in parts:
        for name, setting in settings_of(type(part)).items():
            if setting.arg.vary:
                yield f"{where}.{name}", setting
            if isinstance(value := getattr(part, name), Settings):
                yield from _varying([(f"{where}.{name}", value)])


def _addresses(given: Mapping[str, Any], declared: Mapping[str, Setting], where: str = "") -> Iterator[tuple[str, Any]]:
    """Address and value of each entry; nested tables are followed as long as they are part of an address."""
    for name, value in given.items():
        address = f"{where}{name}"
        leads_on = any(one.startswith(f"{address}.") for one in declared)
        if isinstance(value, Mapping) and address not in declared and leads_on:
            yield from _addresses(value, declared, f"{address}.")
        else:
            yield address, value


def _unknown_address(address: str, experiment: Experiment, declared: Mapping[str, Setting]) -> str:
    """The sentence that refuses an address: its setting is fixed, needs another setting, or is unknown."""
    if address.startswith("fit.validation_data.") and experiment.fit.validation_data is None:
        return f"{address} must have validation_data to be varied, got None. Set fit.validation_data."
    try:
        value_at(experiment, address)
    except SettingError:
        last = [one for one in declared if one.rpartition(".")[2] == address.rpartition(".")[2]]
        known = tuple(last or declared)
        return (
            describe_unknown_name("setting of a search space,", address, known)
            if not last
            else (
                f"Unknown setting of a search space, {short_repr(address)}. "
                f"Did you mean {' or '.join(map(repr, last))}?"
            )
        )
    return f"{address} must be a setting that may vary, got one that is fixed. Known: {', '.join(declared)}."


def _relations(space: SearchSpace, experiment: Experiment, facts: DataFacts | None) -> list[Problem]:
    """Problems of varied values beyond their own bounds, such as initial_epoch below epochs; one per setting."""
    known = {problem.text for problem in problems_in(experiment, facts)}
    found: dict[str, Problem] = {}
    for varied in corners(space, experiment):
        for problem in problems_in(varied, facts):
            if problem.text not in known:
                found.setdefault(problem.where, problem)
    return list(found.values())


def corners(space: SearchSpace, experiment: Experiment) -> Iterator[Experiment]:
    """The experiment with each extreme of each setting alone, and with all first and all last values together."""
    ends = {a: one.values if isinstance(one, Choices) else (one.low, one.high) for a, one in space.dimensions.items()}
    yield experiment
    for address, values in ends.items():
        yield from (with_value(experiment, address, value) for value in values)
    for place in (0, -1):
        yield space.apply(experiment, {address: values[place] for address, values in ends.items()})
