"""Settings as plain data for JSON and TOML, and back without loss."""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from fitdash.settings.declaration import Settings, describe_unknown_name, settings_of
from fitdash.settings.type_checks import base_type_of, short_repr, union_members


def to_plain(value: Any) -> Any:
    """The value as dicts, lists, strings and numbers; class indices become strings."""
    if isinstance(value, Settings):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    return value


def settings_from_plain(cls: type[Settings], data: Any, where: str, complaints: list[str]) -> Settings:
    """The settings that `to_plain` wrote; a field left out has its default.

    Values of a wrong type are kept, for `problems_in` to report.

    Args:
        cls: The settings class.
        data: The plain data.
        where: Address of these settings, for the complaints.
        complaints: Receives a sentence for each unknown name, and for settings that are not a table.
    """
    declared = settings_of(cls)
    if not isinstance(data, Mapping):
        complaints.append(f"{where} must be a table of settings, got {short_repr(data)}.")
        return cls()
    complaints += [
        describe_unknown_name(f"setting of {where},", name, tuple(declared)) for name in data if name not in declared
    ]
    return cls(
        **{
            name: _value(setting.annotation, data[name], f"{where}.{name}", complaints)
            for name, setting in declared.items()
            if name in data
        }
    )


def _value(annotation: Any, value: Any, where: str, complaints: list[str]) -> Any:
    if isinstance(value, Mapping):
        nested = [one for one in union_members(annotation) if isinstance(one, type) and issubclass(one, Settings)]
        if nested:
            return settings_from_plain(nested[0], value, where, complaints)
        if base_type_of(annotation) == "weights":
            return {_index(key): item for key, item in value.items()}
    return _tuples(value)


def _index(key: Any) -> Any:
    """The class index of a string that `to_plain` wrote; any other key unchanged."""
    return int(key) if isinstance(key, str) and re.fullmatch(r"0|-?[1-9][0-9]{0,17}", key) else key


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value
