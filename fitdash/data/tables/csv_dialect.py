"""The dialect of a CSV file, detected from its beginning: delimiter, decimal sign, header, column names."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from fitdash.errors import DataError

SAMPLE_BYTES = 65_536
MOST_COLUMNS = 5_000
DELIMITERS = ",;\t|"

_POINT = re.compile(r"[+-]?\d+\.\d+")
_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")


@dataclass(frozen=True, kw_only=True)
class CsvDialect:
    """The dialect of a CSV file.

    Attributes:
        delimiter: Sign between columns.
        decimal: Decimal sign of its numbers.
        names: Name of each column, distinct.
        header: Index of the header row; None if the file has none.
    """

    delimiter: str
    decimal: str
    names: list[str]
    header: int | None


def detect_dialect(text: bytes, filename: str, least_columns: int = 2) -> tuple[CsvDialect, bytes]:
    """The dialect, and the text without the `sep=` line in which a spreadsheet names the delimiter."""
    named = re.match(rb"sep=(.)\r?\n", text)
    text = text[named.end() :] if named else text
    head = text[:SAMPLE_BYTES] if text.count(b"\n", 0, SAMPLE_BYTES) > 2 else text[: 64 * SAMPLE_BYTES]
    sample, whole = head.decode("utf-8", errors="ignore"), len(head) == len(text)
    delimiter = named.group(1).decode("latin-1") if named else max(DELIMITERS, key=lambda d: _fit(sample, whole, d))
    rows = _rows(sample, whole, delimiter)
    width = _common_width([row for _, row in rows])
    if width < least_columns or not rows:
        raise DataError(describe_one_column(filename, rows[0][1] if rows else []))
    if width > MOST_COLUMNS:
        raise DataError(f"{filename} must have at most {MOST_COLUMNS} columns, got {width}.")
    first = rows[0][1]
    header = None if _holds_values(first) else 0
    names = _names(first, [row for _, row in rows[1:]], width) if header == 0 else [""] * width
    _refuse_longer_rows(rows, len(names), filename)
    decimal = _decimal([cell.strip() for _, row in rows[1:] for cell in row], delimiter)
    return CsvDialect(delimiter=delimiter, decimal=decimal, names=_distinct(names), header=header), text


def _rows(sample: str, whole: bool, delimiter: str) -> list[tuple[int, list[str]]]:
    """Line number and cells of each complete, non-empty row of the sample."""
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        rows = [
            (reader.line_num, [cell.strip() for cell in row]) for row in reader if any(cell.strip() for cell in row)
        ]
    except csv.Error:
        return []
    return rows if whole or len(rows) < 2 else rows[:-1]


def _fit(sample: str, whole: bool, delimiter: str) -> tuple[bool, float, int]:
    """How well a delimiter fits: it splits rows, the share of rows with the most common width, and that width."""
    rows = [row for _, row in _rows(sample, whole, delimiter)]
    width = _common_width(rows)
    return width > 1, sum(len(row) == width for row in rows) / max(1, len(rows)), width


def _common_width(rows: list[list[str]]) -> int:
    return Counter(len(row) for row in rows).most_common(1)[0][0] if rows else 0


def _holds_values(first: list[str]) -> bool:
    """True if the first row is data, not a header: more than half of its cells are numbers other than years."""
    numbers = [cell for cell in first if re.fullmatch(r"[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?", cell)]
    years = [cell for cell in numbers if re.fullmatch(r"(18|19|20)\d\d", cell)]
    return len(numbers) - len(years) > len(first) / 2


def _names(header: list[str], rows: list[list[str]], width: int) -> list[str]:
    """Names of all columns, even if the header is one short: R omits row names, others end each row with a comma."""
    if width != len(header) + 1:
        return header
    return [*header, ""] if not any(row[width - 1 :] != [""] for row in rows) else ["", *header]


def _refuse_longer_rows(rows: list[tuple[int, list[str]]], width: int, filename: str) -> None:
    for line, row in rows:
        if len(row) > width and any(row[width:]):
            raise DataError(describe_uneven_rows(filename, width, line, len(row)))


def describe_uneven_rows(filename: str, width: Any, line: Any, cells: Any) -> str:
    return f"{filename} must have {width} columns in every row, got {cells} in line {line}."


def describe_one_column(filename: str, names: list[str]) -> str:
    found = f"one ({names[0][:40]!r})" if names else "one"
    return (
        f"{filename} must have at least two columns, one of them the target, got {found}. "
        "Separate columns by comma, semicolon, tab or |."
    )


def _decimal(cells: list[str], delimiter: str) -> str:
    """The decimal sign: a comma if more numbers contain a comma than a point."""
    commas = [cell for cell in cells if _COMMA.fullmatch(cell)]
    if delimiter == "," and all(_THOUSANDS.fullmatch(cell) for cell in commas):
        return "."
    return "," if len(commas) > sum(_POINT.fullmatch(cell) is not None for cell in cells) else "."


def _distinct(names: list[str]) -> list[str]:
    """The names, each filled in and made distinct."""
    seen: Counter[str] = Counter()
    distinct: list[str] = []
    for place, given in enumerate(names, start=1):
        name = given or f"column {place}"
        seen[name] += 1
        while (unique := name if seen[name] == 1 else f"{name} ({seen[name]})") in distinct:
            seen[name] += 1
        distinct.append(unique)
    return distinct
