"""`Callback`, the base of all callbacks, and `Moment`, what their hook between training steps is given."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

Logs = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The time between two training steps.

    Attributes:
        epoch: Index from 0, absolute.
        first: Index of the first step trained since the last moment, from 0 in its epoch.
        last: Index of the last one.
        steps: Steps of this epoch, None while unknown.
        logs: Computes the running values of the epoch; a call costs time, so call it only to show or check them.
    """

    epoch: int
    first: int
    last: int
    steps: int | None
    logs: Callable[[], Logs]


class Callback:
    """Hooks that run at fixed points of training, evaluation and prediction; each does nothing unless overridden.

    Attributes:
        model: The `fitdash.Model`, set before any hook.
        params: "verbose", "epochs", "steps" and more, set before any hook.

    Every hook gets `logs`: empty at a beginning, running values at the end of a batch, the epoch's values at its end.
    All callbacks share one `logs` per event, in their order, so what an early one adds in `on_epoch_end` is seen by
    the later ones, by History and on the printed line.

    `observes_only` is True for a class whose hooks change nothing of the training and run no user code: a fit that has
    only such callbacks may draw its batches ahead. It holds for the class that declares it, not for its subclasses.

    `remembers` names the attributes that are stored with a checkpoint and restored from it: plain values and tensors.

    Source: Keras 3 `keras.callbacks.Callback`.
    """

    observes_only: ClassVar[bool] = False
    remembers: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.model: Any = None
        self.params: Mapping[str, Any] = {}

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: Mapping[str, Any]) -> None:
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None: ...
    def on_train_end(self, logs: Logs | None = None) -> None: ...
    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None: ...
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None: ...
    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: Logs | None = None) -> None: ...
    def on_test_end(self, logs: Logs | None = None) -> None: ...
    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_predict_begin(self, logs: Logs | None = None) -> None: ...
    def on_predict_end(self, logs: Logs | None = None) -> None: ...
    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...

    # The hooks below are fitdash's own. Unlike a batch hook, they let training run many steps in one call.

    def between_steps(self, moment: Moment) -> bool | None:
        """Called between training steps, about every 50 ms or more often; True ends training, without validation.

        A callback pauses training by not returning yet.
        """

    def on_partial_epoch(self, epoch: int, logs: Logs) -> None:
        """Called instead of `on_epoch_end` where `between_steps` ended the epoch before its last step.

        Args:
            epoch: Index from 0.
            logs: The running values of the steps that were trained.
        """

    def on_tell(self, event: Mapping[str, Any]) -> None:
        """Called with each event that `tell` notes: {"epoch", "kind", …}."""

    def state_dict(self) -> dict[str, Any]:
        """What checkpoints of runs and `BackupAndRestore` store of this callback, by name; empty for most callbacks.

        Numbers, text, tensors, and lists, tuples, sets and dicts of them.
        """
        return {name: getattr(self, name) for name in self.remembers}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` gave; called after `on_train_begin` of the resumed fit."""
        for name, value in state.items():
            setattr(self, name, value)

    def tell(self, kind: str, **facts: Any) -> None:
        """Note an event, such as a changed learning rate, in `history.events`; `on_tell` of other callbacks gets it."""
        tell = getattr(self.model, "tell", None)
        if tell is not None:
            tell(kind, **facts)

    def say(self, text: str) -> None:
        """Print a line on the model's console."""
        print(text, file=getattr(self.model, "console", None) or sys.stdout, flush=True)
