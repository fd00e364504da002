"""Declaration of an argument: type, default, bounds, help, rules; its problems, and when it has no effect.

A settings class is a frozen keyword-only dataclass below `Settings` whose fields are `Annotated[type, Arg(...)]`.
Form, checks, command line, export and sweep read the declaration through `settings_of`.
"""

import difflib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, ClassVar, get_args, get_origin, get_type_hints

from fitdash.settings.data_facts import DataFacts
from fitdash.settings.type_checks import (
    LARGEST_INTEGER,
    accepts,
    base_type_of,
    describe_type,
    describe_wrong_class,
    literal_values,
    short_repr,
    union_members,
)


@dataclass(frozen=True, kw_only=True)
class Arg:
    """The declaration of an argument, in addition to its type and default.

    Attributes:
        help: What it means, in plain words; default and interactions are derived from the other attributes.
        plain: A short plain name that the form shows beneath the argument's name.
        group: Heading in the form.
        minimum, maximum: Hard bounds, inclusive.
        more_than, less_than: Hard bounds, exclusive.
        soft: Range that a slider offers; values outside it are legal.
        step: Distance between neighbouring values in a widget.
        handy: Values that a form sets with one click.
        slides: True if a slider over `soft` stands beside the field.
        rare: True if a short form leaves it out while it is at its default.
        choices: Known names, if they are too many for a `Literal`.
        needs: What must hold for an effect: a field of the same class that is set, or one of its `conditions`.
        yields_to: Fields of the same class that switch this one off when they are set.
        below: Field of the same class that this one stays below.
        vary: True if a sweep may vary it.
        live: True if it can change during a run.
        unset: What None means, as a form shows it after "not set →".
    """

    help: str
    plain: str = ""
    group: str = ""
    minimum: float | None = None
    maximum: float | None = None
    more_than: float | None = None
    less_than: float | None = None
    soft: tuple[float, float] | None = None
    step: float | None = None
    handy: tuple[float, ...] = ()
    slides: bool = False
    rare: bool = False
    choices: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    yields_to: tuple[str, ...] = ()
    below: str | None = None
    vary: bool = False
    live: bool = False
    unset: str = ""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One field of a settings class.

    Attributes:
        name: Name of the argument.
        annotation: Its type, without the `Arg`.
        default: Its default.
        arg: Its declaration.
    """

    name: str
    annotation: Any
    default: Any
    arg: Arg

    @property
    def base(self) -> str:
        """The kind of widget: bool, int, float, str, choice, names, weights, shares or settings."""
        return (
            "choice" if self.arg.choices and base_type_of(self.annotation) == "str" else base_type_of(self.annotation)
        )

    @property
    def optional(self) -> bool:
        """True if None is a valid value."""
        return type(None) in union_members(self.annotation)

    @property
    def listed(self) -> bool:
        """True if a list of integers is valid as well as one integer."""
        return self.base == "int" and any(get_origin(one) is tuple for one in union_members(self.annotation))

    @property
    def words(self) -> tuple[Any, ...]:
        """Words that are valid in addition to values of the base type, such as "balanced"."""
        return literal_values(self.annotation)

    @property
    def choices(self) -> tuple[Any, ...]:
        """All values to choose from, except None; empty if any value of the base type is valid."""
        switch = (True, False) if bool in union_members(self.annotation) else ()
        return self.arg.choices or switch + self.words if self.base in ("choice", "bool") else self.arg.choices


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What stops a run: the address of its setting ("fit.epochs") and the sentence that is shown."""

    where: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A condition for settings to have an effect, and the reason to show if it does not hold."""

    holds: Callable[[Any, DataFacts | None], bool]
    otherwise: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of all settings classes.

    Attributes:
        section: First part of the address of its fields: "fit" of "fit.epochs".
        speaks_as: Prefix of a field's name in messages, if the name alone is ambiguous.
        conditions: Conditions that `needs` may name, in addition to fields.
    """

    section: ClassVar[str] = ""
    speaks_as: ClassVar[str] = ""
    conditions: ClassVar[Mapping[str, Condition]] = {}

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):
                object.__setattr__(self, field.name, tuple(value))
            elif isinstance(value, Mapping):
                object.__setattr__(self, field.name, dict(value))

    def faults(self, facts: DataFacts | None) -> Iterator[tuple[str, str]]:
        """Field and sentence of each problem beyond type, bounds and relations; all fields are valid in those."""
        yield from ()


