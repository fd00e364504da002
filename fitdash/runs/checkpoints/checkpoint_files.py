"""Checkpoint files of a run: writing, reading, and thinning them out."""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fitdash.errors import StoreError
from fitdash.runs.checkpoints.tensor_file import pack, read_facts, unpack
from fitdash.runs.protocol.events import CheckpointTaken
from fitdash.runs.protocol.paths import home

# Checkpoints kept beside the best, the last and the first, and their bytes.
MOST_KEPT = 8
MOST_BYTES = 500_000_000

END_FILE = "end.safetensors"
_NAME = re.compile(r"epoch-(\d+)\.safetensors")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One checkpoint file.

    Attributes:
        epoch: Index of the next epoch, which is the number of finished epochs.
        step: Batches of that epoch already trained, where a stop cut the epoch.
        value: Validation loss, or loss, of the epoch before; None where there was none.
        is_end: True for the weights at the end of the run, perhaps in mid-epoch or those of the best epoch; a run is
            not resumed from it.
    """

    path: Path
    epoch: int
    step: int
    value: float | None
    is_end: bool
    size_bytes: int

    def content(self) -> Any:
        """The training state, as `training_state.copy_training_state` returns it.

        Raises:
            StoreError: the file is broken or missing.
        """
        return unpack(self.path)


def checkpoint_folder(home: Path, uid: str) -> Path:
    """The folder of a run's checkpoints."""
    return home / "runs" / uid / "checkpoints"


def run_checkpoint_folder(uid: str) -> Path:
    """The folder of a run's checkpoints, in this user's fitdash folder."""
    return checkpoint_folder(home(), uid)


def checkpoints_of(folder: Path) -> list[Checkpoint]:
    """The checkpoints by their epochs, the end last; unreadable files are left out."""
    found = [_read_checkpoint(path) for path in sorted(folder.glob("*.safetensors"))]
    return sorted((one for one in found if one is not None), key=lambda one: (one.is_end, one.epoch))


def find_best_checkpoint(checkpoints: Sequence[Checkpoint]) -> Checkpoint | None:
    """The checkpoint with the lowest value; None if none has a value."""
    valued = [one for one in checkpoints if one.value is not None and not one.is_end]
    return min(valued, key=lambda one: (one.value, one.epoch), default=None)


def load_newest_checkpoint(checkpoints: Sequence[Checkpoint]) -> Any:
    """The content of the newest readable checkpoint; None if there are no checkpoints.

    Raises:
        StoreError: there are checkpoints, and none can be read.
    """
    problem: StoreError | None = None
    for one in sorted(checkpoints, key=lambda one: one.epoch, reverse=True):
        try:
            return one.content()
        except StoreError as error:
            problem = problem or error
    if problem is not None:
        raise problem
    return None


def write_checkpoint(folder: Path, event: CheckpointTaken) -> None:
    """Write the file whole or not at all, then remove surplus checkpoints.

    Raises:
        StoreError: it cannot be written now: the disk is full, the folder cannot be written, …
    """
    name = END_FILE if event.is_end else f"epoch-{event.epoch:06d}.safetensors"
    facts = {"epoch": event.epoch, "step": event.step, "value": event.value, "is_end": event.is_end, "at": event.at}
    part = folder / f"{name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(pack(event.content, facts))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, folder / name)
        if not event.is_end:
            _remove_older_end(folder / END_FILE, event.at)
        _sync(folder)
        for one in surplus_checkpoints(checkpoints_of(folder)):
            one.path.unlink(missing_ok=True)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise StoreError(f"{folder} cannot be written: {error}.") from error


def remove_checkpoints_after(folder: Path, epoch: int) -> None:
    """Remove the checkpoints of later epochs: a run that goes on from `epoch` may take another course."""
    for one in checkpoints_of(folder):
        if one.epoch > epoch and not one.is_end:
            one.path.unlink(missing_ok=True)


def surplus_checkpoints(
    checkpoints: Sequence[Checkpoint], most: int = MOST_KEPT, most_bytes: int = MOST_BYTES
) -> list[Checkpoint]:
    """The checkpoints beyond the bounds: the first, best, last and end stay, the others are thinned evenly."""
    kept = [one for one in checkpoints if not one.is_end]
    stays = [find_best_checkpoint(kept), *kept[:1], *kept[-1:]]
    gone: list[Checkpoint] = []
    while True:
        others = [one for one in kept if one not in stays]
        if len(others) <= most and sum(one.size_bytes for one in others) <= most_bytes:
            return gone
        dense = min(others, key=lambda one: _gap(kept, one))
        kept.remove(dense)
        gone.append(dense)


def _gap(kept: Sequence[Checkpoint], one: Checkpoint) -> int:
    """Epochs between its neighbours."""
    place = kept.index(one)
    return kept[place + 1].epoch - kept[place - 1].epoch


def _remove_older_end(path: Path, at: float) -> None:
    """Remove the file of an end that is older than `at`: the run went on."""
    with suppress(StoreError, KeyError, TypeError):
        if read_facts(path)["at"] < at:
            path.unlink(missing_ok=True)


def _read_checkpoint(path: Path) -> Checkpoint | None:
    try:
        facts = read_facts(path)
        if path.name != END_FILE and _NAME.fullmatch(path.name) is None:
            return None
        return Checkpoint(
            path=path,
            epoch=int(facts["epoch"]),
            step=int(facts["step"]),
            value=facts["value"],
            is_end=bool(facts["is_end"]),
            size_bytes=path.stat().st_size,
        )
    except (StoreError, OSError, KeyError, TypeError, ValueError):
        return None


def _sync(folder: Path) -> None:
    """Sync the folder, so that the new name survives a power cut, where the system can."""
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
