"""Differences between the settings of experiments, by address; experiments are plain data, as in the record."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fitdash.settings.weight_expressions import shorten_sample_weight

MOST_NAMED = 4
CARD = re.compile(r"(?:network\.layers|callbacks)\.\d+\.kind")
UNSAID = ("data.content", "version")
"""Addresses whose differences are not shown: a hash, the version of the form."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One setting in two experiments; None if one of them lacks it."""

    address: str
    before: Any
    now: Any


def flatten_settings(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Every value of an experiment by its address: "compile.learning_rate", "callbacks.0.patience"."""
    return dict(_flat(plain, ""))


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """The settings in which two experiments differ, in their order; of a replaced callback or layer only its kind.

    Args:
        before, now: As `Experiment.to_dict` gives them.
    """
    old, new = flatten_settings(before), flatten_settings(now)
    names = [name for name in dict.fromkeys([*old, *new]) if not same(old.get(name), new.get(name))]
    others = {name.removesuffix("kind") for name in names if CARD.fullmatch(name)}
    said = [name for name in names if name not in UNSAID and (CARD.fullmatch(name) or _card(name) not in others)]
    return [Difference(address=name, before=old.get(name), now=new.get(name)) for name in said]


def differing_addresses(experiments: Sequence[Mapping[str, Any]]) -> list[str]:
    """Addresses of the settings in which some of these experiments differ, in their order.

    Args:
        experiments: As `flatten_settings` gives them.
    """
    if not experiments:
        return []
    first = experiments[0]
    names = dict.fromkeys(name for one in experiments for name in one)
    return [
        name
        for name in names
        if name not in UNSAID and any(not same(one.get(name), first.get(name)) for one in experiments[1:])
    ]


def same(one: Any, other: Any) -> bool:
    """Equal in value and kind: 1 is not True, 0.0 is 0."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def setting_text(value: Any) -> str:
    """A value in a word or two, without markup."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {setting_text(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return ", ".join(map(setting_text, value)) or "none"
    return shorten_sample_weight(str(value))


def _flat(plain: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    for name, value in plain.items():
        address = f"{where}{name}"
        if isinstance(value, Mapping) and name != "class_weight":
            yield from _flat(value, f"{address}.")
        elif name in ("callbacks", "layers") and isinstance(value, list | tuple):
            for place, one in enumerate(value):
                if isinstance(one, Mapping):
                    yield from _flat(one, f"{address}.{place}.")
        else:
            yield address, value


def _card(address: str) -> str:
    """Common beginning of the addresses of one callback's or layer's settings."""
    return address.rpartition(".")[0] + "."
