"""`ReduceLROnPlateau`: reduces the learning rate when a monitored value no longer improves."""

from fitdash.engine.callbacks.base import Logs
from fitdash.engine.callbacks.learning_rates import (
    learning_rate_of,
    learning_rates_of,
    set_learning_rates,
    short_rate,
)
from fitdash.engine.callbacks.monitor import MonitorCallback
from fitdash.errors import SettingError


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by a factor after epochs without improvement.

    Every parameter group is reduced by its own rate. `learning_rate` is logged with the value in force in that epoch.

    Args:
        monitor: Name in the logs.
        factor: New rate = old rate * factor, below 1.
        patience: Epochs without improvement before it happens.
        verbose: 1 prints each reduction.
        mode: "min", "max", or "auto": by the name.
        min_delta: A change up to this size is no improvement.
        cooldown: Epochs after a reduction that are not counted.
        min_lr: Lower bound of the rate.

    Attributes:
        best: The best value.
        wait: Epochs since the last improvement or reduction.
        cooldown_counter: Epochs of cooldown that are left.

    Source: Keras 3 `ReduceLROnPlateau`.
    """

    remembers = ("best", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if factor >= 1:
            raise SettingError(f"ReduceLROnPlateau factor must be below 1, got {factor}.")
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.wait = 0
        self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.check_direction()
        self.best = None
        self.wait = 0
        self.cooldown_counter = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        logs["learning_rate"] = learning_rate_of(self.model)
        value = self.monitored(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(value, self.best):
            self.best = value
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def in_cooldown(self) -> bool:
        """Whether epochs after a reduction are not counted yet."""
        return self.cooldown_counter > 0

    def _reduce(self, epoch: int) -> None:
        """Reduce the rates that are above `min_lr`; where none is, leave the count of epochs as it is."""
        before = learning_rates_of(self.model)
        after = [max(rate * self.factor, self.min_lr) if rate > self.min_lr else rate for rate in before]
        if before == after:
            return
        set_learning_rates(self.model, after)
        self.cooldown_counter = self.cooldown
        self.wait = 0
        self.tell("learning_rate", value=after[0], was=before[0], since=epoch + 1)
        if self.verbose > 0:
            self.say(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {_listed(after)}.")


def _listed(rates: list[float]) -> str:
    return ", ".join(dict.fromkeys(map(short_rate, rates)))
