"""Files that people uploaded: who uses them, and which may go.

A file is kept by the hash of its content. Its time of change is when it was last asked for, see `data.upload`.
"""

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fitdash.runs.record.store import Store

# A page may be open whose draft names the file; a run that begins is in the record within this time.
IN_HAND_SECONDS = 3600.0

_NAME = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One file.

    Attributes:
        content: The hash that it is kept by.
        used: When it was last asked for, in seconds since 1970.
    """

    content: str
    size_bytes: int
    used: float


def uploads_of(home: Path) -> list[Upload]:
    """What is kept, by its hash."""
    found = []
    for path in sorted((home / "uploads").glob("*")):
        if _NAME.fullmatch(path.name) and path.is_file():
            about = path.stat()
            found.append(Upload(content=path.name, size_bytes=about.st_size, used=about.st_mtime))
    return found


def uploads_used_by(store: Store, owner: str) -> list[Upload]:
    """Those that the runs of this owner are made with, to validate on as well."""
    named = _named(store, "SELECT experiment FROM runs WHERE deleted IS NULL AND owner = ?", owner)
    return [one for one in uploads_of(store.path.parent) if one.content in named]


def unused_uploads(store: Store, *, days: float) -> list[Upload]:
    """Those that no run and no sweep is made with, deleted ones that can be brought back included.

    Args:
        days: Nobody has asked for it so long; an hour at least.
    """
    before = time.time() - max(days * 86_400, IN_HAND_SECONDS)
    old = [one for one in uploads_of(store.path.parent) if one.used < before]
    # Asked last: what has begun meanwhile is in the record.
    named = _named(store, "SELECT experiment FROM runs UNION ALL SELECT recipe FROM sweeps") if old else set()
    return [one for one in old if one.content not in named]


def remove_unused_uploads(store: Store, *, days: float) -> list[Upload]:
    """Remove those that `unused` tells, as far as they can be removed; gives them."""
    gone = []
    for one in unused_uploads(store, days=days):
        path = store.path.parent / "uploads" / one.content
        with suppress(OSError):
            if path.stat().st_mtime == one.used:  # nobody has asked for it meanwhile
                path.unlink()
                gone.append(one)
    return gone


def _named(store: Store, query: str, *values: str) -> set[str]:
    """Every hash in the texts that this finds: one too many keeps a file, one too few would lose it."""
    return {name for (text,) in store.read_rows(query, values) for name in _NAME.findall(text)}
