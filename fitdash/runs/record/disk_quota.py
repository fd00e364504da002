"""Disk space of runs and uploads, and the check against the server's quotas."""

import os
from collections.abc import Iterable
from pathlib import Path

from fitdash.errors import StoreError
from fitdash.runs.record.store import Store
from fitdash.runs.record.uploads import uploads_used_by
from fitdash.settings.server import ServerArgs

GIGABYTE = 1_000_000_000


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder and its subfolders; files that vanish meanwhile count as 0."""
    total, folders = 0, [str(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total


def size_of_runs(home: Path, uids: Iterable[str]) -> int:
    """Bytes of the files of these runs: checkpoints, predictions, and files of callbacks."""
    return sum(size_of(home / "runs" / uid) for uid in uids)


def size_of_visitor(store: Store, owner: str) -> int:
    """Bytes of the files of a visitor's runs and of the uploads that these runs use."""
    of_runs = size_of_runs(store.path.parent, [line.uid for line in store.lines(owner=owner)])
    return of_runs + sum(upload.size_bytes for upload in uploads_used_by(store, owner))


def check_disk_quota(store: Store, settings: ServerArgs, owner: str | None = None, *, more_bytes: int = 0) -> None:
    """Raise if the runs and uploads exceed a quota.

    Args:
        owner: The visitor whose quota is checked too; None: only the server's.
        more_bytes: Bytes that are about to be written.

    Raises:
        StoreError: the quota of the server or of this visitor is used up.
    """
    most, most_each = settings.disk_gigabytes, settings.disk_gigabytes_per_visitor
    if most is not None and (size := size_of(store.path.parent) + more_bytes) > most * GIGABYTE:
        raise StoreError(
            f"The runs and uploads of this server must take at most {most:g} GB, got {size / GIGABYTE:.3g}. "
            "`fitdash runs clean` and `fitdash runs purge` make room."
        )
    if most_each is not None and owner is not None:
        size = size_of_visitor(store, owner) + more_bytes
        if size > most_each * GIGABYTE:
            raise StoreError(
                f"Your runs and the uploads they use must take at most {most_each:g} GB, got {size / GIGABYTE:.3g}. "
                "Delete some of your runs."
            )
