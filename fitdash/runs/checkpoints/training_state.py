"""Training state: weights, optimizer, random states, callbacks; copied between two epochs, and restored."""

from collections.abc import Mapping, Sequence
from typing import Any

from fitdash.engine.callbacks.base import Callback
from fitdash.engine.training import live_settings
from fitdash.errors import StoreError
from fitdash.random_state import random_states, set_random_states

Content = dict[str, Any]


def copy_training_state(model: Any, callbacks: Sequence[Callback], epoch: int) -> Content:
    """A copy of everything that the next epochs depend on.

    Args:
        model: Within `fit`.
        callbacks: The callbacks whose state belongs to the run.
        epoch: Index of the next epoch.

    Returns:
        "epoch", "weights", "optimizer", "random", "passes", "settings" (those that may have changed during the run) and
        "callbacks" (name of the class and state of each).
    """
    training = model.training
    known: dict[Any, Any] = {}
    return {
        "epoch": epoch,
        "weights": _copy(model.module.state_dict(), known),
        "optimizer": None if model.optimizer is None else _copy(model.optimizer.state_dict(), known),
        "random": random_states(),
        "passes": training.passes.position(),
        "settings": {
            "epochs": training.epochs,
            "batch_size": getattr(training.passes.source, "batch_size", None),
            "dropout": live_settings.dropout_rates(model),
        },
        "callbacks": [[type(callback).__name__, _copy(callback.state_dict(), known)] for callback in callbacks],
    }


def restore_training_state(model: Any, callbacks: Sequence[Callback], content: Mapping[str, Any]) -> None:
    """Restore the training state of `content`; call it after every callback's `on_train_begin`.

    Raises:
        StoreError: the network, the optimizer or the callbacks differ from those of the copy.
    """
    try:
        model.module.load_state_dict(content["weights"])
        if model.optimizer is not None and content["optimizer"] is not None:
            model.optimizer.load_state_dict(_copy(content["optimizer"], {}))
    except (RuntimeError, ValueError, KeyError) as error:
        raise StoreError(f"A run must keep its network and optimizer to go on, got others: {error}") from error
    restore_callbacks(callbacks, content)
    live_settings.set_dropout_rates(model, content["settings"]["dropout"])
    model.training.passes.go_to(content["passes"])
    set_random_states(content["random"])


def restore_callbacks(callbacks: Sequence[Callback], content: Mapping[str, Any]) -> None:
    """Restore the state of the callbacks.

    Raises:
        StoreError: their classes differ from those of the copy.
    """
    names = [type(callback).__name__ for callback in callbacks]
    if names != [name for name, _ in content["callbacks"]]:
        raise StoreError(f"A run must keep its callbacks to go on, got {', '.join(names) or 'none'}.")
    for callback, (_, memory) in zip(callbacks, content["callbacks"], strict=True):
        if memory:
            callback.load_state_dict(_copy(memory, {}))


def _copy(value: Any, known: dict[Any, Any]) -> Any:
    """The value with copies of its tensors; a tensor that occurs twice is copied once."""
    if hasattr(value, "detach"):
        where = (value.data_ptr(), tuple(value.shape), value.stride(), value.dtype, value.device)
        if where not in known or not value.numel():
            known[where] = value.detach().clone()
        return known[where]
    if isinstance(value, Mapping):
        return {key: _copy(part, known) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_copy(part, known) for part in value])
    return value
