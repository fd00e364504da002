"""The callbacks of one call of fit, evaluate or predict: their order, and `CallbackList`, which calls their hooks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fitdash.engine.callbacks.backup_and_restore import BackupAndRestore
from fitdash.engine.callbacks.base import Callback, Logs, Moment
from fitdash.engine.callbacks.history import History
from fitdash.engine.callbacks.progbar_logger import ProgbarLogger

_BATCH_HOOKS = [f"on_{kind}_batch_{end}" for kind in ("train", "test", "predict") for end in ("begin", "end")]
_ALSO = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


def make_callbacks(
    given: Any, history: History | None, verbose: int, watchers: Sequence[Callback] = ()
) -> list[Callback]:
    """The callbacks in the order in which they are called: the given ones, History, the progress bar, watchers.

    Args:
        given: One callback, a list or tuple of them (nested to any depth), or None.
        history: Used unless a History is among the given ones; None outside `fit`.
        verbose: 0 adds no progress bar.
        watchers: Callbacks of the code that started the fit, such as the recorder and the one that obeys the controls.

    Raises:
        TypeError: Something that is not a callback instance.
    """
    callbacks = list(_flat(given))
    if history is not None and not any(isinstance(callback, History) for callback in callbacks):
        callbacks.append(history)
    if verbose and not any(isinstance(callback, ProgbarLogger) for callback in callbacks):
        callbacks.append(ProgbarLogger())
    return [*callbacks, *watchers]


class CallbackList:
    """Calls each hook of every callback, in order, with one dict of logs that all of them share.

    What a callback adds to that dict is seen by the later ones; the dict that the caller hands in is not changed.
    Batch hooks are called only on the callbacks that override them.

    Attributes:
        callbacks: In the order in which they are called.
        history: The last History among them, None without one.
        listeners: The callbacks that override `on_tell`; `Model.tell` calls them.
        watches_train_batches, watches_test_batches, watches_predict_batches: Whether some callback overrides a batch
            hook of that kind.
        between: The callbacks that override `between_steps`.
        has_seam: Whether there are any, so that training has to stop between steps and call them.
    """

    def __init__(self, callbacks: Sequence[Callback], model: Any, params: Mapping[str, Any]) -> None:
        self.callbacks = list(callbacks)
        self.history = next((one for one in reversed(self.callbacks) if isinstance(one, History)), None)
        for callback in self.callbacks:
            callback.set_model(model)
        for callback in self.callbacks:
            callback.set_params(params)
        self._listeners = {hook: [one for one in self.callbacks if _hears(one, hook)] for hook in _BATCH_HOOKS}
        self.listeners = [one for one in self.callbacks if _overrides(one, "on_tell")]
        self.between = [one for one in self.callbacks if _overrides(one, "between_steps")]
        heard = max((i for i, one in enumerate(self.callbacks) if _hears(one, "on_train_batch_end")), default=0)
        self._early = [one for one in self.callbacks[:heard] if _overrides(one, "between_steps")]
        self._late = [one for one in self.callbacks[heard:] if _overrides(one, "between_steps")]
        self._answers: list[bool | None] | None = None
        self._epoch = 0
        self._due = [one for one in self.callbacks if hasattr(one, "steps_until_due")]
        self._backups = [one for one in self.callbacks if isinstance(one, BackupAndRestore)]
        self._progress = [one for one in self.callbacks if isinstance(one, ProgbarLogger)]
        self.watches_train_batches = self._hears_batches("train")
        self.watches_test_batches = self._hears_batches("test")
        self.watches_predict_batches = self._hears_batches("predict")
        self.has_seam = bool(self.between)
        self._params = dict(params)

    def change_params(self, **params: Any) -> None:
        """Set these parameters of the fit anew in every callback."""
        self._params |= params
        for callback in self.callbacks:
            callback.set_params(self._params)

    def steps_until_due(self) -> int | None:
        """Training steps that may run before `between_steps` has to be called; None: any number."""
        due = [callback.steps_until_due() for callback in self._due]
        return min((steps for steps in due if steps is not None), default=None)

    def between_steps(self, moment: Moment) -> bool:
        """Call `between_steps` of all callbacks; True if any of them ends training here."""
        answers, self._answers = self._answers, None
        if answers is None:
            answers = [callback.between_steps(moment) for callback in self._early]
        answers += [callback.between_steps(moment) for callback in self._late]
        for backup in self._backups:
            backup.complete()
        return any(answer is True for answer in answers)

    def on_progress(self, done: int, logs: Callable[[], Logs]) -> None:
        """Show the steps done so far of an `evaluate` or `predict` outside of a fit on the progress bar."""
        for callback in self._progress:
            callback.on_progress(done, logs)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Call the hook; a backup is restored around it: the model before, the states of the callbacks after."""
        for backup in self._backups:
            backup.restore_model(self.callbacks)
        self._tell("on_train_begin", logs)
        for backup in self._backups:
            backup.restore_callbacks()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._tell("on_train_end", logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch
        self._tell("on_epoch_begin", logs, epoch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._tell("on_epoch_end", logs, epoch)
        for backup in self._backups:
            backup.complete()

    def on_partial_epoch(self, epoch: int, logs: Logs | None = None) -> None:
        self._tell("on_partial_epoch", logs, epoch)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._tell_batch("on_train_batch_begin", logs, batch)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call the batch hooks, and `between_steps` of those callbacks that stand before the last of them, in order.

        So a callback that stops training between steps does so before a later callback's batch hook has run.
        """
        if not self._early:
            self._tell_batch("on_train_batch_end", logs, batch)
            return
        shared, self._answers = dict(logs or {}), []
        steps = self._params.get("steps")
        moment = Moment(epoch=self._epoch, first=batch, last=batch, steps=steps, logs=lambda: shared)
        for callback in self.callbacks:
            if callback in self._listeners["on_train_batch_end"]:
                callback.on_train_batch_end(batch, shared)
            if callback in self._early:
                self._answers.append(callback.between_steps(moment))

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._tell("on_test_begin", logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._tell("on_test_end", logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._tell_batch("on_test_batch_begin", logs, batch)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._tell_batch("on_test_batch_end", logs, batch)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._tell("on_predict_begin", logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._tell("on_predict_end", logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._tell_batch("on_predict_batch_begin", logs, batch)

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._tell_batch("on_predict_batch_end", logs, batch)

    def _hears_batches(self, kind: str) -> bool:
        return any(self._listeners[f"on_{kind}_batch_{end}"] for end in ("begin", "end"))

    def _tell(self, hook: str, logs: Logs | None, *where: int) -> None:
        _call(self.callbacks, hook, logs, where)

    def _tell_batch(self, hook: str, logs: Logs | None, batch: int) -> None:
        if self._listeners[hook]:
            _call(self._listeners[hook], hook, logs, (batch,))


def _call(callbacks: Sequence[Callback], hook: str, logs: Logs | None, where: tuple[int, ...]) -> None:
    """Call this hook of each callback, with one dict of logs for all."""
    shared = dict(logs or {})
    for callback in callbacks:
        getattr(callback, hook)(*where, shared)


def _flat(given: Any) -> Iterable[Callback]:
    if given is None:
        return
    for one in given if isinstance(given, (list, tuple)) else [given]:
        if isinstance(one, (list, tuple)):
            yield from _flat(one)
        elif isinstance(one, Callback):
            yield one
        else:
            raise TypeError(_refusal(one))


def _refusal(given: Any) -> str:
    if isinstance(given, type):
        remedy = f" Make an instance of it: {given.__name__}(…)." if issubclass(given, Callback) else ""
        return f"callbacks must be instances of fitdash.callbacks.Callback, got the class {given.__name__}.{remedy}"
    return f"callbacks must be instances of fitdash.callbacks.Callback, got {given!r} of type {type(given).__name__}."


def _hears(callback: Callback, hook: str) -> bool:
    return _overrides(callback, hook) or (hook in _ALSO and _overrides(callback, _ALSO[hook]))


def _overrides(callback: Callback, hook: str) -> bool:
    """Whether the callback's class or the instance itself overrides a hook."""
    return getattr(getattr(callback, hook), "__func__", None) is not getattr(Callback, hook)
