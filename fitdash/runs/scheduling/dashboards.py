"""The running dashboards of this store: each has a file with its address, and holds a lock while its process lives."""

import json
import os
import secrets
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from fitdash.errors import StoreError
from fitdash.runs.protocol.paths import home
from fitdash.runs.record import process_lock
from fitdash.runs.scheduling import child_environment

START_SECONDS = 30.0
HEALTH_SECONDS = 1.0


def announce(url: str) -> None:
    """Let other processes find this process as the dashboard at this address, until it ends."""
    if url in _addresses():
        return
    entry = _new_entry()
    _announced.append(process_lock.acquire(entry.with_suffix(".lock")))
    _write(entry, url)


def find() -> str | None:
    """The address of a running dashboard of this store; None if there is none."""
    return next((url for url in _addresses() if is_healthy(url)), None)


def find_or_start() -> str:
    """The address of a dashboard of this store; where none runs, a process is started for it.

    Raises:
        StoreError: it did not start.
    """
    _folder().mkdir(parents=True, exist_ok=True)
    # Two scripts that start at the same time share one dashboard.
    with FileLock(_folder() / "start", timeout=START_SECONDS):
        return find() or start()


def start() -> str:
    """Start a dashboard on a free port and wait until it answers; it outlives this process.

    Raises:
        StoreError: it did not start, or did not answer in time.
    """
    entry, port = _new_entry(), free_port()
    url = f"http://127.0.0.1:{port}"
    process = _spawn(port, entry)
    _write(entry, url, process.pid)
    for _ in range(int(START_SECONDS / 0.1)):
        if is_healthy(url):
            # The dashboard outlives this process; without an exit status, Popen would warn that it still runs.
            process.returncode = 0
            return url
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        raise StoreError(f"The dashboard must start, got exit status {process.returncode}. {_log_path()} tells more.")
    process.terminate()
    process.wait()
    raise StoreError(f"The dashboard must answer within {START_SECONDS:g} s. {_log_path()} tells more.")


def is_healthy(url: str) -> bool:
    """True if a dashboard answers at this address."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url}/_stcore/health", timeout=HEALTH_SECONDS) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def free_port() -> int:
    """A free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


# Locks of the entries of this process; the kernel frees them when it ends.
_announced: list[FileLock] = []


def _spawn(port: int, entry: Path) -> "subprocess.Popen[bytes]":
    """Start the dashboard's process, which inherits the lock of its entry."""
    lock = process_lock.acquire_inheritable(entry.with_suffix(".lock"))
    try:
        with _log_path().open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "fitdash", "dashboard", f"--server.port={port}", "--server.headless=true"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home(),
                env=child_environment.child_environment(),
                pass_fds=() if lock is None else [lock],
                start_new_session=True,
            )
    finally:
        if lock is not None:
            os.close(lock)


def _addresses() -> Iterator[str]:
    """Addresses of the dashboards whose process lives; the files of dead dashboards are removed."""
    for entry in sorted(_folder().glob("*.json")):
        lock = entry.with_suffix(".lock")
        if process_lock.is_held(lock):
            yield from _address_in(entry)
        else:
            entry.unlink(missing_ok=True)
            lock.unlink(missing_ok=True)


def _address_in(entry: Path) -> list[str]:
    """The address in the file, empty if the file cannot be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return [str(json.loads(entry.read_text("utf-8"))["url"])]
    return []


def _new_entry() -> Path:
    _folder().mkdir(parents=True, exist_ok=True)
    return _folder() / f"{secrets.token_hex(8)}.json"


def _write(entry: Path, url: str, pid: int | None = None) -> None:
    draft = entry.with_suffix(".draft")
    draft.write_text(json.dumps({"url": url, "pid": pid or os.getpid()}), "utf-8")
    draft.replace(entry)


def _folder() -> Path:
    return home() / "dashboards"


def _log_path() -> Path:
    return _folder() / "dashboard.log"
