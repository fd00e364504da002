"""Uploaded files: kept by the hash of their content, read as data sets."""

import hashlib
import os
import re
import tempfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Literal

from fitdash.data.tables.csv_reader import CsvTable, read_table
from fitdash.data.tables.dataset import Dataset, make_dataset, select_features
from fitdash.data.tables.target import check_target, guess_task
from fitdash.errors import DataError

LARGEST_BYTES = 100_000_000


def check_size(size_bytes: int, filename: str = "The file", most_bytes: int = LARGEST_BYTES) -> None:
    """Refuse a file that is too large for the dashboard.

    Raises:
        DataError: it is larger than `most_bytes`.
    """
    if size_bytes > most_bytes:
        raise DataError(
            f"{filename} must be at most {most_bytes // 1_000_000} MB, got {size_bytes / 1_000_000:.3g} MB. "
            "Leave out rows or columns, or call fit from a script, where any array will do."
        )


def save_upload(
    content: bytes,
    folder: Path,
    filename: str = "The file",
    *,
    most_bytes: int = LARGEST_BYTES,
    least_columns: int = 2,
) -> str:
    """Store an uploaded file and return the SHA-256 of its content, by which it is found again.

    Args:
        content: The file's bytes.
        folder: Where uploads are kept; created if missing.
        filename: Its name in messages.
        most_bytes: Largest size, if a server allows less than `LARGEST_BYTES`.
        least_columns: 1 if a single column is enough.

    Raises:
        DataError: it is too large, or not CSV with so many columns and two rows; then it is not kept.
    """
    check_size(len(content), filename, most_bytes)
    digest = hashlib.sha256(content).hexdigest()
    is_new = not (folder / digest).exists()
    if is_new:
        folder.mkdir(parents=True, exist_ok=True)
        number, part = tempfile.mkstemp(dir=folder, prefix="part-")
        with os.fdopen(number, "wb") as file:
            file.write(content)
        os.replace(part, folder / digest)
    try:
        read_upload(digest, folder, filename, least_columns=least_columns)
    except DataError:
        if is_new:
            (folder / digest).unlink(missing_ok=True)
        raise
    return digest


def read_upload(digest: str, folder: Path, filename: str = "The file", *, least_columns: int = 2) -> CsvTable:
    """The columns of a stored file, not to be modified; touches the file, whose time records its last use.

    Raises:
        DataError: the file is missing, its content has changed, or it is not CSV.
    """
    path = folder / digest
    if re.fullmatch("[0-9a-f]{64}", digest) is None or not path.is_file():
        raise DataError(f"{filename} must be uploaded again: its content is not kept here.")
    with suppress(OSError):  # another user's file can still be read
        os.utime(path)
    return _read_once(digest, folder, filename, least_columns)


@lru_cache(maxsize=2)
def _read_once(digest: str, folder: Path, filename: str, least_columns: int) -> CsvTable:
    path = folder / digest
    check_size(path.stat().st_size, filename)
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise DataError(f"{filename} must be uploaded again: what is kept here has been changed.")
    return read_table(content, filename, least_columns=least_columns)


def dataset_from_table(
    table: CsvTable,
    *,
    name: str,
    target: str | None = None,
    features: tuple[str, ...] | None = None,
    task: Literal["auto", "classification", "regression"] = "auto",
) -> Dataset:
    """The columns of a file as a data set; its rows stay in the order of the file.

    Args:
        table: The columns.
        name: Name of the file on screens and in messages.
        target: The column to predict; None is the last one.
        features: The columns to predict it from; None is all others.
        task: "auto" guesses it from the target.

    Raises:
        DataError: a column is missing, or the target cannot be learned.
    """
    columns = [str(column) for column in table.frame.columns]
    target = columns[-1] if target is None else target
    if target not in columns:
        known = ", ".join(columns[:20])
        raise DataError(f"target must name a column of {name}, got {target!r}. Columns: {known}.")
    meant = guess_task(table.frame[target]) if task == "auto" else task
    check_target(table.frame[target], meant)
    dataset = make_dataset(name, table.frame, target, meant)
    notes = "".join(f"; {note}" for note in table.notes)
    return make_dataset(
        name,
        table.frame,
        target,
        meant,
        inputs=select_features(dataset, features),
        line=f"{len(table.frame)} rows and {len(columns)} columns from {name}{notes}.",
    )
