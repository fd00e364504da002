"""Formats values, settings and their names for the page."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from fitdash.settings.declaration import Setting, Settings, non_default_settings
from fitdash.settings.weight_expressions import shorten_sample_weight

STATE_COLOURS: dict[str, Any] = {
    "running": "blue",
    "paused": "yellow",
    "finished": "green",
    "failed": "red",
    "interrupted": "violet",
    "stopped": "orange",
}
"""Badge colours of run states, by name in Streamlit; others are gray."""

VALUES = {True: "on", False: "off", None: "not set"}
LABELS = {"data.name": "data", "data.features": "x", "data.target": "y", "network.kind": "object"}
LABELS |= {"fit.validation_data.kind": "validation_data"}
LABELS |= {f"fit.validation_data.{name}": f"validation_data {name}" for name in ("share", "rows", "sample_weight")}
LABELS |= {f"fit.sample_weight.{name}": f"sample_weight {name}" for name in ("column", "value", "factor", "count")}
"""Labels of settings whose name in the declaration differs from `fit`'s argument, or is unclear by itself."""

CHOICES: dict[str, dict[Any, str]] = {"fit.verbose": {0: "0 silent", 1: "1 bar", 2: "2 lines"}}


def escape_markdown(text: str) -> str:
    """Text with Markdown's special characters escaped; names that users give are never markup."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|:$~<>])", r"\\\1", text)


def label_of(key: str) -> str:
    """Label of a setting: the argument's name; for the kind of a card, the card's number, from 1."""
    if card := re.fullmatch(r"(?:network\.)?(layer|callback)s\.(\d+)\.kind", key):
        return f"{card[1]} {int(card[2]) + 1}"
    return LABELS.get(key, key.rpartition(".")[2])


def labels_of(addresses: Iterable[str], *, besides: Iterable[str] = ()) -> dict[str, str]:
    """Label of each setting by its address, made unique among them and the labels in `besides`."""
    names = {address: label_of(address) for address in addresses}
    count = Counter([*names.values(), *besides])
    return {address: name if count[name] == 1 else _told_apart(address, name) for address, name in names.items()}


def _told_apart(address: str, name: str) -> str:
    card = re.fullmatch(r"(?:network\.)?(layer|callback)s\.(\d+)\..+", address)
    return address if card is None else f"{card[1]} {int(card[2]) + 1} {name}"


def format_choice(key: str, value: Any) -> str:
    """Label of a choice."""
    if not isinstance(value, bool) and value in (own := CHOICES.get(key, {})):
        return own[value]
    return VALUES[value] if value is None or isinstance(value, bool) else str(value)


def format_number(value: float) -> str:
    """A number in few digits, never shown as 0 when it is not."""
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def describe_unset(setting: Setting) -> str:
    """What None means for this setting."""
    return f"not set → {setting.arg.unset}" if setting.arg.unset else "not set"


def help_of(setting: Setting) -> str:
    """Help of a setting: meaning and default."""
    default = describe_unset(setting) if setting.default is None else format_choice("", setting.default)
    return f"{setting.arg.help} Default: {escape_markdown(default)}."


def summarize_settings(settings: Settings, always: tuple[str, ...] = (), group: str | None = None) -> str:
    """One line of the settings that differ from the defaults, and those in `always`."""
    from fitdash.settings.declaration import settings_of

    declared = settings_of(type(settings))
    changed = non_default_settings(settings)
    names = [n for n, s in declared.items() if (n in always or n in changed) and group in (None, s.arg.group)]
    return " · ".join(
        f"{escape_markdown(name)} {escape_markdown(format_value(getattr(settings, name)))}" for name in names
    )


def format_value(value: Any) -> str:
    """A value in a word or two."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return format_number(value)
    if isinstance(value, tuple):
        return ", ".join(str(getattr(one, "kind", one)) for one in value) or "none"
    if isinstance(value, dict):
        return "custom"
    if isinstance(value, Settings):
        return _held(value)
    if isinstance(value, str):
        return shorten_sample_weight(value)
    return format_choice("", value)


def _held(held: Any) -> str:
    """A hold-out in words: share or rows, or the validation file."""
    if held.kind == "upload":
        return held.filename or "upload"
    if held.kind == "last" and held.rows:
        return f"last {format_value(held.rows)} rows"
    return f"{held.kind} {format_value(held.share)}"


def format_seconds(seconds: float) -> str:
    """A duration in hours, minutes, seconds or milliseconds; never shown as 0."""
    if seconds < 1:
        return f"{max(1, round(1000 * seconds))} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{whole} s"
