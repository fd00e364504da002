"""One dimension of a search space: a range of numbers or choices, read from a table or a line of text, and back."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from fitdash.errors import SettingError
from fitdash.settings.csv_quoting import is_quoted, quote, split_at_commas, unquote
from fitdash.settings.declaration import Setting, describe_unknown_name, value_fault
from fitdash.settings.serialization import to_plain
from fitdash.settings.type_checks import short_repr

MOST_POINTS = 1000
UNSET = ("none", "not set")


@dataclass(frozen=True, kw_only=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Attributes:
        log: True for a logarithmic scale.
        step: Distance between neighbouring numbers; None: any number, or any integer.
        points: Number of evenly spaced points in a grid.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    points: int | None = None

    def at(self, share: float, *, whole: bool) -> float:
        """The number at a share of the range, 0–1."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        value = low + share * (high - low)
        value = math.exp(value) if self.log else value
        if self.step is not None:
            value = self.low + round((value - self.low) / self.step) * self.step
        value = min(max(value, self.low), self.high)
        return round(value) if whole else float(value)

    def grid(self, *, whole: bool) -> list[float] | None:
        """The numbers of a grid; None if they are unbounded."""
        if self.points is not None:
            places = max(1, self.points - 1)
            return list(dict.fromkeys(self.at(place / places, whole=whole) for place in range(self.points)))
        step = self.step if self.step is not None else 1 if whole and not self.log else None
        if step is None or (self.high - self.low) / step >= MOST_POINTS:
            return None
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        return [round(self.low + place * step) if whole else self.low + place * step for place in range(count)]

    def holds(self, value: Any) -> bool:
        """True if the value is one of these numbers."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            return False
        places = 0.0 if self.step is None else (value - self.low) / self.step
        return abs(places - round(places)) < 1e-6


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The values to choose from, in their order."""

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))

    def at(self, share: float, *, whole: bool = False) -> Any:
        """The value at a share of the list, 0–1."""
        return self.values[min(len(self.values) - 1, int(share * len(self.values)))]

    def grid(self, *, whole: bool = False) -> list[Any]:
        """All values."""
        return list(self.values)

    def holds(self, value: Any) -> bool:
        """True if the value is one of them."""
        return any(_same(value, one) for one in self.values)


Dimension = Range | Choices

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_SPAN = re.compile(rf"({_NUMBER})\s*(?:\.\.|…|\bto\b)\s*({_NUMBER})(.*)", re.DOTALL)
_MORE = re.compile(rf"\s*,?\s*(?:(log)|step\s*=?\s*({_NUMBER})|(\d+)\s*points|linear)\b", re.IGNORECASE)


def dimension_from(given: Any, setting: Setting, where: str) -> Dimension:
    """The values over which a sweep varies a setting.

    Args:
        given: A `Range` or `Choices`; a list of values; a table with the fields of `Range`, or with "choices"; or text:
            "0.1, 0.01", "1e-4..1e-1 log", "16..128 step 16", "0..1 5 points".
        setting: Its declaration.
        where: Its address, for the error.

    Raises:
        SettingError: the first problem: it is none of these, or a value is invalid for the setting.
    """
    made = _made(given, setting, where)
    text = _wrong_range(made, setting, where) if isinstance(made, Range) else _wrong_choices(made, setting, where)
    if text:
        raise SettingError(text)
    return _whole_ends(made) if isinstance(made, Range) and is_whole(setting) else made


def dimension_text(dimension: Dimension) -> str:
    """The text that `dimension_from` reads."""
    if isinstance(dimension, Choices):
        return ", ".join("not set" if value is None else _word(value) for value in dimension.values)
    more = [" log" if dimension.log else ""]
    more.append("" if dimension.step is None else f" step {_word(dimension.step)}")
    more.append("" if dimension.points is None else f" {dimension.points} points")
    return f"{_word(dimension.low)}..{_word(dimension.high)}{''.join(more)}"


def dimension_plain(dimension: Dimension) -> dict[str, Any]:
    """The dimension as plain data that `dimension_from` reads."""
    if isinstance(dimension, Choices):
        return {"choices": [to_plain(value) for value in dimension.values]}
    given = {field.name: getattr(dimension, field.name) for field in fields(Range)}
    return {name: value for name, value in given.items() if value is not None and value is not False}


def is_whole(setting: Setting) -> bool:
    """Whether the numbers of a setting are integers."""
    return setting.base == "int"


