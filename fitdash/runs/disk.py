"""How much room the record takes."""

import os
from collections.abc import Iterable
from pathlib import Path


def size_of(folder: Path) -> int:
    """Bytes of all files beneath a folder; what vanishes meanwhile counts nothing."""
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
    """Bytes of the files of these runs: checkpoints, and what callbacks wrote."""
    return sum(size_of(home / "runs" / uid) for uid in uids)
