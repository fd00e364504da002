"""What a callback is, and the seam between steps that fitdash's own callbacks use instead of batch hooks."""

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
        logs: Gives the running values of the epoch; reading them costs, so ask only when they are shown.
    """

    epoch: int
    first: int
    last: int
    steps: int | None
    logs: Callable[[], Logs]


class Callback:
    """Something that is told what happens while a model trains, is evaluated or predicts.

    Attributes:
        model: The `fitdash.Model`, set before any hook.
        params: "verbose", "epochs", "steps" and more, set before any hook.

    Every hook gets `logs`: empty at a beginning, running values at the end of a batch, the epoch's values at its end.
    All callbacks share one `logs` per event, in their order, so what an early one adds in `on_epoch_end` is seen by
    the later ones, by History and on the printed line.

    `observes_only` is True for a class whose hooks change nothing of the training and run no user code: a fit with
    no others may draw its batches ahead. It counts for the class that declares it, not for its subclasses.

    `remembers` names the attributes that a run needs to go on after an interruption: plain values and tensors.

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

    # What follows is fitdash's own: no batch hook is needed for it, so training may run many steps in one call.

    def between_steps(self, moment: Moment) -> bool | None:
        """Called between steps, at least every 50 ms or so; True ends training here, without validation.

        To wait (pause), it simply does not return yet.
        """

    def on_partial_epoch(self, epoch: int, logs: Logs) -> None:
        """An epoch that `between_steps` ended before its last step; `logs` are the running values up to there."""

    def on_tell(self, event: Mapping[str, Any]) -> None:
        """Something happened that belongs to the record: {"epoch", "kind", …}."""

    def state_dict(self) -> dict[str, Any]:
        """What it has to remember when a run is interrupted; nothing for most callbacks."""
        return {name: getattr(self, name) for name in self.remembers}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Remember it again; called after `on_train_begin` of the fit that goes on."""
        for name, value in state.items():
            setattr(self, name, value)

    def tell(self, kind: str, **facts: Any) -> None:
        """Note in `history.events` that something happened: a rate was changed, weights were restored, …"""
        tell = getattr(self.model, "tell", None)
        if tell is not None:
            tell(kind, **facts)

    def say(self, text: str) -> None:
        """Print a line where this model prints."""
        print(text, file=getattr(self.model, "console", None) or sys.stdout, flush=True)
