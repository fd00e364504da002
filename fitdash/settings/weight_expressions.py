"""Expressions of sample_weight: a closed list, parsed by the declarations here and never evaluated as code.

An expression is one of `EXPRESSIONS` with its arguments: `inverse(age)`, `above(age, 40, 3)`, `recency()`.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from fitdash.settings.csv_quoting import QUOTED, quote, unquote
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import Arg, Settings, describe_unknown_name, problems_in
from fitdash.settings.type_checks import short_repr

EXPRESSIONS: dict[str, tuple[str, ...]] = {
    "absolute": ("column",),
    "square": ("column",),
    "inverse": ("column",),
    "rarity": ("column",),
    "recency": ("column",),
    "above": ("column", "value", "factor"),
    "below": ("column", "value", "factor"),
    "equal": ("column", "value", "factor"),
    "last_steps": ("count",),
    "upload": ("filename", "content"),
    "upload_steps": ("filename", "content"),
}
"""Arguments of each expression, in the order in which they are written."""

EXPRESSION_MEANINGS = {
    "absolute": "the number of the column without its sign",
    "square": "the number of the column times itself",
    "inverse": "1 / the number of the column",
    "rarity": "values of the column that are rare in training count more: each the same in sum, a row 1 on average",
    "recency": "from little for the first training row to 1 for the last, in the order of the rows or of a column",
    "above": "rows above the value count the factor, all others 1",
    "below": "rows below the value count the factor, all others 1",
    "equal": "rows of the value count the factor, all others 1",
    "last_steps": "the last steps of each sequence count 1, those before them 0",
    "upload": "a file of one number for each row of the data, before any split",
    "upload_steps": "a file of one row for each row of the data, with one number for each step",
}
STEP_EXPRESSIONS = ("last_steps", "upload_steps")
FILE_EXPRESSIONS = ("upload", "upload_steps")
COLUMN_EXPRESSIONS = tuple(form for form, asked in EXPRESSIONS.items() if "column" in asked)
MAY_LACK = {"recency": ("column",)}


@dataclass(frozen=True, kw_only=True)
class WeightExpression(Settings):
    """One expression and its arguments."""

    section: ClassVar[str] = "fit.sample_weight"
    speaks_as: ClassVar[str] = "sample_weight"

    form: Annotated[
        str,
        Arg(
            help="; ".join(
                f"{name}: {meaning}" for name, meaning in EXPRESSION_MEANINGS.items() if name not in FILE_EXPRESSIONS
            )
            + ".",
            plain="how rows are weighed",
            choices=tuple(EXPRESSIONS),
        ),
    ] = "inverse"
    column: Annotated[
        str | None,
        Arg(help="The column that weights are made of. It stays one of the inputs.", plain="of which column"),
    ] = None
    value: Annotated[
        str | None,
        Arg(help="What each row of the column is held against: a number, for equal also a word.", plain="held against"),
    ] = None
    factor: Annotated[
        float,
        Arg(
            help="How much the rows count that are found; all others count 1.",
            plain="weight of those rows",
            minimum=0,
            soft=(0, 100),
            step=0.5,
        ),
    ] = 3.0
    count: Annotated[
        int,
        Arg(help="How many steps at the end of a sequence count.", plain="steps that count", minimum=1, step=1),
    ] = 5
    filename: Annotated[
        str | None,
        Arg(help="The name that the uploaded file had.", plain="file"),
    ] = None
    content: Annotated[
        str | None,
        Arg(help="The SHA-256 of the uploaded file, by which its content is kept.", plain="uploaded content"),
    ] = None

    @property
    def threshold(self) -> float | None:
        """The value as a number; None if it is not a number."""
        return _number(self.value or "")

    def faults(self, facts: DataFacts | None) -> Iterator[tuple[str, str]]:
        """Arguments that the expression lacks, or that do not fit it or the data."""
        asked = EXPRESSIONS.get(self.form, ())
        signs = f"{self.form}({', '.join(name for name in asked if name != 'content')})"
        for name in ("column", "value"):
            if name in asked and not getattr(self, name) and name not in MAY_LACK.get(self.form, ()):
                yield name, f"sample_weight must name a {name} for {signs}, got none."
        if self.form in ("above", "below") and self.value and self.threshold is None:
            pointed = self.value.replace(",", ".")
            remedy = "" if _number(pointed) is None else f" Write it with a point: {pointed}."
            yield (
                "value",
                f"sample_weight must hold {self.column} against a number, got {short_repr(self.value)}.{remedy}",
            )
        if self.form in FILE_EXPRESSIONS and (
            self.content is None or re.fullmatch("[0-9a-f]{64}", self.content) is None
        ):
            yield "content", f"sample_weight is {self.form} but there is no file. Choose a CSV file, or other weights."
        if self.form in STEP_EXPRESSIONS and facts is not None and not facts.steps:
            yield "form", f"sample_weight must be of rows, got {self.form}: the data has no steps."
        if self.form == "last_steps" and facts is not None and facts.steps and self.count > facts.steps:
            yield "count", f"sample_weight must be of at most {facts.steps} steps, got {self.count}."


def parse_weight_expression(text: object) -> WeightExpression | None:
    """The expression in a text; None if it is not an expression, such as the name of a column.

    A column name may contain commas: the arguments after it are counted from the end. A value with a comma is
    written as in CSV, `equal(city, "Paris, Texas", 2)`, and a quote within quotes twice.
    """
    found = re.fullmatch(r"(\w+)\((.*)\)", text.strip(), re.DOTALL) if isinstance(text, str) else None
    if found is None or found[1] not in EXPRESSIONS:
        return None
    asked, inside = EXPRESSIONS[found[1]], found[2].strip()
    if found[1] in FILE_EXPRESSIONS:
        name, _, content = inside.rpartition(", ")
        is_whole = re.fullmatch("[0-9a-f]{64}", content) is not None
        given = [name, content] if is_whole else [inside]  # a file name may contain commas and quotes
    else:
        given = [unquote(part) for part in _parts(inside, len(asked))]
    values = {name: _typed(name, part) for name, part in zip(asked, given, strict=False) if part}
    return WeightExpression(form=found[1], **values)


def format_weight_expression(meant: WeightExpression, *, with_content: bool = True) -> str:
    """The text of an expression; on screens and in scripts a file is known by its name alone."""
    asked = [name for name in EXPRESSIONS[meant.form] if with_content or name != "content"]
    given = [getattr(meant, name) for name in asked]
    while given and given[-1] in (None, ""):
        given.pop()
    said = ["" if value is None else _plain(value) for value in given]
    if meant.form not in FILE_EXPRESSIONS:
        said = [_quoted(text, alone=name == "value") for name, text in zip(asked, said, strict=False)]
    return f"{meant.form}({', '.join(said)})"


def shorten_sample_weight(text: str) -> str:
    """A sample_weight as shown on screens and in scripts: a file by its name alone."""
    meant = parse_weight_expression(text)
    return text if meant is None or meant.content is None else format_weight_expression(meant, with_content=False)


def restore_file_content(text: str, known: str | None) -> str:
    """A sample_weight with the content hash of `known`, if that is the same text with one; else unchanged."""
    return known if known is not None and known != text and shorten_sample_weight(known) == text else text


def weighs_steps(text: str | None, facts: DataFacts) -> bool:
    """True if a sample_weight gives a weight for each step of a sequence, rather than for each row."""
    if text in facts.step_weights:
        return True
    meant = None if text in facts.weights else parse_weight_expression(text)
    return meant is not None and meant.form in STEP_EXPRESSIONS


def sample_weight_faults(text: str, facts: DataFacts | None) -> Iterator[str]:
    """Problems of a sample_weight."""
    if facts is not None and text in (*facts.step_weights, *facts.weights):
        return
    meant = parse_weight_expression(text)
    if meant is not None:
        yield from (problem.text for problem in problems_in(meant, facts))
    elif (found := re.fullmatch(r"(\w+)\(.*\)", text)) is not None:
        yield describe_unknown_name("expression in sample_weight,", found[1], tuple(EXPRESSIONS))
    elif facts is not None:
        known = (*facts.step_weights, *facts.weights)
        rule = "sample_weight must name a column of numbers from 0 up"
        yield f"{rule}, got {short_repr(text)}. Known: {', '.join(known[:20]) or 'none'}."


def _parts(text: str, most: int) -> list[str]:
    """The parts between commas outside quotes; if there are more than `most`, the first keeps its commas."""
    found = list(re.finditer(rf"(?:^|,)(\s*{QUOTED}\s*(?=,|$)|[^,]*)", text)) if text else []
    more = max(0, len(found) - most)
    own = [text[: one.end()] for one in found[more : more + 1]]
    return [part.strip() for part in (*own, *(one[1] for one in found[more + 1 :]))]


def _quoted(text: str, *, alone: bool) -> str:
    """The text, quoted if it would not be read back as it is; an argument after the first may have no bare comma."""
    bare = text == text.strip() and '"' not in text[:1] and not (alone and "," in text)
    return text if bare else quote(text)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _typed(name: str, text: str) -> Any:
    """An argument in the type of its field; text that is not a number is kept, for the check to refuse."""
    kind = {"factor": float, "count": int}.get(name, str)
    try:
        return kind(text)
    except ValueError:
        return text


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
