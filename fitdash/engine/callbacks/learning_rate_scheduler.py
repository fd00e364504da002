"""`LearningRateScheduler`: sets the learning rate at the beginning of each epoch."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fitdash.engine.callbacks.base import Callback, Logs
from fitdash.engine.callbacks.learning_rates import (
    learning_rate_of,
    learning_rates_of,
    set_learning_rates,
    short_rate,
)
from fitdash.errors import SettingError


class LearningRateScheduler(Callback):
    """Gets the learning rate of each epoch from the user's function; logs it as `learning_rate`.

    Args:
        schedule: (epoch from 0, current rate) → rate, or (epoch) → rate; a float.
        verbose: 1 prints the rate of each epoch.

    Raises:
        SettingError: in the epoch whose rate is not a float.

    Source: Keras 3 `LearningRateScheduler`; all parameter groups get the rate.
    """

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        before = learning_rate_of(self.model)
        rate = self._rate(epoch, before)
        set_learning_rates(self.model, [rate] * len(learning_rates_of(self.model)))
        if rate != before:
            self.tell("learning_rate", value=rate, was=before)
        if self.verbose > 0:
            self.say(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {short_rate(rate)}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = learning_rate_of(self.model)

    def _rate(self, epoch: int, before: float) -> float:
        try:
            rate = self.schedule(epoch, before)
        except TypeError:  # a schedule of the epoch alone
            rate = self.schedule(epoch)
        if not isinstance(rate, (float, np.floating)):
            raise SettingError(f"schedule must give a float, got {rate!r} for epoch {epoch}.")
        return float(rate)
