"""`EarlyStopping`: stops training when a monitored value no longer improves."""

from typing import Any

from fitdash.engine.callbacks.atomic_files import copy_weights
from fitdash.engine.callbacks.base import Logs
from fitdash.engine.callbacks.monitor import MonitorCallback


class EarlyStopping(MonitorCallback):
    """Stops training after epochs without improvement.

    Args:
        monitor: Name in the logs.
        min_delta: A change up to this size is no improvement.
        patience: Epochs without improvement before training stops; 0 and 1 both stop at the first one.
        verbose: 1 prints at the end of training what was done.
        mode: "min", "max", or "auto": by the name.
        baseline: While it is not beaten, improvements do not reset the count.
        restore_best_weights: Restore the parameters and buffers of the best epoch when training ends, whatever
            ended it; without any improvement those of the first monitored epoch.
        start_from_epoch: Earlier epochs (absolute, from 0) do not count.

    Attributes:
        best: The best value.
        best_epoch: Its epoch, from 0.
        stopped_epoch: The epoch that stopped training, 0 if it was not stopped here.
        wait: Epochs since the last improvement.

    Source: Keras 3 `EarlyStopping`; buffers are restored too.
    """

    remembers = ("best", "best_epoch", "stopped_epoch", "wait", "best_weights")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.wait = 0
        self.stopped_epoch = 0
        self.best_epoch = 0
        self.best_weights: dict[str, Any] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.check_direction()
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if epoch < self.start_from_epoch:
            return
        value = self.monitored(logs or {})
        if value is None:
            return
        self.wait += 1
        if self.improves(value, self.best):
            self.best = value
            self._remember(epoch)
            if self.baseline is None or self.improves(value, self.baseline):
                self.wait = 0
            return
        if self.restore_best_weights and self.best_weights is None:
            self._remember(epoch)
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True
            self.tell("early_stop", monitor=self.monitor, best=self.best, best_epoch=self.best_epoch)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            self.say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                self.say(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.module.load_state_dict(self.best_weights)
            self.tell("restored_weights", best_epoch=self.best_epoch)

    def _reset(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights = None

    def _remember(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = copy_weights(self.model.module)
