"""Converts a pasted value to the value of a setting, or says why the setting cannot hold it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fitdash.pasted.syntax_tree import Call, Items, Name, Other, quote_value
from fitdash.settings.declaration import Setting, value_fault
from fitdash.settings.type_checks import union_members


class NotUnderstood(Exception):
    """A setting cannot hold a value; the message is the reason as a sentence."""


def value_for(setting: Setting, value: Any, label: str = "") -> Any:
    """The value of a setting for a pasted value.

    Args:
        setting: The declaration.
        value: A number, a string, a boolean, or a list of them.
        label: Name of the setting in messages.

    Raises:
        NotUnderstood: the value is of no such type, or the setting refuses it.
    """
    name = label or setting.name
    plain = _plain(value, setting)
    if isinstance(plain, Name | Other | Call):
        raise NotUnderstood(f"{name} = {quote_value(plain)}")
    plain = _fitting(plain, setting)
    if (sentence := value_fault(setting, plain, name)) is not None:
        raise NotUnderstood(sentence)
    return plain


def match_name(name: str, known: Sequence[str]) -> str | None:
    """The known name that differs in spelling alone, such as Adam, KLDivergence, keras.losses.mse; None without one."""
    short = _letters(name)
    return next((one for one in known if _letters(one) == short), None)


def extract_name(value: Any, prefix: str = "") -> str | None:
    """The name that a string, a dotted name or a call gives, without R's prefix such as `optimizer_`."""
    if isinstance(value, str):
        return value
    if isinstance(value, Name):
        return value.last.removeprefix(prefix)
    return value.name.removeprefix(prefix) if isinstance(value, Call) else None


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.rpartition(".")[2].lower())


def _plain(value: Any, setting: Setting) -> Any:
    """Lists as tuples or dicts; a list of one item as that item where the setting takes no list."""
    if not isinstance(value, Items):
        return value
    names = [one.name for one in value.given]
    if setting.base in ("weights", "shares"):
        if any(name is None for name in names):
            raise NotUnderstood(f"{setting.name} = {quote_value(value)}")
        key = _index if setting.base == "weights" else str
        return {key(one.name): one.value for one in value.given}
    if not _takes_several(setting) and len(names) == 1 and names[0] is None:
        return value.values[0]
    return tuple(value.values)


def _takes_several(setting: Setting) -> bool:
    return any("tuple" in str(one) for one in union_members(setting.annotation))


def _index(name: Any) -> Any:
    """The class index that a key stands for: R writes "0", Python 0."""
    return int(name) if isinstance(name, str) and re.fullmatch(r"\d{1,9}", name) else name


def _fitting(value: Any, setting: Setting) -> Any:
    """Whole numbers as integers where the setting takes no float, booleans as 0 or 1 where it takes no boolean."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, tuple):
        return tuple(_number(one, setting) for one in value)
    if isinstance(value, str) and setting.base == "names" and value not in setting.words:
        return (value,)
    if isinstance(value, bool) and bool not in union_members(setting.annotation) and 1 in setting.words:
        return int(value)
    return _number(value, setting)


def _number(value: Any, setting: Setting) -> Any:
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return int(value) if whole and float not in union_members(setting.annotation) else value