_DECLARED: dict[type, dict[str, Setting]] = {}


def settings_of(cls: type[Settings]) -> dict[str, Setting]:
    """The declared settings of a class, by name, in the order of declaration."""
    if cls not in _DECLARED:
        _DECLARED[cls] = _declared(cls)
    return _DECLARED[cls]


def _declared(cls: type[Settings]) -> dict[str, Setting]:
    hints = get_type_hints(cls, include_extras=True)
    declared = {}
    for field in fields(cls):
        kind, *notes = get_args(hints[field.name]) if hasattr(hints[field.name], "__metadata__") else (None,)
        arg = next((note for note in notes if isinstance(note, Arg)), None)
        if arg is not None:
            default = field.default if field.default_factory is MISSING else field.default_factory()
            declared[field.name] = Setting(name=field.name, annotation=kind, default=default, arg=arg)
    return declared


def non_default_settings(settings: Settings) -> dict[str, Any]:
    """The settings that differ from their defaults."""
    values = {name: (getattr(settings, name), setting.default) for name, setting in settings_of(type(settings)).items()}
    return {name: value for name, (value, default) in values.items() if not _same(value, default)}


def problems_in(settings: Any, facts: DataFacts | None = None) -> list[Problem]:
    """Everything that stops a run with these settings or this experiment, all at once.

    Args:
        settings: A `Settings` or an `Experiment`, with any values in its fields.
        facts: Facts of the data; without them the rules that need them are left out.
    """
    if hasattr(settings, "parts"):
        return [problem for where, part in settings.parts() for problem in _problems(part, facts, where)] + [
            Problem(where=where, text=text) for where, text in settings.faults(facts)
        ]
    if not isinstance(settings, Settings):
        return [Problem(where="", text=f"Settings must be of a settings class, got {short_repr(settings)}.")]
    return _problems(settings, facts, settings.section)


def inert_in(settings: Any, facts: DataFacts | None = None) -> dict[str, str]:
    """Reason why each inert setting has no effect, by its address."""
    parts = settings.parts() if hasattr(settings, "parts") else [(settings.section, settings)]
    return {
        f"{where}.{name}": reason
        for where, part in parts
        for name, reason in _inert(replace_invalid_values(part), facts).items()
    }


def replace_invalid_values(settings: Any) -> Any:
    """The settings, with each invalid value reset to its default."""
    repaired = {}
    for name, setting in settings_of(type(settings)).items():
        value = getattr(settings, name)
        if value_fault(setting, value) is not None:
            repaired[name] = setting.default
        elif isinstance(value, Settings):
            repaired[name] = replace_invalid_values(value)
    return replace(settings, **repaired) if repaired else settings


def value_fault(setting: Setting, value: Any, label: str = "") -> str | None:
    """The sentence that refuses one value, by its type and bounds alone; None if the value is valid."""
    name = label or setting.name
    if not accepts(setting.annotation, value):
        return _wrong_type(setting, value, name)
    for number in _numbers(value):
        if (text := _out_of_bounds(setting.arg, number)) is not None:
            return f"{name} must be {text}, got {short_repr(number)}."
    if setting.arg.choices:
        for word in [value] if isinstance(value, str) else value if isinstance(value, tuple) else []:
            if word not in (*setting.arg.choices, *setting.words):
                return describe_unknown_name(name, word, setting.arg.choices)
    return None


