"""Reads the bytes of a CSV file as columns, or raises an error that says what the file is.

Detected without a setting: comma, semicolon, tab and | between columns, a comma as decimal sign, separators of
thousands, byte order marks, UTF-8, UTF-16 and Windows text, a missing header, row names, repeated column names.
"""

import io
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fitdash.data.tables.csv_dialect import (
    SAMPLE_BYTES,
    CsvDialect,
    describe_one_column,
    describe_uneven_rows,
    detect_dialect,
)
from fitdash.errors import DataError

GAPS = ["?", "-", "na", "Na", "none", "NONE", "missing"]
"""Texts read as missing values, in addition to those of pandas ("", NA, N/A, NaN, null, None, …)."""

_FOREIGN = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP or Excel file",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "a compressed file",
    b"\x93NUMPY": "a NumPy file",
}
_MARKUP = {"<!doctype html": "an HTML page", "<html": "an HTML page", "<?xml": "an XML file", "{": "a JSON file"}


@dataclass(frozen=True, kw_only=True)
class CsvTable:
    """Columns as read, and remarks on how they were read.

    Attributes:
        frame: The columns.
        notes: A missing header, words counted as gaps."""

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()


def read_table(content: bytes, filename: str = "The file", *, least_columns: int = 2) -> CsvTable:
    """The columns of a CSV file.

    Args:
        content: The file's bytes.
        filename: Its name in messages.
        least_columns: 1 if a single column is enough.

    Raises:
        DataError: it is empty, is not CSV, or has too few columns or fewer than two rows.
    """
    if not content.strip():
        raise DataError(f"{filename} must hold a header and rows, got an empty file.")
    text = _utf8(content, filename)
    layout, text = detect_dialect(text, filename, least_columns)
    frame = _parsed(text, layout, filename).dropna(how="all", ignore_index=True)
    notes: list[str] = [] if layout.header == 0 else ["the file has no header"]
    for name in frame.columns:
        frame[name], note = _as_numbers(frame[name], layout.decimal)
        notes += [note] if note else []
    if frame.shape[1] > 1:
        frame = frame.drop(columns=[name for name in frame.columns if _is_filler(frame[name])])
    if len(frame) < 2:
        raise DataError(f"{filename} must have at least 2 rows below its header, got {len(frame)}.")
    if frame.shape[1] < least_columns:
        raise DataError(describe_one_column(filename, list(frame.columns)))
    return CsvTable(frame=frame, notes=tuple(notes))


def _utf8(content: bytes, filename: str) -> bytes:
    """The content in UTF-8, without a byte order mark."""
    found = next((what for mark, what in _FOREIGN.items() if content.startswith(mark)), None)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = content.decode("utf-16", errors="replace").encode()
    elif found is None and re.search(rb"[\x00-\x08\x0e-\x1f]", content[:SAMPLE_BYTES]):
        found = "binary data"
    start = content[:200].lstrip(b"\xef\xbb\xbf \t\r\n").decode("latin-1").lower()
    found = found or next((what for mark, what in _MARKUP.items() if start.startswith(mark)), None)
    if found:
        remedy = " Save the file itself, not the page that shows it." if "HTML" in found else " Save it as CSV."
        raise DataError(f"{filename} must be a CSV file (text, one row per line), got {found}.{remedy}")
    try:
        content.decode("utf-8")
        return content.removeprefix(b"\xef\xbb\xbf")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace").encode()


def _parsed(text: bytes, layout: CsvDialect, filename: str) -> pd.DataFrame:
    try:
        return pd.read_csv(
            io.BytesIO(text),
            sep=layout.delimiter,
            names=layout.names,
            header=layout.header,
            decimal=layout.decimal,
            index_col=False,
            skipinitialspace=True,
            na_values=GAPS,
            low_memory=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error)):
            raise DataError(describe_uneven_rows(filename, found[1], found[2], found[3])) from error
        if found := re.search(r"EOF inside string starting at row (\d+)", str(error)):
            raise DataError(f"{filename} must close every quote, got one that opens in row {found[1]}.") from error
        raise DataError(f"{filename} must be a CSV file, got text that cannot be split in columns: {error}") from error


def _as_numbers(column: pd.Series, decimal: str) -> tuple[pd.Series, str]:
    """A text column of numbers as numbers, with a note on words read as gaps; any other column unchanged."""
    if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_numeric_dtype(column.dtype):
        return column, ""
    if column.dtype == object:
        column = column.map(_plain)
        if pd.api.types.is_numeric_dtype(column.dtype):
            return column.astype(float), ""
    text = column.astype("str").str.strip()
    text = text.where(text != "", np.nan)
    numbers = pd.to_numeric(_without_thousands(text, decimal), errors="coerce").replace([np.inf, -np.inf], np.nan)
    filled, words = int(text.notna().sum()), sorted(set(text[text.notna() & numbers.isna()]))
    if filled == 0 or numbers.notna().sum() < 0.9 * filled:
        return text, ""
    shown = ", ".join(repr(word[:20]) for word in words[:3])
    return numbers, f"{shown} in '{column.name}' counts as a gap" if words else ""


def _plain(value: Any) -> Any:
    """A boolean (in a column with gaps) as 0 or 1, an integer beyond 64 bits as a float."""
    return float(value) if isinstance(value, bool | int) else value


def _without_thousands(text: pd.Series, decimal: str) -> pd.Series:
    """Numbers with separated thousands as plain numbers with a point; other texts unchanged."""
    group = "." if decimal == "," else ","
    g, d = re.escape(group), re.escape(decimal)
    grouped = text.str.fullmatch(rf"[+-]?(\d{{1,3}}({g}\d{{3}})+|\d+)({d}\d+)?", na=False).astype(bool)
    plain = text.str.replace(group, "", regex=False).str.replace(decimal, ".", regex=False)
    return text.where(~grouped, plain)


def _is_filler(column: pd.Series) -> bool:
    """True for an unnamed column that is empty or counts the rows, as spreadsheets and `to_csv` write."""
    if re.fullmatch(r"column \d+", str(column.name)) is None:
        return False
    if column.isna().all():
        return True
    counts = pd.api.types.is_integer_dtype(column.dtype) and len(column) > 2
    return bool(counts and (np.diff(column.to_numpy()) == 1).all() and column.iloc[0] in (0, 1))
