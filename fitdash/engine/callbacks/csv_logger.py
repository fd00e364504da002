"""`CSVLogger`: writes the logs of each epoch into a CSV file."""

import csv
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fitdash.engine.callbacks.base import Callback, Logs


class CSVLogger(Callback):
    """One row per epoch: `epoch` (from 0), then the names of the first logged epoch, sorted; NA where one is missing.

    If that first epoch is not validated but a later one is, there is a `val_` column for every name. Names that come
    later are left out.

    Args:
        filename: The file; each row is in it as soon as its epoch ends.
        separator: Between two values.
        append: Go on with a file instead of replacing it; its header stays. A fit that `BackupAndRestore` resumes
            always goes on.

    Source: Keras 3 `CSVLogger`.
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        path = Path(self.filename)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.keys = None
        goes_on = self.append or getattr(self.model, "is_resuming", False)
        self._needs_header = not (goes_on and path.exists() and path.stat().st_size)
        with path.open("a" if goes_on else "w"):
            pass

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        if self.keys is None:
            self.keys = _columns(logs, validates=self._validates_after(epoch))
        with open(self.filename, "a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=self.sep)
            if self._needs_header:
                writer.writerow(["epoch", *self.keys])
                self._needs_header = False
            writer.writerow([epoch, *(_text(logs.get(key, "NA")) for key in self.keys)])

    def state_dict(self) -> dict[str, Any]:
        path = Path(self.filename)
        return {"keys": self.keys, "size_bytes": path.stat().st_size if path.exists() else 0}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Cut off the rows of epochs that will be trained again; a file that was emptied gets its header anew."""
        self.keys = state["keys"]
        if Path(self.filename).stat().st_size >= state["size_bytes"]:
            os.truncate(self.filename, state["size_bytes"])
        self._needs_header = not Path(self.filename).stat().st_size

    def _validates_after(self, epoch: int) -> bool:
        """Whether a later epoch of this fit is validated."""
        validation = getattr(getattr(self.model, "training", None), "validation", None)
        last = int(self.params.get("epochs") or 0)
        return validation is not None and any(validation.due(later) for later in range(epoch + 1, last))


def _columns(logs: Logs, *, validates: bool) -> list[str]:
    names = sorted(logs)
    if not validates or any(name.startswith("val_") for name in names):
        return names
    return names + [f"val_{name}" for name in names]


def _text(value: Any) -> Any:
    """A list of values as one cell."""
    if isinstance(value, str) or not isinstance(value, Iterable) or getattr(value, "ndim", None) == 0:
        return value
    return f'"[{", ".join(map(str, value))}]"'
