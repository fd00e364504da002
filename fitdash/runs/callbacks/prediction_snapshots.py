"""The callback that predicts some rows now and then while a model trains; the writer thread makes files of them."""

import math
import time
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from fitdash.engine.callbacks.base import Callback, Logs
from fitdash.engine.step.devices import device_and_dtype_of
from fitdash.engine.step.predictions import concatenate_batches, probabilities_of
from fitdash.engine.training.loop import evaluation_mode
from fitdash.engine.training.prepare import prepare_evaluation
from fitdash.runs.protocol.events import Event, PredictionsTaken

# A little less than an epoch takes at the watchable pace, so that each of its epochs has predictions.
LEAST_SECONDS = 0.18
# Share of the training time that may be spent on predictions.
MOST_SHARE = 0.02
# Bytes that may be written a second, on average; and the largest weights that are kept with the predictions.
MOST_BYTES_A_SECOND = 1_000_000
MOST_WEIGHT_BYTES = 4_000_000
ROWS_AT_ONCE = 512

Array = np.ndarray[Any, Any]


class PredictionSnapshots(Callback):
    """Predicts after an epoch, at most five times a second and for at most 2 % of the time, and after the last epoch.

    It changes nothing: evaluation mode, no gradients, no random numbers; the modes are restored. Its place is after the
    recorder and before the control callback.

    Args:
        uid: The run.
        put: Takes an event at once and never fails: `Writer.put`.
        x: Inputs of the rows to predict, as `fit` takes them.
        rows: Index of each of these rows in the data, (n,).
        task: "classification" predicts classes, "regression" numbers.
        often: True to predict before the last epoch, too.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        uid: str,
        put: Callable[[Event], None],
        *,
        x: Any,
        rows: Array,
        task: Literal["classification", "regression"],
        often: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.uid = uid
        self._put = put
        self._x, self._rows, self._task = x, np.asarray(rows, np.int32), task
        self._clock = clock
        self._window: Any = None
        self._next = -math.inf if often else math.inf
        self._cost = math.inf
        self._missed: int | None = None
        self._has_failed = False

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        is_last = epoch + 1 >= int(self.params.get("epochs") or 0) or self.model.stop_training
        self._missed = epoch
        if is_last or self._clock() >= self._next:
            self._look(epoch)

    def on_partial_epoch(self, epoch: int, logs: Logs) -> None:
        self._missed = None  # the weights are no longer those of the end of an epoch

    def on_tell(self, event: Any) -> None:
        if event.get("kind") == "restored_weights":
            self._missed = None

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._missed is not None:
            self._look(self._missed)

    def _look(self, epoch: int) -> None:
        """Predict and put; an error is reported as an event once, and training goes on."""
        began = self._clock()
        self._missed = None
        if self._has_failed:
            return
        try:
            predictions = self._predict(epoch)
        except Exception as error:  # the user's module can raise anything
            self._has_failed = True
            self.tell("not_looked", reason=f"{type(error).__name__}: {error}")
            return
        self._put(predictions)
        self._cost = min(self._cost, self._clock() - began)
        size = predictions.answers.nbytes + sum(array.nbytes for array in predictions.weights.values())
        wait = max(LEAST_SECONDS, self._cost / MOST_SHARE, size / MOST_BYTES_A_SECOND)
        self._next = began + wait

    def _predict(self, epoch: int) -> PredictionsTaken:
        step = self.model.training.step
        if self._window is None:
            target = device_and_dtype_of(step.module)
            self._window = prepare_evaluation(self._x, None, None, ROWS_AT_ONCE, None, target, needs_y=False)
        with evaluation_mode(step.module), step.forward.reading(arrays=True):
            given = concatenate_batches([step.predict(batch) for batch in self._window.epoch()])
        answers, sureness = decode_outputs(given, self._task, step.objective.links)
        weights = weights_of(step.module)
        return PredictionsTaken(
            uid=self.uid, epoch=epoch, rows=self._rows, answers=answers, sureness=sureness, weights=weights
        )


def decode_outputs(given: Any, task: str, links: list[str | None]) -> tuple[Array, Array | None]:
    """The predicted class and its probability of a classification, or the predicted numbers of a regression.

    Args:
        given: (n, …) outputs, the classes in their last axis; of several outputs a dict of (n, 1) numbers.
        links: For each output the function that a logits loss applies: "softmax", "sigmoid" or None.

    Returns:
        (n, …) uint16 classes and float16 probabilities, or (n, numbers) float32 and None.
    """
    if task == "regression":
        parts = list(given.values()) if isinstance(given, dict) else [given]
        return np.concatenate([np.asarray(part, np.float32).reshape(len(part), -1) for part in parts], axis=1), None
    shares = probabilities_of(np.asarray(given), links)
    shares = shares[:, None] if shares.ndim == 1 else shares
    if shares.shape[-1] == 1:
        shares = np.concatenate([1 - shares, shares], axis=-1)
    return shares.argmax(-1).astype(np.uint16), shares.max(-1).astype(np.float16)


def weights_of(module: Any) -> dict[str, Array]:
    """A copy of the complete state_dict; empty if it is larger than `MOST_WEIGHT_BYTES`."""
    state = module.state_dict()
    if sum(value.nbytes for value in state.values() if hasattr(value, "nbytes")) > MOST_WEIGHT_BYTES:
        return {}
    return {name: _copy(value) for name, value in state.items() if hasattr(value, "detach")}


def _copy(value: Any) -> Array:
    value = value.detach().cpu()
    copied: Array = (value.float() if value.is_floating_point() else value).numpy().copy()
    return copied
