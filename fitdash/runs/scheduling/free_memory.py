"""Free memory of the machine and of the container."""

from contextlib import suppress
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")


def free_bytes(meminfo: Path = MEMINFO, group: Path = GROUP) -> int | None:
    """Bytes that new processes can use, within a container's limit too; None where the system has no such files."""
    found = [free for free in (_of_machine(meminfo), _of_group(group)) if free is not None]
    return min(found, default=None)


def _of_machine(meminfo: Path) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in meminfo.read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _of_group(group: Path) -> int | None:
    """Bytes left under the limit of a control group (version 2); its file cache counts as free."""
    with suppress(OSError, ValueError):
        most = (group / "memory.max").read_text("ascii").strip()
        if most != "max":
            used = int((group / "memory.current").read_text("ascii"))
            facts = dict(line.split() for line in (group / "memory.stat").read_text("ascii").splitlines())
            return max(0, int(most) - used + int(facts.get("inactive_file", 0)))
    return None
