"""`Experiment`, the recipe of a run: data, network, compile, fit, callbacks and seed, without results."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from fitdash.errors import SettingError
from fitdash.settings.callbacks import CALLBACKS, LEARNING_RATE_SETTERS, CallbackArgs, ModelCheckpointArgs
from fitdash.settings.compile import CompileArgs
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.declaration import Settings, describe_unknown_name, replace_invalid_values
from fitdash.settings.fit import FitArgs
from fitdash.settings.layer_list import batch_faults, network_from_plain, to_plain_network
from fitdash.settings.layers import LayerArgs
from fitdash.settings.losses_and_metrics import resolved_metrics
from fitdash.settings.network import LAYER_LIST, NetworkArgs
from fitdash.settings.plan import Plan, plan_of
from fitdash.settings.serialization import settings_from_plain, to_plain
from fitdash.settings.type_checks import short_repr
from fitdash.settings.weight_expressions import weighs_steps

VERSION = 1
LARGEST_SEED = 2**32 - 1  # what NumPy's generator takes
SECTIONS: dict[str, type[Settings]] = {
    "data": DatasetArgs,
    "network": NetworkArgs,
    "compile": CompileArgs,
    "fit": FitArgs,
}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Everything that determines a run.

    Attributes:
        data: The data set to train on.
        network: The network to train.
        compile: Loss, optimizer, metrics.
        fit: The arguments of `fit`.
        callbacks: Settings of the built-in callbacks, in their order.
        seed: Seed of all random generators.
        version: Version of this form; files of a newer version are refused.
    """

    data: DatasetArgs = field(default_factory=DatasetArgs)
    network: NetworkArgs = field(default_factory=NetworkArgs)
    compile: CompileArgs = field(default_factory=CompileArgs)
    fit: FitArgs = field(default_factory=FitArgs)
    callbacks: tuple[CallbackArgs, ...] = ()
    seed: int = 0
    version: int = VERSION

    def __post_init__(self) -> None:
        if isinstance(self.callbacks, list):
            object.__setattr__(self, "callbacks", tuple(self.callbacks))

    def parts(self) -> list[tuple[str, Settings]]:
        """Address and settings of each part that is of its class."""
        sections = [
            (name, getattr(self, name)) for name, cls in SECTIONS.items() if isinstance(getattr(self, name), cls)
        ]
        if isinstance(self.network, NetworkArgs) and self.network.kind == LAYER_LIST:
            layers = enumerate(self.network.layers)
            sections += [(f"network.layers.{i}", args) for i, args in layers if isinstance(args, LayerArgs)]
        given = enumerate(self.callbacks) if isinstance(self.callbacks, tuple) else ()
        return sections + [(f"callbacks.{i}", args) for i, args in given if isinstance(args, CallbackArgs)]

    def faults(self, facts: DataFacts | None) -> Iterator[tuple[str, str]]:
        """Parts of a wrong class, an invalid seed, callbacks that do not fit the data."""
        for name, cls in SECTIONS.items():
            if not isinstance(getattr(self, name), cls):
                yield name, f"{name} must be {cls.__name__}, got {short_repr(getattr(self, name))}."
        given = self.callbacks if isinstance(self.callbacks, tuple) else (self.callbacks,)
        for index, args in enumerate(given):
            if not isinstance(args, CallbackArgs):
                yield f"callbacks.{index}", f"callbacks must hold settings of callbacks, got {short_repr(args)}."
        yield from self._file_faults()
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed <= LARGEST_SEED:
            yield "seed", f"seed must be an integer from 0 to {LARGEST_SEED}, got {short_repr(self.seed)}."
        if type(self.version) is not int or self.version != VERSION:
            yield "version", f"version must be {VERSION}, got {short_repr(self.version)}."
        if facts is not None and isinstance(self.compile, CompileArgs) and isinstance(self.fit, FitArgs):
            yield from self._watching_faults(facts)
            yield from self._weighting_faults(facts)
            if isinstance(self.network, NetworkArgs):
                yield from batch_faults(self.network, self.fit, facts)

    def _file_faults(self) -> Iterator[tuple[str, str]]:
        """Callbacks that would overwrite each other's file."""
        taken: dict[str, str] = {}
        for where, args in self.parts():
            for key in ("filepath", "filename") if isinstance(args, CallbackArgs) else ():
                name = getattr(args, key, None)
                if isinstance(name, str) and name in taken:
                    what = f"{args.speaks_as} {key} must be a name of its own"
                    yield f"{where}.{key}", f"{what}, got {short_repr(name)}, which {taken[name]} writes."
                elif isinstance(name, str):
                    taken[name] = args.speaks_as

    def _watching_faults(self, facts: DataFacts) -> Iterator[tuple[str, str]]:
        """Callbacks whose monitor or file name needs a metric that no epoch logs."""
        logged = self.logged(facts)
        rate = ("learning_rate",) if any(isinstance(args, LEARNING_RATE_SETTERS) for _, args in self.parts()) else ()
        for where, args in ((where, replace_invalid_values(args)) for where, args in self.parts()):
            monitor = getattr(args, "monitor", None)
            if monitor is not None and monitor.removeprefix("val_") not in logged:
                yield f"{where}.monitor", describe_unknown_name(f"{args.speaks_as} monitor", monitor, logged)
            if isinstance(args, ModelCheckpointArgs):
                known = ("epoch", *logged, *rate)
                if args.save_freq is not None:
                    known = ("epoch", "batch", *(name for name in logged if not name.startswith("val_")))
                for name in set(args.fields or ()) - set(known):
                    yield f"{where}.filepath", describe_unknown_name(f"{args.speaks_as} field", name, known)

    def _weighting_faults(self, facts: DataFacts) -> Iterator[tuple[str, str]]:
        """A weight per row while sample_weight_mode asks for one per step."""
        name = self.fit.sample_weight
        if self.compile.sample_weight_mode and facts.steps and name is not None and not weighs_steps(name, facts):
            rule = "sample_weight must be a weight of each step while sample_weight_mode is temporal"
            remedy = f"Choose {' or '.join(facts.step_weights)}, or unset sample_weight_mode."
            yield "fit.sample_weight", f"{rule}, got {short_repr(name)}. {remedy}"

    def logged(self, facts: DataFacts) -> tuple[str, ...]:
        """Names in the history that a callback can monitor, in their order, those of validation included."""
        names = logged_names(replace_invalid_values(self.compile), facts)
        return names + tuple(f"val_{name}" for name in names) if replace_invalid_values(self.fit).validates else names

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain data, defaults included, so that a later default does not change the experiment."""
        plain: dict[str, Any] = {"version": self.version, "seed": self.seed}
        plain |= {name: to_plain(getattr(self, name)) for name in SECTIONS}
        plain["network"] = to_plain_network(self.network)
        return plain | {"callbacks": [{"kind": args.kind} | to_plain(args) for args in self.callbacks]}

    def to_json(self) -> str:
        """The experiment as standard JSON.

        Raises:
            SettingError: a number is not finite.
        """
        return self._json

    @cached_property
    def _json(self) -> str:
        try:
            return json.dumps(self.to_dict(), allow_nan=False)
        except (ValueError, TypeError, AttributeError) as error:
            raise SettingError(f"An experiment must hold plain finite values to be written: {error}.") from error

    @classmethod
    def from_dict(cls, plain: Any) -> Self:
        """The experiment that `to_dict` wrote. Invalid values are kept, for `problems_in` to report.

        Raises:
            SettingError: it comes from a newer version, or holds unknown names.
        """
        if not isinstance(plain, Mapping):
            raise SettingError(f"An experiment must be a table of settings, got {short_repr(plain)}.")
        version = plain.get("version", VERSION)
        if isinstance(version, int | float) and version > VERSION:
            raise SettingError(
                f"version must be at most {VERSION}, got {short_repr(version)}. "
                "A newer fitdash wrote it: update this one."
            )
        known = ("version", "seed", *SECTIONS, "callbacks")
        complaints = [
            describe_unknown_name("part of an experiment", name, known) for name in plain if name not in known
        ]
        parts: dict[str, Any] = {
            name: settings_from_plain(part, plain[name], name, complaints)
            for name, part in SECTIONS.items()
            if name in plain and name != "network"
        }
        if "network" in plain:
            parts["network"] = network_from_plain(plain["network"], complaints)
        parts["callbacks"] = _callbacks_from(plain.get("callbacks", ()), complaints)
        if complaints:
            raise SettingError("\n".join(complaints))
        return cls(**parts, seed=plain.get("seed", 0), version=version)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The experiment that `to_json` wrote.

        Raises:
            SettingError: it is not JSON, comes from a newer version, or holds unknown names.
        """
        try:
            plain = json.loads(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise SettingError(f"An experiment must be JSON, got {short_repr(text)}: {error}.") from error
        return cls.from_dict(plain)


def logged_names(args: CompileArgs, facts: DataFacts) -> tuple[str, ...]:
    """Names in the logs of an epoch, in their order, those of validation left out."""
    metrics, weighted = resolved_metrics(facts.task, args.metrics), args.weighted_metrics
    found = ["loss", *(f"{output}_loss" for output in facts.outputs)]
    prefixes = [f"{output}_" for output in facts.outputs] or [""]
    found += [prefix + name for prefix in prefixes for name in metrics]
    clashing = [name if name not in metrics else f"weighted_{name}" for name in weighted]
    return (*found, *(prefix + name for prefix in prefixes for name in clashing))


def plan_run(experiment: Experiment, facts: DataFacts) -> Plan:
    """The plan of a run of the experiment: its rows, batches, steps and epochs."""
    return plan_of(experiment.fit, facts)


def _callbacks_from(plain: Any, complaints: list[str]) -> tuple[Any, ...]:
    if not isinstance(plain, list | tuple):
        complaints.append(f"callbacks must be a list, got {short_repr(plain)}.")
        return ()
    return tuple(_callback_from(args, f"callbacks.{index}", complaints) for index, args in enumerate(plain))


def _callback_from(plain: Any, where: str, complaints: list[str]) -> Any:
    kind = plain.get("kind") if isinstance(plain, Mapping) else None
    if not isinstance(kind, str) or kind not in CALLBACKS:
        complaints.append(
            describe_unknown_name(f"callback at {where},", kind if kind is not None else plain, tuple(CALLBACKS))
        )
        return None
    settings = {name: value for name, value in plain.items() if name != "kind"}
    return settings_from_plain(CALLBACKS[kind], settings, where, complaints)
