"""`ModelCheckpoint`: saves the model while it trains."""

import difflib
import os
import string
from collections.abc import Iterable, Sequence
from pathlib import Path

from fitdash.engine.callbacks.atomic_files import save_tensors, training_state
from fitdash.engine.callbacks.base import Logs, Moment
from fitdash.engine.callbacks.monitor import MonitorCallback
from fitdash.engine.callbacks.save_freq import StepInterval, parse_frequency
from fitdash.errors import SettingError


class UnknownFieldError(SettingError, KeyError):
    """The template of a file name has a field that is not logged."""

    def __str__(self) -> str:
        return str(self.args[0])


class ModelCheckpoint(MonitorCallback):
    """Writes files that `torch.load(weights_only=True)` reads.

    A file holds "state_dict", "optimizer" and "epoch" (from 0), or the state_dict alone.

    Args:
        filepath: Where to; a format template with `epoch` (from 1), every name in the logs and, with an integer
            save_freq, `batch` (from 1): "{epoch:02d}-{val_loss:.2f}.pt". Missing folders are made.
        monitor: Name in the logs by which the best is chosen.
        verbose: 1 prints what is saved and why.
        save_best_only: Save only what improves on the best so far. Where the monitored name is missing, warn once, and
            save only if there is no best and no file yet.
        save_weights_only: Save the state_dict alone.
        mode: "min", "max", or "auto": by the name.
        save_freq: "epoch", or a number of batches, counted across epochs.
        initial_value_threshold: Value that the first one has to improve on.

    Attributes:
        best: The best value so far; it outlives a fit.
        has_saved: Whether a file was written; it outlives a fit.

    Raises:
        UnknownFieldError: the template has a field that is not logged: before the first update where the names are
            known, else when the first file is written. It is a KeyError as well.
        SettingError: the template cannot be filled in with numbers.

    Source: Keras 3 `ModelCheckpoint`; the format is torch's, so any file name will do.
    """

    remembers = ("best", "counted", "has_saved")

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.best = initial_value_threshold
        self.has_saved = False
        self._steps = StepInterval(parse_frequency("ModelCheckpoint save_freq", save_freq))

    @property
    def counted(self) -> int:
        """Batches since the last file, where they are counted."""
        return self._steps.counted

    @counted.setter
    def counted(self, batches: int) -> None:
        self._steps.counted = batches

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if self.save_best_only:
            self.check_direction()
        try:
            list(string.Formatter().parse(self.filepath))
        except ValueError as error:
            raise self._unfit(error) from error
        if os.path.isdir(self.filepath):
            raise IsADirectoryError(f"ModelCheckpoint filepath must be a file, got the directory {self.filepath!r}.")

    def refuse_unknown_fields(self, running: Sequence[str], logged: Sequence[str], unmeasured: int | None) -> None:
        """Refuse, before anything trains, a template that cannot be filled in.

        Args:
            running: Names of the running values of batches.
            logged: Names that an epoch logs, those of its validation included.
            unmeasured: The first epoch that is not validated, None without one.
        """
        if self.save_freq != "epoch":
            self._path({**dict.fromkeys(running, 0.5), "batch": 1, "epoch": 1})
            return
        self._path({**dict.fromkeys(logged, 0.5), "epoch": 1})
        waits = self.save_best_only and self.monitor.startswith("val_")
        if unmeasured is not None and not waits:
            names = [name for name in logged if not name.startswith("val_")]
            self._path({**dict.fromkeys(names, 0.5), "epoch": 1}, f" in epoch {unmeasured + 1}, which is not validated")

    def steps_until_due(self) -> int | None:
        """Training steps that may run before a file is due."""
        return self._steps.until_due()

    def between_steps(self, moment: Moment) -> bool | None:
        if self._steps.is_due(moment):
            self._save(moment.epoch, {"batch": moment.last + 1}, moment.logs())
        return None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, {}, logs or {})

    def _save(self, epoch: int, batch: dict[str, int], logs: Logs) -> None:
        if self._has_nothing_to_compare(epoch, logs):
            return
        try:
            path = self._path({**logs, **batch, "epoch": epoch + 1})
        except UnknownFieldError:
            if self.save_best_only and self.monitored(logs) is None:
                return  # a later epoch, which measures more, has a name for its file
            raise
        if not self._is_wanted(epoch, logs, path):
            return
        state = self.model.module.state_dict() if self.save_weights_only else training_state(self.model, epoch)
        save_tensors(state, Path(path))
        self.has_saved = True
        self._comment(epoch, f"finished saving model to {path}")

    def _path(self, fields: Logs, when: str = "") -> str:
        try:
            return self.filepath.format(**fields)
        except KeyError as error:
            raise UnknownFieldError(
                f"ModelCheckpoint filepath {self.filepath!r} has the field {error}, which is not available{when}."
                f" Available: {', '.join(fields)}.{_hint(error.args[0], fields)}"
            ) from None
        except (ValueError, IndexError, TypeError, AttributeError) as error:
            raise self._unfit(error) from error

    def _unfit(self, error: Exception) -> SettingError:
        return SettingError(
            f"ModelCheckpoint filepath must be a template of names and number formats, got {self.filepath!r}: {error}."
            ' Write it like "{epoch:02d}-{val_loss:.2f}.pt", and a brace of the name itself twice.'
        )

    def _has_nothing_to_compare(self, epoch: int, logs: Logs) -> bool:
        """Whether the monitored value is missing, and a file of it would take the place of a better one."""
        if not self.save_best_only or self.monitored(logs) is not None:
            return False
        if self.best is None and not self.has_saved:
            return False
        self._comment(epoch, f"{self.monitor} was not measured, nothing is saved")
        return True

    def _is_wanted(self, epoch: int, logs: Logs, path: str) -> bool:
        if not self.save_best_only:
            self._comment(epoch, f"saving model to {path}")
            return True
        value = self.monitored(logs)
        if value is None:
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        if not self.improves(value, self.best):
            self._comment(epoch, f"{self.monitor} did not improve from {best}")
            return False
        self._comment(epoch, f"{self.monitor} improved from {best} to {value:.5f}, saving model to {path}")
        self.best = value
        return True

    def _comment(self, epoch: int, text: str) -> None:
        if self.verbose > 0:
            self.say(f"\nEpoch {epoch + 1}: {text}")


def _hint(field: str, known: Iterable[str]) -> str:
    """The known name that was probably meant, a longer or a close one; or when values of validation are logged."""
    if field.startswith("val_") and not any(name.startswith("val_") for name in known):
        return " Use values of validation only where the epoch that writes the file is validated."
    longer = [name for name in known if name.startswith(field)]
    near = longer or difflib.get_close_matches(field, list(known), 1)
    return f" Did you mean {near[0]!r}?" if near else ""
