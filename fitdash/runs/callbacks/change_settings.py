"""The callback that changes settings while a model trains, for scripts."""

from typing import Any

from fitdash.errors import SettingError
from fitdash.runs.callbacks.control_callback import SETTING_CHANGED, ControlCallback
from fitdash.runs.protocol.control import Control
from fitdash.settings.live_settings import live_problems


class ChangeSettings(ControlCallback):
    """Changes settings before one batch of the training, exactly as the controls of the dashboard do.

    Args:
        epoch: Index of the epoch, from 0.
        step: Index of the batch in it, from 0: the first batch for which the new settings hold.
        settings: learning_rate, weight_decay, dropout, batch_size (from the next pass over the data on) or epochs.

    Raises:
        SettingError: a setting cannot change, or not to this value; every problem, one per line.
    """

    def __init__(self, epoch: int, step: int = 0, **settings: Any) -> None:
        problems = [problem.text for problem in live_problems(settings)]
        places = {"epoch": epoch, "step": step}
        for name, value in places.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                problems.append(f"ChangeSettings {name} must be an integer from 0, got {value!r}.")
        if problems:
            raise SettingError("\n".join(problems))
        changes = [
            {"kind": SETTING_CHANGED, "setting": name, "new": value, **places} for name, value in settings.items()
        ]
        super().__init__(Control(), again=changes)
        self._changes = changes

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._again = list(self._changes)
        super().on_train_begin(logs)
