"""Queue of checkpoints and predictions that are to become files."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from fitdash.errors import StoreError
from fitdash.runs.checkpoints import checkpoint_files, prediction_files
from fitdash.runs.protocol.events import CheckpointTaken, PredictionsTaken

# Least seconds between two checkpoints of a run; the end is written at once.
SAVE_SECONDS = 1.0


class FileQueue:
    """Writes one checkpoint a second for each run; while they cannot be written, only those that are needed wait.

    Predictions are written at once; while they cannot be, the newest of each run wait.

    Args:
        home: The folder of the store; the files go beneath it.
        clock: Monotonic seconds.
    """

    def __init__(self, home: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._home = home
        self._clock = clock
        self._waiting: list[CheckpointTaken] = []
        self._predictions: list[PredictionsTaken] = []
        self._saved: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._predictions)

    def add(self, copy: CheckpointTaken | PredictionsTaken) -> None:
        if isinstance(copy, PredictionsTaken):
            self._predictions.append(copy)
        else:
            self._waiting = drop_surplus([*self._waiting, copy])

    def write(self, *, hurry: bool = False) -> None:
        """Write the checkpoints that are due, all with `hurry`, and the predictions.

        Raises:
            StoreError: they cannot be written now and wait.
        """
        try:
            self._write_checkpoints(hurry)
        finally:
            self._write_predictions()

    def _write_checkpoints(self, hurry: bool) -> None:
        for copy in list(self._waiting):
            is_due = self._clock() - self._saved.get(copy.uid, -SAVE_SECONDS) >= SAVE_SECONDS
            if not (hurry or copy.is_end or is_due):
                continue
            try:
                checkpoint_files.write_checkpoint(checkpoint_files.checkpoint_folder(self._home, copy.uid), copy)
            except StoreError:
                raise
            except Exception as error:  # a state that cannot be packed now never can
                logging.getLogger(__name__).error("The checkpoint of run %s cannot be kept: %s", copy.uid, error)
            self._waiting.remove(copy)
            self._saved[copy.uid] = self._clock()

    def _write_predictions(self) -> None:
        waiting, self._predictions = self._predictions, []
        for place, predictions in enumerate(waiting):
            try:
                prediction_files.write(prediction_files.predictions_folder(self._home, predictions.uid), predictions)
            except StoreError:
                self._predictions = list({one.uid: one for one in waiting[place:]}.values())
                raise


def drop_surplus(copies: list[CheckpointTaken]) -> list[CheckpointTaken]:
    """Of each run the first checkpoint, the best, the last and the end; the others are dropped."""
    kept: list[CheckpointTaken] = []
    for uid in dict.fromkeys(copy.uid for copy in copies):
        between = [copy for copy in copies if copy.uid == uid and not copy.is_end]
        best = min(
            (copy for copy in between if copy.value is not None), key=lambda copy: copy.value or 0.0, default=None
        )
        ends = [copy for copy in copies if copy.uid == uid and copy.is_end][-1:]
        kept += [copy for copy in between if copy is between[0] or copy is between[-1] or copy is best] + ends
    return kept
