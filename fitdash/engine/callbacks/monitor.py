"""`MonitorCallback`: decides whether the logged value that a callback monitors has improved."""

import math
import re
import warnings
from typing import Any

import numpy as np

from fitdash.engine.callbacks.base import Callback, Logs
from fitdash.errors import SettingError

_LESS = frozenset(
    """loss error mse mae mape msle rmse huber log_cosh logcosh kl_divergence kld poisson hinge crossentropy
    cross_entropy bce ce false_positives false_negatives""".split()  # noqa: SIM905
)
_MORE = frozenset(
    """accuracy acc auc auroc precision recall r2_score r2 cosine_similarity f1_score f1 fbeta_score iou io_u
    true_positives true_negatives""".split()  # noqa: SIM905
)


class MonitorCallback(Callback):
    """A callback that monitors one value of the logs.

    Args:
        monitor: Its name in the logs.
        mode: "min", "max", or "auto": by the name.
        min_delta: A change up to this size is no improvement.

    Attributes:
        best: The best value so far, None before the first.

    Improved means less than best - min_delta ("min") or more than best + min_delta ("max"). The two are compared in
    single precision, as Keras does, so that 0.8 to 0.7 is no improvement by more than 0.1. NaN never improves.
    """

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", min_delta: float = 0) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__} mode must be 'auto', 'min' or 'max', got {mode!r}. 'auto' is used.",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(min_delta)
        self.best: float | None = None
        self._has_warned = False

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self._has_warned = False

    def check_direction(self) -> None:
        """Refuse, before anything trains, a monitor of which neither `mode` nor the name says what is better.

        Raises:
            SettingError: naming the monitor.
        """
        self._maximises()

    def improves(self, value: float, reference: float | None) -> bool:
        """Whether a value is better than the reference; any number is where the reference is None."""
        if math.isnan(value):
            return False
        if reference is None:
            return True
        if self._maximises():
            return bool(_single(value - self.min_delta) > _single(reference))
        return bool(_single(value + self.min_delta) < _single(reference))

    def monitored(self, logs: Logs) -> float | None:
        """The monitored value; None where it is missing: the first time in a fit, a warning lists the logged names."""
        value = logs.get(self.monitor)
        if value is None and not self._has_warned:
            self._has_warned = True
            names = ", ".join(logs) or "none"
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which is not available. Available: {names}.",
                stacklevel=3,
            )
        return None if value is None else float(value)

    def _maximises(self) -> bool:
        upwards = self.mode == "max" if self.mode != "auto" else higher_is_better(self.monitor)
        if upwards is None:
            raise SettingError(
                f"{type(self).__name__} cannot tell whether {self.monitor!r} is better when low or high."
                " Give mode='min' or mode='max'."
            )
        return upwards


def higher_is_better(name: str) -> bool | None:
    """Whether a metric is better when higher; None for an unknown name.

    `val_`, the name of an output in front and the number of a repeated metric behind do not count.
    """
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.removeprefix("val_")).lower()
    plain = re.sub(r"_\d+$", "", snake)
    if _ends_in(plain, _LESS):
        return False
    return True if _ends_in(plain, _MORE) else None


def _ends_in(name: str, words: frozenset[str]) -> bool:
    return any(name == word or name.endswith(f"_{word}") for word in words)


def _single(value: Any) -> np.float32:
    with np.errstate(over="ignore"):
        return np.float32(value)
