"""Checks, before the first update, that the file names of `ModelCheckpoint` name values that this fit will log."""

from collections.abc import Callable, Sequence

from fitdash.engine.callbacks.base import Callback
from fitdash.engine.callbacks.learning_rate_scheduler import LearningRateScheduler
from fitdash.engine.callbacks.model_checkpoint import ModelCheckpoint
from fitdash.engine.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau


def refuse_unknown_fields(
    callbacks: Sequence[Callback], names: Sequence[str], epochs: range, due: Callable[[int], bool] | None
) -> None:
    """Refuse a template with a field that will not be logged, or not in every epoch that writes a file.

    A checkpoint behind a callback whose `on_epoch_end` is the user's code is left alone: that may add names.

    Args:
        callbacks: Those of the fit, in order.
        names: Of the loss and the metrics of training.
        epochs: Indices of the epochs to come.
        due: Whether an epoch is validated; None: there is no validation.

    Raises:
        UnknownFieldError: naming the field and those that are available.
        SettingError: the template cannot be filled in with numbers.
    """
    logged = list(names)
    if due is not None and any(map(due, epochs)):
        logged += [f"val_{name}" for name in names]
    unmeasured = next((epoch for epoch in epochs if due is None or not due(epoch)), None)
    for callback in callbacks:
        if isinstance(callback, ModelCheckpoint):
            callback.refuse_unknown_fields(names, logged, unmeasured)
        elif isinstance(callback, (ReduceLROnPlateau, LearningRateScheduler)):
            logged.append("learning_rate")
        elif _may_log(callback):
            return


def _may_log(callback: Callback) -> bool:
    """Whether the user's code runs in its `on_epoch_end`."""
    hook = type(callback).on_epoch_end
    return "on_epoch_end" in vars(callback) or not str(getattr(hook, "__module__", "")).startswith("fitdash.")
