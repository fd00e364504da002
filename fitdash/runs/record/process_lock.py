"""Whether a process still lives, by a lock on a file that the kernel frees when it dies.

No process numbers (they are used again) and no clocks (they are set).
"""

import os
from pathlib import Path

from filelock import FileLock, Timeout

# Somebody who asks whether the lock is held holds it for an instant.
INSTANT_SECONDS = 5.0


def acquire(path: Path) -> FileLock:
    """The lock on this file, held until it is released or this process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, thread_local=False)
    lock.acquire(timeout=INSTANT_SECONDS)
    return lock


def release(lock: FileLock) -> None:
    """Release the lock and remove its file."""
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release(force=True)


def is_held(path: Path) -> bool:
    """A living process, this one included, holds the lock on this file."""
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
    """An open file that keeps the lock as long as any process has it open; None where files cannot be handed on.

    Hand it to a child and close it here: the lock is then the child's, also after it has become another program.
    """
    if os.name != "posix":
        return None
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file
