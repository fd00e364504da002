"""Tells whether a process still lives, by a lock on a file that the kernel frees when the process dies.

No process numbers (the system uses them again) and no clocks (users set them).
"""

import os
from pathlib import Path

from filelock import FileLock, Timeout

# `is_held` of another process holds the lock for an instant.
INSTANT_SECONDS = 5.0


def acquire(path: Path) -> FileLock:
    """Lock this file until `release`, or until this process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, thread_local=False)
    lock.acquire(timeout=INSTANT_SECONDS)
    return lock


def release(lock: FileLock) -> None:
    """Release the lock and remove its file."""
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release(force=True)


def is_held(path: Path) -> bool:
    """True if a living process, this process included, holds the lock on this file."""
    if not path.exists():
        return False
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def acquire_inheritable(path: Path) -> int | None:
    """An open file that holds the lock as long as any process has it open; None where children cannot inherit files.

    Pass it to a child process and close it here: the child then holds the lock, also after an `exec`.
    """
    if os.name != "posix":
        return None
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file