def _made(given: Any, setting: Setting, where: str) -> Dimension:
    """Range or choices, unchecked."""
    if isinstance(given, Range | Choices):
        return given
    if isinstance(given, str):
        return _from_text(given, setting, where)
    if isinstance(given, list | tuple):
        return Choices(values=tuple(_typed(value, setting) for value in given))
    if isinstance(given, Mapping) and "choices" in given and isinstance(given["choices"], list | tuple):
        _refuse_words(given, ("choices",), where)
        return Choices(values=tuple(_typed(value, setting) for value in given["choices"]))
    if isinstance(given, Mapping):
        known = tuple(field.name for field in fields(Range))
        _refuse_words(given, known, where)
        if "low" in given and "high" in given:
            return Range(**given)
    raise SettingError(
        f"{where} must be a range or some values to be varied, got {short_repr(given)}. "
        'Give "1e-4..1e-1 log", a list, or a table with low and high.'
    )


def _refuse_words(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for name in given:
        if name not in known:
            raise SettingError(describe_unknown_name(f"word of the range of {where},", name, known))


def _from_text(text: str, setting: Setting, where: str) -> Dimension:
    """A span of numbers, or values with commas between them."""
    span = _SPAN.fullmatch(text.strip())
    if span is None:
        return Choices(values=tuple(_value(word, setting) for word in split_at_commas(text) if word))
    found: dict[str, Any] = {"low": float(span[1]), "high": float(span[2])}
    rest = span[3]
    while rest.strip():
        word = _MORE.match(rest)
        if word is None:
            raise SettingError(
                f'{where} must be like "1e-4..1e-1 log", "16..128 step 16" or "0..1 5 points", got {short_repr(text)}.'
            )
        found |= {"log": True} if word[1] else {}
        found |= {"step": float(word[2])} if word[2] else {}
        found |= {"points": int(word[3])} if word[3] else {}
        rest = rest[word.end() :]
    return Range(**found)


def _value(word: str, setting: Setting) -> Any:
    """The value that a word means for this setting; an unknown word is kept, for the check to refuse."""
    if setting.base == "str" and is_quoted(word):
        return unquote(word)
    bare = word if setting.base == "str" else word.strip("\"'")
    if bare.lower() in UNSET and setting.optional:
        return None
    for one in setting.choices:
        if bare.lower() == str(one).lower():
            return one
    if setting.base in ("int", "float") and re.fullmatch(_NUMBER, bare):
        return _typed(float(bare), setting)
    return bare


def _typed(value: Any, setting: Setting) -> Any:
    """16.0 as 16 for settings that take integers; class indices as integers; lists as tuples."""
    if is_whole(setting) and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {int(key) if str(key).isdigit() else key: weight for key, weight in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _wrong_range(given: Range, setting: Setting, where: str) -> str | None:
    if setting.base not in ("int", "float"):
        known = f" Known: {', '.join(map(str, setting.choices))}." if setting.choices else ""
        return f"{where} must be varied by a list of values, got a range.{known}"
    for name in ("low", "high", "step"):
        number = getattr(given, name)
        if not isinstance(number, int | float) or isinstance(number, bool) or not math.isfinite(number):
            if name != "step" or number is not None:
                return f"{where} must have a number as {name}, got {short_repr(number)}."
        elif is_whole(setting) and number != int(number):
            return f"{where} must have an integer as {name}, got {short_repr(number)}."
    for end in (given.low, given.high):
        text = value_fault(setting, int(end) if is_whole(setting) else end, where)
        if text is not None:
            return text
    if not isinstance(given.log, bool):
        return f"{where} must have True or False as log, got {short_repr(given.log)}."
    if given.low >= given.high:
        return f"{where} must have low below high, got {short_repr(given.low)} and {short_repr(given.high)}."
    if given.log and given.low <= 0:
        return f"{where} must begin above 0 to be log, got {short_repr(given.low)}."
    if given.step is not None and (given.log or not 0 < given.step <= given.high - given.low):
        return (
            f"{where} must have a step above 0 that fits the range, and no log beside it, got {short_repr(given.step)}."
        )
    if given.points is not None and not (type(given.points) is int and 2 <= given.points <= MOST_POINTS):
        return f"{where} must have 2 to {MOST_POINTS} points, got {short_repr(given.points)}."
    return None


def _wrong_choices(given: Choices, setting: Setting, where: str) -> str | None:
    if not given.values:
        return f"{where} must have one value or more to be varied, got none."
    for place, value in enumerate(given.values):
        if (text := value_fault(setting, value, where)) is not None:
            return text
        if any(_same(value, other) for other in given.values[:place]):
            return f"{where} must have each value once, got {short_repr(value)} again."
    return None


def _whole_ends(given: Range) -> Range:
    """The range with integer ends, so that messages and files show 16, not 16.0."""
    step = None if given.step is None else int(given.step)
    return Range(low=int(given.low), high=int(given.high), log=given.log, step=step, points=given.points)


def _same(value: Any, other: Any) -> bool:
    """Equal in value and kind: 1 is not True, 0.0 is 0."""
    return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)


def _word(value: Any) -> str:
    if isinstance(value, str) and (split_at_commas(value) != [value] or value[:1] == '"' or value.lower() in UNSET):
        return quote(value)
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