def describe_unknown_name(what: str, word: Any, known: tuple[str, ...]) -> str:
    """The sentences that refuse an unknown name, with the nearest known one."""
    near = difflib.get_close_matches(str(word)[:60], known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"Unknown {what} {short_repr(word)}.{hint} Known: {', '.join(known) or 'none'}."


def _problems(settings: Any, facts: DataFacts | None, where: str) -> list[Problem]:
    """Problems of one settings object: of each value alone, then of the relations among valid values."""
    declared = settings_of(type(settings))
    found = {}
    for name, setting in declared.items():
        text = value_fault(setting, getattr(settings, name), f"{settings.speaks_as} {name}".strip())
        if text is not None:
            found[name] = Problem(where=f"{where}.{name}", text=text)
    problems = list(found.values())
    for name, setting in declared.items():
        other = setting.arg.below
        if other is not None and name not in found and other not in found:
            problems += [Problem(where=f"{where}.{name}", text=t) for t in _not_below(settings, name, other)]
        value = getattr(settings, name)
        if name not in found and isinstance(value, Settings):
            problems += _problems(value, facts, f"{where}.{name}")
    rules = replace_invalid_values(settings).faults(facts)
    return problems + [Problem(where=f"{where}.{name}", text=text) for name, text in rules if name not in found]


def _not_below(settings: Any, name: str, other: str) -> list[str]:
    value, limit = getattr(settings, name), getattr(settings, other)
    if value is None or limit is None or value < limit:
        return []
    return [
        f"{name} must be below {other} ({short_repr(limit)}), got {short_repr(value)}. Raise {other} or lower {name}."
    ]


def _inert(settings: Any, facts: DataFacts | None) -> dict[str, str]:
    reasons = {}
    for name, setting in settings_of(type(settings)).items():
        reason = _reason(settings, setting.arg, facts)
        value = getattr(settings, name)
        if reason is not None:
            reasons[name] = reason
        elif isinstance(value, Settings):
            reasons |= {f"{name}.{inner}": text for inner, text in _inert(value, facts).items()}
    return reasons


def _reason(settings: Any, arg: Arg, facts: DataFacts | None) -> str | None:
    for other in arg.yields_to:
        if getattr(settings, other):
            return f"No effect while {other} is set."
    for need in arg.needs:
        condition = settings.conditions.get(need)
        if condition is not None and not condition.holds(settings, facts):
            return str(condition.otherwise)
        if condition is None and not (value := getattr(settings, need)):
            return f"No effect while {need} is {'not set' if value is None else short_repr(value)}."
    return None


def _same(value: Any, default: Any) -> bool:
    """Equal in value and kind: 1 is not True, 0.0 is 0."""
    return isinstance(value, bool) == isinstance(default, bool) and bool(value == default)


def _wrong_type(setting: Setting, value: Any, name: str) -> str:
    if setting.base == "weights" and isinstance(value, Mapping):
        for key, weight in value.items():
            if not accepts(int, key):
                return describe_wrong_class(name, key)
            if not accepts(float, weight):
                rule = f"{name} must map class indices to weights"
                return f"{rule}, got {short_repr(weight)} for class {short_repr(key)}."
    return f"{name} must be {describe_type(setting.annotation)}, got {short_repr(value)}."


def _numbers(value: Any) -> Iterator[float]:
    """The numbers in a value: itself, or those of a table or list."""
    held = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple) else (value,)
    yield from (number for number in held if isinstance(number, int | float) and not isinstance(number, bool))


def _out_of_bounds(arg: Arg, number: float) -> str | None:
    if isinstance(number, float) and not math.isfinite(number):
        return "finite"
    tests = [
        (arg.minimum is not None and number < arg.minimum, f"at least {arg.minimum}"),
        (arg.more_than is not None and number <= arg.more_than, f"above {arg.more_than}"),
        (arg.maximum is not None and number > arg.maximum, f"at most {arg.maximum}"),
        (arg.less_than is not None and number >= arg.less_than, f"below {arg.less_than}"),
        (isinstance(number, int) and number > LARGEST_INTEGER, f"at most {LARGEST_INTEGER}"),
        (isinstance(number, int) and number < -LARGEST_INTEGER, f"at least {-LARGEST_INTEGER}"),
    ]
    return next((text for wrong, text in tests if wrong), None)
