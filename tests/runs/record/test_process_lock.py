"""A lock that a living process holds."""

import subprocess
import sys

from fitdash.runs.record import process_lock

HOLDER = """
import sys
from pathlib import Path
from fitdash.runs.record import process_lock
lock = process_lock.acquire(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lock_is_held_until_it_is_let_go(tmp_path):
    path = tmp_path / "locks" / "a.lock"
    assert not process_lock.is_held(path)

    lock = process_lock.acquire(path)
    assert process_lock.is_held(path)

    process_lock.release(lock)
    assert not process_lock.is_held(path)
    assert not path.exists()


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    path = tmp_path / "a.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        assert process_lock.is_held(path)

        holder.kill()
        holder.wait()

    assert path.exists()
    assert not process_lock.is_held(path)
