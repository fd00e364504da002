"""Uploaded files: which runs use them, and which may be removed.

A file is named by the hash of its content. Its modification time is when it was last read, see `data.tables.upload`.
"""

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fitdash.runs.record.store import Store

# An open page may have a draft that names the file; a run that begins is in the record within this time.
IN_HAND_SECONDS = 3600.0

_NAME = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One uploaded file.

    Attributes:
        content: The hash of its content, which is its file name.
        used: When it was last read, in seconds since 1970.
    """

    content: str
    size_bytes: int
    used: float


def uploads_of(home: Path) -> list[Upload]:
    """The uploaded files, ordered by their hash."""
    found = []
    for path in sorted((home / "uploads").glob("*")):
        if _NAME.fullmatch(path.name) and path.is_file():
            about = path.stat()
            found.append(Upload(content=path.name, size_bytes=about.st_size, used=about.st_mtime))
    return found


def uploads_used_by(store: Store, owner: str) -> list[Upload]:
    """The uploads that the experiments of this owner's runs name, for training or validation."""
    hashes = _hashes_in(store, "SELECT experiment FROM runs WHERE deleted IS NULL AND owner = ?", owner)
    return [upload for upload in uploads_of(store.path.parent) if upload.content in hashes]


def unused_uploads(store: Store, *, days: float) -> list[Upload]:
    """The uploads that no run and no sweep names; deleted runs and sweeps that can be brought back count too.

    Args:
        days: Only files that were not read for this long; at least an hour.
    """
    before = time.time() - max(days * 86_400, IN_HAND_SECONDS)
    old = [upload for upload in uploads_of(store.path.parent) if upload.used < before]
    # Queried last: a run that has begun meanwhile is in the record.
    hashes = _hashes_in(store, "SELECT experiment FROM runs UNION ALL SELECT recipe FROM sweeps") if old else set()
    return [upload for upload in old if upload.content not in hashes]


def remove_unused_uploads(store: Store, *, days: float) -> list[Upload]:
    """Remove the uploads of `unused_uploads` as far as possible; returns those that were removed."""
    removed = []
    for upload in unused_uploads(store, days=days):
        path = store.path.parent / "uploads" / upload.content
        with suppress(OSError):
            if path.stat().st_mtime == upload.used:  # no page or run has read it meanwhile
                path.unlink()
                removed.append(upload)
    return removed


def _hashes_in(store: Store, query: str, *values: str) -> set[str]:
    """Every hash in the texts that the query finds: one too many keeps a file, one too few would lose it."""
    return {name for (text,) in store.read_rows(query, values) for name in _NAME.findall(text)}
