"""`BackupAndRestore`: resumes a fit after a crash from a backup file."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fitdash.engine.callbacks.atomic_files import load_tensors, save_tensors, training_state
from fitdash.engine.callbacks.base import Callback, Logs, Moment
from fitdash.engine.callbacks.save_freq import StepInterval, parse_frequency
from fitdash.errors import SettingError
from fitdash.random_state import random_states, set_random_states


class BackupAndRestore(Callback):
    """Keeps a backup of parameters, optimizer state and next epoch while training.

    If a backup exists when training begins, this fit starts from its parameters, epoch, place in the data (where
    `steps_per_epoch` leaves a pass unfinished) and random state, and gives the numbers of an uninterrupted fit.

    Args:
        backup_dir: Folder for the backup alone.
        save_freq: "epoch", or a number of batches; resuming repeats the epoch from its first batch then.
        double_checkpoint: Keep the previous backup, too, for when the last one cannot be read.
        delete_checkpoint: Remove the folder when training ends.

    Raises:
        SettingError: an empty backup_dir or an unknown save_freq.
        OSError: no backup there can be read.

    Source: Keras 3 `BackupAndRestore`, which begins a new pass over the data.
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise SettingError(f"backup_dir must name a folder, got {backup_dir!r}, which is empty.")
        self.backup_dir = Path(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._last = self.backup_dir / "last.pt"
        self._before = self.backup_dir / "before.pt"
        self._steps = StepInterval(parse_frequency("BackupAndRestore save_freq", save_freq))
        self._beginning: dict[str, Any] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        state = _first_readable([path for path in (self._last, self._before) if path.exists()])
        if state is None:
            return
        self.model.module.load_state_dict(state["state_dict"])
        if self.model.optimizer is not None and state["optimizer"] is not None:
            self.model.optimizer.load_state_dict(state["optimizer"])
        self.model.start_epoch = state["epoch"]
        _go_on(self.model, state)
        self.tell("resumed", epoch=state["epoch"])

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq != "epoch":
            self._beginning = _place_of(self.model)

    def steps_until_due(self) -> int | None:
        """Training steps that may run before a backup is due."""
        return self._steps.until_due()

    def between_steps(self, moment: Moment) -> bool | None:
        if self._steps.is_due(moment):
            self._save(moment.epoch, self._beginning)
        return None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch + 1, _place_of(self.model))

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Remove the backups, and the folder unless something else is in it."""
        if not self.delete_checkpoint or not self.backup_dir.exists():
            return
        self._last.unlink(missing_ok=True)
        self._before.unlink(missing_ok=True)
        if not any(self.backup_dir.iterdir()):
            self.backup_dir.rmdir()

    def _save(self, next_epoch: int, place: dict[str, Any]) -> None:
        if self.double_checkpoint and self._last.exists():
            os.replace(self._last, self._before)
        save_tensors({**training_state(self.model, next_epoch), **place}, self._last)


def _place_of(model: Any) -> dict[str, Any]:
    """The place in the data and the random state with which the next epoch begins."""
    return {"passes": model.training.passes.position(), "random": random_states()}


def _go_on(model: Any, state: Mapping[str, Any]) -> None:
    """Restore the place in the data and the random state; an iterator stays where it is: it cannot begin again."""
    passes = model.training.passes
    if passes.source.reiterable:
        passes.go_to(state["passes"])
    set_random_states(state["random"])


def _first_readable(paths: list[Path]) -> Any:
    """The content of the first file that can be read; None without files."""
    problem: Exception | None = None
    for path in paths:
        try:
            return load_tensors(path)
        except Exception as error:  # torch raises whatever the broken bytes lead to
            problem = problem or error
    if problem is not None:
        raise OSError(f"The backup {str(paths[0])!r} cannot be read. Remove it to start anew.") from problem
    return None
