"""The loop: what happens in a fit, in its order.

Source: Keras 3 `Trainer.fit`, `evaluate` and `predict`; the arguments' meaning lives in `data` (rows, order, weights),
in `objective` (losses, metrics) and in the callbacks, not here.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import nn

from fitdash.data.passes import Passes, Window
from fitdash.data.weights import ClassWeights
from fitdash.engine.callbacks.base import Logs, Moment
from fitdash.engine.callbacks.list import CallbackList
from fitdash.engine.objective_book import Book
from fitdash.engine.steppers import Stepper, stepper_of, tester_of
from fitdash.engine.steps import Step
from fitdash.errors import DataError


@dataclass(kw_only=True)
class Validation:
    """What is measured at the end of an epoch, and at which."""

    window: Window
    due: Callable[[int], bool]


@dataclass(kw_only=True)
class Fit:
    """One call of `fit`, its arguments understood.

    Attributes:
        flags: Has stop_training, stop_evaluating, start_epoch and epoch, which callbacks read and set.
        step: Trains a batch.
        book: Running values of training.
        test_book: Running values of validation.
        passes: The training data.
        initial_epoch, epochs: Epochs initial_epoch … epochs − 1 run; `epochs` may change meanwhile.
        run_eagerly: Whether every step is to be trained by itself.
        tester: How the steps of a validation run; None: one by one.
    """

    flags: Any
    step: Step
    book: Book
    test_book: Book
    passes: Passes
    callbacks: CallbackList
    class_weight: ClassWeights | None
    validation: Validation | None
    initial_epoch: int
    epochs: int
    run_eagerly: bool = False
    tester: Stepper | None = None
    was_cut: bool = False


def train(fit: Fit) -> None:
    """Train all epochs, until somebody stops it or the data ends."""
    flags, callbacks = fit.flags, fit.callbacks
    flags.stop_training = False
    flags.start_epoch = flags.epoch = fit.initial_epoch
    logs: Logs = {}
    callbacks.on_train_begin()
    fit.tester = tester_of(fit)
    stepper = stepper_of(fit)
    for epoch in _epochs(fit):
        if not _has_data(fit, epoch):
            break
        epoch_logs = train_epoch(fit, stepper, epoch)
        if fit.was_cut:
            break
        logs = epoch_logs
        if flags.stop_training:
            break
    callbacks.on_train_end(logs)


def train_epoch(fit: Fit, stepper: Stepper, epoch: int) -> Logs:
    """Train one epoch and validate; gives its values without what callbacks add."""
    module, callbacks, book = fit.step.module, fit.callbacks, fit.book
    fit.flags.epoch = epoch
    book.reset()
    callbacks.on_epoch_begin(epoch)
    module.train()
    fit.step.prepare()
    fit.was_cut = _train_steps(fit, stepper, epoch)
    _say(callbacks, stepper)
    module.eval()
    if book.rows == 0:
        return _nothing_trained(fit, epoch)
    logs = book.logs()
    if fit.was_cut:
        callbacks.on_partial_epoch(epoch, logs)
        return logs
    if fit.validation is not None and fit.validation.due(epoch):
        logs |= validate(fit, fit.validation)
    callbacks.on_epoch_end(epoch, dict(logs))
    return logs


def _train_steps(fit: Fit, stepper: Stepper, epoch: int) -> bool:
    """Train the batches of one epoch; True where the seam ended it."""
    flags, callbacks, logs = fit.flags, fit.callbacks, fit.book.logs
    first = 0
    for count in stepper.train(fit.passes.epoch()):
        last = first + count - 1
        if callbacks.has_seam and callbacks.between_steps(
            Moment(epoch=epoch, first=first, last=last, steps=fit.passes.steps, logs=logs)
        ):
            return True
        if flags.stop_training:
            break
        first = last + 1
    return False


def validate(fit: Fit, validation: Validation) -> Logs:
    """The values of the validation data, their names with `val_` in front; empty where an iterator has run dry."""
    logs = evaluate(fit.flags, fit.step, fit.test_book, validation.window, fit.callbacks, tester=fit.tester)
    return {f"val_{name}": value for name, value in logs.items()}


def evaluate(
    flags: Any,
    step: Step,
    book: Book,
    window: Window,
    callbacks: CallbackList,
    *,
    alone: bool = False,
    tester: Stepper | None = None,
) -> Logs:
    """The values of all batches of `window`; the module is as before afterwards.

    Args:
        flags, step, book, window, callbacks: As `Fit` has them.
        alone: Whether it is no part of a fit, so that the progress bar shows it.
        tester: Runs the steps; None: one by one, with hooks.
    """
    flags.stop_evaluating = False
    book.reset()
    callbacks.on_test_begin()
    with evaluating(step.module):
        if tester is None or flags.stop_evaluating:
            seen = _test_steps(flags, step, book, window, callbacks, alone)
        else:
            seen = sum(tester.train(window.epoch()))
    logs = book.logs() if seen else {}
    callbacks.on_test_end(dict(logs))
    return logs


def _test_steps(flags: Any, step: Step, book: Book, window: Window, callbacks: CallbackList, alone: bool) -> int:
    """Evaluate batch after batch, with hooks; gives how many there were."""
    tells_batches = callbacks.watches_test_batches
    seen = 0
    for batch in window.epoch():
        if tells_batches:
            callbacks.on_test_batch_begin(seen)
        step.test(batch, book)
        if tells_batches:
            callbacks.on_test_batch_end(seen, book.logs())
        seen += 1
        if alone:
            callbacks.on_progress(seen, book.logs)
        if flags.stop_evaluating:
            break
    return seen


def predict(flags: Any, step: Step, window: Window, callbacks: CallbackList) -> list[Any]:
    """The outputs of all batches of `window` as NumPy, batch after batch."""
    flags.stop_predicting = False
    tells_batches = callbacks.watches_predict_batches
    outputs: list[Any] = []
    callbacks.on_predict_begin()
    with evaluating(step.module):
        for index, batch in enumerate(window.epoch()):
            if tells_batches:
                callbacks.on_predict_batch_begin(index)
            outputs.append(step.predict(batch))
            if tells_batches:
                callbacks.on_predict_batch_end(index, {"outputs": outputs[-1]})
            callbacks.on_progress(index + 1, dict)
            if flags.stop_predicting:
                break
    callbacks.on_predict_end()
    if not outputs:
        raise DataError("The data to predict is empty: it gave no batch.")
    return outputs


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; every part gets the mode back that it had."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, was_training in modes:
            part.training = was_training


def _epochs(fit: Fit) -> Iterator[int]:
    """The epochs of a fit; its end may move while they run."""
    epoch = fit.flags.start_epoch
    while epoch < fit.epochs:
        yield epoch
        epoch += 1


def _say(callbacks: CallbackList, stepper: Stepper) -> None:
    """Note how the steps are trained."""
    if callbacks.history is not None:
        callbacks.history.params = {**callbacks.history.params, "stepper": stepper.said}


def _has_data(fit: Fit, epoch: int) -> bool:
    """Whether this epoch has a batch, as far as that can be known; if not, training ends with a warning."""
    if fit.passes.has_more():
        return True
    _ran_out(epoch)
    return False


def _nothing_trained(fit: Fit, epoch: int) -> Logs:
    """A pass without a batch ends training, although another pass could begin.

    Raises:
        DataError: it was the first one.
    """
    if epoch == fit.flags.start_epoch:
        raise DataError("The training data is empty: it gave no batch.")
    _ran_out(epoch)
    fit.was_cut = True
    return {}


def _ran_out(epoch: int) -> None:
    warnings.warn(
        f"The training data ran out of data before epoch {epoch + 1}: training ends here. "
        "Give a generator function, which is called anew for each pass.",
        stacklevel=3,
    )
