"""Files of a model's predictions after an epoch: writing, reading, and thinning them out.

A file holds arrays, and reading it runs no code (no pickle). Of a long run at most `MOST_KEPT` files are
kept, spread over its epochs; the first and the newest are always among them.
"""

import io
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from zipfile import BadZipFile

from fitdash.errors import StoreError
from fitdash.runs.protocol.events import PredictionsTaken

if TYPE_CHECKING:  # NumPy is imported where files are read or written: a command that lists runs does without it
    import numpy as np

MOST_KEPT = 64
MOST_BYTES = 32_000_000

Array: TypeAlias = "np.ndarray[Any, Any]"
_NAME = re.compile(r"epoch-(\d+)\.npz")
_WEIGHT = "weights/"


@dataclass(frozen=True, kw_only=True, eq=False)
class SavedPredictions:
    """The content of one file.

    Attributes:
        epoch: Index of the epoch that had ended.
        rows: Indices of the predicted rows in the data, (n,).
        answers: Class indices, (n,) or (n, steps) integers; or the outputs of the network, (n, numbers) floats.
        sureness: Probability of the predicted class, in the shape of `answers`; None for numbers.
        weights: Parameters and buffers by name; empty where the network is too large to keep them so often.
    """

    epoch: int
    rows: Array
    answers: Array
    sureness: "Array | None"
    weights: Mapping[str, Array]


def predictions_folder(home: Path, uid: str) -> Path:
    """The folder of a run's predictions."""
    return home / "runs" / uid / "looks"


def saved_epochs(folder: Path) -> list[int]:
    """Index of each epoch whose predictions are kept, in order."""
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except OSError:
        return []
    return sorted(int(match[1]) for name in names if (match := _NAME.fullmatch(name)))


def epoch_at_or_before(epochs: Sequence[int], epoch: int | None) -> int | None:
    """The last of these epochs up to `epoch`, else the first; the last of all if `epoch` is None."""
    if not epochs:
        return None
    earlier = [kept for kept in epochs if epoch is None or kept <= epoch]
    return earlier[-1] if earlier else epochs[0]


def read(folder: Path, epoch: int, *, weights: bool = True) -> SavedPredictions | None:
    """The predictions after an epoch; None if the file is gone or cannot be read.

    Args:
        folder: From `predictions_folder`.
        epoch: Its index.
        weights: Read the weights too: they are most of a file, and take most of the time.
    """
    import numpy as np

    try:
        with _path(folder, epoch).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if weights or not name.startswith(_WEIGHT)}
        return SavedPredictions(
            epoch=epoch,
            rows=arrays["rows"],
            answers=arrays["answers"],
            sureness=arrays.get("sureness"),
            weights={name.removeprefix(_WEIGHT): arrays[name] for name in arrays if name.startswith(_WEIGHT)},
        )
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def write(folder: Path, event: PredictionsTaken) -> None:
    """Write the file whole or not at all, then remove surplus files.

    Raises:
        StoreError: it cannot be written now: the disk is full, the folder cannot be written, …
    """
    import numpy as np

    content = io.BytesIO()
    arrays: dict[str, Any] = {"rows": event.rows, "answers": event.answers}
    arrays |= {} if event.sureness is None else {"sureness": event.sureness}
    np.savez(content, **arrays, **{_WEIGHT + name: array for name, array in event.weights.items()})
    path = _path(folder, event.epoch)
    part = path.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content.getbuffer())
        os.replace(part, path)
        most = min(MOST_KEPT, max(3, MOST_BYTES // len(content.getbuffer())))
        for epoch in needless(saved_epochs(folder), most):
            _path(folder, epoch).unlink(missing_ok=True)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise StoreError(f"{folder} cannot be written: {error}.") from error


def needless(epochs: Sequence[int], most: int = MOST_KEPT) -> list[int]:
    """The epochs beyond `most`: the first and the last stay, the others are thinned where they lie closest."""
    kept, gone = list(epochs), []
    while len(kept) > max(most, 2):
        dense = min(range(1, len(kept) - 1), key=lambda place: kept[place + 1] - kept[place - 1])
        gone.append(kept.pop(dense))
    return gone


def _path(folder: Path, epoch: int) -> Path:
    return folder / f"epoch-{epoch:06d}.npz"
