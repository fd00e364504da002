"""`BackupAndRestore`: resumes a fit after a crash from a backup file."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fitdash.engine.callbacks.atomic_files import load_tensors, save_tensors, training_state
from fitdash.engine.callbacks.base import Callback, Logs, Moment
from fitdash.engine.callbacks.learning_rates import learning_rates_of, set_learning_rates
from fitdash.engine.callbacks.save_freq import StepInterval, parse_frequency
from fitdash.engine.callbacks.stored_state import give_back, stored_states
from fitdash.errors import SettingError
from fitdash.random_state import random_states, set_random_states


class BackupAndRestore(Callback):
    """Keeps a backup of the training while it runs: parameters, optimizer, next epoch, states of the callbacks.

    If a backup exists when training begins, this fit starts from its parameters, epoch, place in the data (where
    `steps_per_epoch` leaves a pass unfinished) and random state. Each callback with a `state_dict` gets its state back
    once all have begun, so `EarlyStopping` and the like go on from their best and their counts, and the numbers are
    those of an uninterrupted fit. Its place among the callbacks does not matter.

    A `state_dict` may hold numbers, text, tensors, and lists, tuples, sets and dicts of them. States are matched by
    class and order; one without a callback is a warning.

    Args:
        backup_dir: Folder for the backup alone.
        save_freq: "epoch", or a number of batches; resuming repeats the epoch from its first batch then, with what the
            batches before the backup have learned.
        double_checkpoint: Keep the previous backup, too, for when the last one cannot be read.
        delete_checkpoint: Remove the folder when training ends.

    Raises:
        SettingError: an empty backup_dir, an unknown save_freq, or when training begins, a state that cannot be stored.
        OSError: no backup there can be read.

    Source: Keras 3 `BackupAndRestore`, which begins a new pass over the data and keeps no state of callbacks.
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
        self._state: Mapping[str, Any] | None = None
        self._others: list[Callback] = []
        self._is_late = self._is_followed = self._in_epoch = self._was_stopped = self._unsaved_is_new = False
        self._unsaved: int | None = None

    # CallbackList calls the next three, which have to run before or after the hooks of all callbacks.

    def restore_model(self, callbacks: Sequence[Callback]) -> None:
        """Load parameters, optimizer and epoch of a backup, before any callback begins; the list is that of the fit."""
        self._others = [one for one in callbacks if not isinstance(one, BackupAndRestore)]
        later = list(callbacks)[list(callbacks).index(self) + 1 :]
        later = [one for one in later if not vars(type(one)).get("observes_only", False)]
        self._is_followed = bool(later)
        self._is_late = not any(_keeps_state(one) for one in later)
        self._unsaved = None
        self._state = state = _first_readable([path for path in (self._last, self._before) if path.exists()])
        if state is None:
            return
        self.model.is_resuming = True
        self.model.module.load_state_dict(state["state_dict"])
        if self.model.optimizer is not None and state["optimizer"] is not None:
            self.model.optimizer.load_state_dict(state["optimizer"])
            if state.get("rates") is not None:
                set_learning_rates(self.model, state["rates"])
        self.model.start_epoch = state["epoch"]
        if state.get("was_stopped"):
            self.model.start_epoch = max(state["epoch"], int(self.params.get("epochs") or 0))
        self.tell("resumed", epoch=state["epoch"])

    def restore_callbacks(self) -> None:
        """Give the callbacks their states, and restore place and random numbers, after all callbacks have begun."""
        state, self._state = self._state, None
        if state is not None:
            give_back(self._others, state.get("callbacks", []))
            _go_on(self.model, state)
        stored_states(self._others)  # what cannot be stored is refused before anything trains
        self._begin()

    def complete(self) -> None:
        """Save what later callbacks have changed since this one's hook, after those of all callbacks."""
        if self._unsaved is not None:
            self._save(self._unsaved, rotate=self._unsaved_is_new)
        if self.save_freq != "epoch" and not self._in_epoch:
            self._begin()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._in_epoch = True

    def steps_until_due(self) -> int | None:
        """Training steps that may run before a backup is due."""
        return self._steps.until_due()

    def between_steps(self, moment: Moment) -> bool | None:
        if self._steps.is_due(moment):
            self._save(moment.epoch)
            self._unsaved, self._unsaved_is_new = moment.epoch if self._is_followed else None, False
        return None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save here if no later callback has a state; `complete` saves what later ones change."""
        self._in_epoch = False
        if self.save_freq != "epoch":
            return
        if self._is_late:
            self._save(epoch + 1)
        self._unsaved, self._unsaved_is_new = epoch + 1 if self._is_followed else None, not self._is_late

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Remove the backups, and the folder unless something else is in it; a kept one no longer ends the next fit."""
        if not self.delete_checkpoint:
            self._forget_the_stop()
        if not self.delete_checkpoint or not self.backup_dir.exists():
            return
        self._last.unlink(missing_ok=True)
        self._before.unlink(missing_ok=True)
        if not any(self.backup_dir.iterdir()):
            self.backup_dir.rmdir()

    def _begin(self) -> None:
        """Note where the next epoch begins."""
        self._in_epoch = False
        self._beginning = {**_place_of(self.model), "rates": learning_rates_of(self.model)}

    def _save(self, next_epoch: int, *, rotate: bool = True) -> None:
        self._unsaved = None
        if self.save_freq == "epoch":
            self._begin()
        content = {
            **training_state(self.model, next_epoch),
            **self._beginning,
            "callbacks": stored_states(self._others),
            "was_stopped": bool(self.model.stop_training) and not self._in_epoch,
        }
        if rotate and self.double_checkpoint and self._last.exists():
            os.replace(self._last, self._before)
        save_tensors(content, self._last)
        self._was_stopped = content["was_stopped"]

    def _forget_the_stop(self) -> None:
        if self._was_stopped and self._last.exists():
            save_tensors({**load_tensors(self._last), "was_stopped": False}, self._last)
        self._was_stopped = False


def _keeps_state(callback: Callback) -> bool:
    return bool(callback.remembers) or type(callback).state_dict is not Callback.state_dict


def _place_of(model: Any) -> dict[str, Any]:
    """The place in the data and the random state with which the next epoch begins."""
    return {"passes": model.training.passes.position(), "random": random_states()}


def _go_on(model: Any, state: Mapping[str, Any]) -> None:
    """Restore the place in the data and the random state; an iterator stays where it is: it cannot begin again."""
    passes = model.training.passes
    if passes.source.reiterable and "passes" in state:
        passes.go_to(state["passes"])
    if "random" in state:
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
