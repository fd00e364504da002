"""The syntax tree of pasted Python and R: calls, lists, names; numbers, strings and booleans as they are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST = 60


@dataclass(frozen=True)
class Name:
    """A name, dotted (`nn.ReLU`) or with dollars (`data$arrays`)."""

    text: str

    @property
    def last(self) -> str:
        """Its last part."""
        return self.text.replace("$", ".").rpartition(".")[2]


@dataclass(frozen=True)
class Argument:
    """An argument of a call or an item of a list: its name, or None, and its value."""

    name: Any
    value: Any


@dataclass(frozen=True)
class Call:
    """A call: last name, arguments, and the object it is called on: `model` of `model.fit(…)`, `model %>% fit(…)`."""

    name: str
    given: tuple[Argument, ...] = ()
    on: Any = None


@dataclass(frozen=True)
class Items:
    """A list, tuple, set, vector or dictionary."""

    given: tuple[Argument, ...] = ()

    @property
    def values(self) -> list[Any]:
        return [one.value for one in self.given]


@dataclass(frozen=True)
class Other:
    """Any other expression as text, with the parts that may hold calls."""

    text: str
    parts: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Statement:
    """A statement: a value, and the variables that it is assigned to, if any."""

    names: tuple[str, ...]
    value: Any


@dataclass(frozen=True)
class ParsedProgram:
    """The statements of a program, and sentences about what could not be parsed."""

    language: str
    statements: tuple[Statement, ...] = ()
    complaints: tuple[str, ...] = ()


def calls_in(value: Any) -> Iterator[Call]:
    """Every call in a value, in order of evaluation: the object it is called on, its arguments, itself."""
    if isinstance(value, Call):
        yield from calls_in(value.on)
        for one in value.given:
            yield from calls_in(one.value)
        yield value
    elif isinstance(value, Items):
        for one in value.given:
            yield from calls_in(one.value)
    elif isinstance(value, Other):
        for part in value.parts:
            yield from calls_in(part)


def quote_value(value: Any) -> str:
    """A value as text for a sentence, cut to `LONGEST` characters."""
    text = _text(value, 3)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _text(value: Any, depth: int) -> str:
    if isinstance(value, Name | Other):
        return " ".join(value.text.split())
    if isinstance(value, Call | Items):
        inside = ", ".join(_argument(one, depth - 1) for one in value.given[:8]) if depth else "…"
        return f"{value.name}({inside})" if isinstance(value, Call) else f"[{inside}]"
    return number_text(value) if isinstance(value, float) else repr(value)[: 2 * LONGEST]


def number_text(value: float) -> str:
    """A number as text, whole ones without a point: R's 5 is a float."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _argument(one: Argument, depth: int) -> str:
    text = _text(one.value, depth)
    return text if one.name is None else f"{one.name} = {text}"


KnownValues = Mapping[str, Any]
"""Values by the variables that the pasted text assigns them to."""


def resolve_variable(value: Any, known: KnownValues) -> Any:
    """The value assigned to a variable; the variable itself where its value is unknown or would need computing."""
    for _ in range(10):
        if not isinstance(value, Name) or isinstance(known.get(value.text, value), Other):
            return value
        value = known.get(value.text, value)
    return value
