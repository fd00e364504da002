"""Copies to go on from, and answers of the model, that wait to become files."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from fitdash.errors import StoreError
from fitdash.runs.checkpoints import checkpoint_files, prediction_files
from fitdash.runs.protocol.events import CheckpointTaken, PredictionsTaken

# A checkpoint of a run is written this long after the one before, but for its end.
SAVE_SECONDS = 1.0


class FileQueue:
    """Writes one a second for each run; those that cannot be written now wait, and only as many as are needed.

    Answers are written at once; of those that cannot be, the newest of each run waits.

    Args:
        home: The folder of the store; the files go beneath it.
        clock: Seconds that only grow.
    """

    def __init__(self, home: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._home = home
        self._clock = clock
        self._waiting: list[CheckpointTaken] = []
        self._looks: list[PredictionsTaken] = []
        self._saved: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._looks)

    def add(self, copy: CheckpointTaken | PredictionsTaken) -> None:
        if isinstance(copy, PredictionsTaken):
            self._looks.append(copy)
        else:
            self._waiting = drop_surplus([*self._waiting, copy])

    def write(self, *, hurry: bool = False) -> None:
        """Make files of the copies that are due; of all with `hurry`.

        Raises:
            StoreError: not now; they wait.
        """
        try:
            self._write_copies(hurry)
        finally:
            self._write_looks()

    def _write_copies(self, hurry: bool) -> None:
        for copy in list(self._waiting):
            is_due = self._clock() - self._saved.get(copy.uid, -SAVE_SECONDS) >= SAVE_SECONDS
            if not (hurry or copy.is_end or is_due):
                continue
            try:
                checkpoint_files.write_checkpoint(checkpoint_files.checkpoint_folder(self._home, copy.uid), copy)
            except StoreError:
                raise
            except Exception as error:  # what cannot be packed will never be
                logging.getLogger(__name__).error("The checkpoint of run %s cannot be kept: %s", copy.uid, error)
            self._waiting.remove(copy)
            self._saved[copy.uid] = self._clock()

    def _write_looks(self) -> None:
        waiting, self._looks = self._looks, []
        for place, look in enumerate(waiting):
            try:
                prediction_files.write(prediction_files.predictions_folder(self._home, look.uid), look)
            except StoreError:
                self._looks = list({one.uid: one for one in waiting[place:]}.values())
                raise


def drop_surplus(copies: list[CheckpointTaken]) -> list[CheckpointTaken]:
    """Of each run the first copy, the best, the last and the end; those between need not wait."""
    kept: list[CheckpointTaken] = []
    for uid in dict.fromkeys(copy.uid for copy in copies):
        its = [copy for copy in copies if copy.uid == uid and not copy.is_end]
        best = min((copy for copy in its if copy.value is not None), key=lambda copy: copy.value or 0.0, default=None)
        ends = [copy for copy in copies if copy.uid == uid and copy.is_end][-1:]
        kept += [copy for copy in its if copy is its[0] or copy is its[-1] or copy is best] + ends
    return kept
