"""The training loop: epochs, steps, validation and hooks in their order; evaluation and prediction.

Source: Keras 3 `Trainer.fit`, `evaluate` and `predict`; what the arguments mean is decided in `data/batches` (rows,
order, weights), in `objective` (losses, metrics) and in the callbacks, not here.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from fitdash.data.batches.arrays import ArraySource
from fitdash.data.batches.class_weights import ClassWeights
from fitdash.data.batches.epochs import EpochBatches, EvaluationBatches
from fitdash.data.batches.lone_rows import find_lone_row
from fitdash.data.batches.source import Batch
from fitdash.engine.callbacks.base import Logs, Moment
from fitdash.engine.callbacks.callback_list import CallbackList
from fitdash.engine.first_batch.checkpoint_paths import refuse_unknown_fields
from fitdash.engine.first_batch.checks import CheckedPart, FirstBatchChecks
from fitdash.engine.objective.ignored import may_hold
from fitdash.engine.objective.totals import RunningTotals
from fitdash.engine.step.step import Step
from fitdash.engine.training.batch_errors import numbered_error, with_numbers
from fitdash.engine.training.evaluation_batches import widen_batches
from fitdash.engine.training.strategies import OURS, StepStrategy, choose_evaluation_strategy, choose_strategy
from fitdash.errors import DataError


@dataclass(kw_only=True)
class Validation:
    """The validation data, and `due`, which says if the epoch of an index from 0 is validated."""

    window: EvaluationBatches
    due: Callable[[int], bool]


@dataclass(kw_only=True)
class Fit:
    """One call of `fit`, its arguments checked and resolved.

    Attributes:
        flags: The `Model`, whose stop_training, stop_evaluating, start_epoch and epoch callbacks read and set.
        step: Trains a batch.
        book: Running totals of training.
        test_book: Running totals of validation.
        passes: The training data.
        initial_epoch, epochs: Epochs initial_epoch … epochs − 1 run; `epochs` may change meanwhile.
        run_eagerly: Whether no step is recorded.
        tester: The strategy of validation; None: batch by batch.
        has_tested: Whether `tester` was chosen, which the first validation does.
        was_cut: Whether an epoch ended before its last step, and the fit with it.
        checks: The checks of its first batch, which also look back at the end of an epoch; None before training.
    """

    flags: Any
    step: Step
    book: RunningTotals
    test_book: RunningTotals
    passes: EpochBatches
    callbacks: CallbackList
    class_weight: ClassWeights | None
    validation: Validation | None
    initial_epoch: int
    epochs: int
    run_eagerly: bool = False
    tester: StepStrategy | None = None
    has_tested: bool = False
    was_cut: bool = False
    checks: FirstBatchChecks | None = None


def train(fit: Fit) -> None:
    """Train epoch after epoch; after an error, Ctrl-C included, every layer is back in the mode it had before."""
    with mode_kept_on_error(fit.step.module):
        _train(fit)


def _train(fit: Fit) -> None:
    fit.flags.stop_training = fit.flags.is_resuming = False
    fit.flags.start_epoch = fit.flags.epoch = fit.initial_epoch
    logs: Logs = {}
    fit.callbacks.on_train_begin()
    ignored = fit.step.objective.ignored
    fit.book.heed_ignored(may_hold(fit.passes.source, ignored))
    if fit.validation is not None:
        fit.test_book.heed_ignored(may_hold(fit.validation.window.source, ignored))
    with closing(checks_of(fit)) as checks:
        fit.step.checks = fit.checks = checks
        stepper = choose_strategy(fit)
        for epoch in _epochs(fit):
            logs = train_epoch(fit, stepper, epoch) or logs
    fit.callbacks.on_train_end(logs)


def checks_of(fit: Fit) -> FirstBatchChecks:
    """The checks of a fit's first batch; the caller closes them."""
    return FirstBatchChecks(fit.step, _parts(fit), lambda names: _check_names(fit, names))


def _check_names(fit: Fit, names: list[str]) -> None:
    """Refuse file names of checkpoints that name values which this fit will not log."""
    epochs = range(fit.flags.start_epoch, fit.epochs)
    due = None if fit.validation is None else fit.validation.due
    refuse_unknown_fields(fit.callbacks.callbacks, names, epochs, due)


def _parts(fit: Fit) -> list[CheckedPart]:
    """The training data and the validation data, for the checks of the first batch."""
    steps = None if fit.passes.asked is None else fit.passes.asked * (fit.epochs - fit.flags.start_epoch)
    lone = find_lone_row(fit.passes.source, steps)
    parts = [CheckedPart(source=fit.passes.source, lone_row=lone, class_weight=fit.class_weight)]
    if fit.validation is not None:
        window = fit.validation.window
        lone = find_lone_row(window.source, window.asked)
        parts.append(CheckedPart(source=window.source, prefix="validation ", lone_row=lone))
    return parts


def train_epoch(fit: Fit, stepper: StepStrategy, epoch: int) -> Logs:
    """Train one epoch and validate; gives its logs without what callbacks add, empty where it was cut short."""
    callbacks, book = fit.callbacks, fit.book
    fit.flags.epoch = epoch
    book.reset()
    callbacks.on_epoch_begin(epoch)
    fit.step.module.train()
    fit.step.prepare()
    with _reading(fit.step, fit.passes):
        _train_steps(fit, stepper, epoch)
    if fit.checks is not None:
        fit.checks.after_epoch()
    fit.step.module.eval()
    if fit.was_cut or not book.rows:
        return _cut_short(fit, epoch)
    logs = book.logs()
    if fit.validation is not None and fit.validation.due(epoch):
        logs |= validate(fit, fit.validation)
    callbacks.on_epoch_end(epoch, dict(logs))
    return logs


def _train_steps(fit: Fit, stepper: StepStrategy, epoch: int) -> None:
    """Train the batches of one epoch, until a callback ends it or the whole fit."""
    callbacks, first = fit.callbacks, 0
    batches, is_ours = fit.passes.epoch(), isinstance(fit.passes.source, OURS)
    for count in stepper.train(batches) if is_ours else with_numbers(stepper.train, batches, fit.step):
        if callbacks.has_seam:
            moment = Moment(
                epoch=epoch, first=first, last=first + count - 1, steps=fit.passes.steps, logs=fit.book.logs
            )
            fit.was_cut = callbacks.between_steps(moment)
        if fit.was_cut or fit.flags.stop_training:
            break
        first += count
    if callbacks.history is not None:
        callbacks.history.params = {**callbacks.history.params, "stepper": stepper.said}


def validate(fit: Fit, validation: Validation) -> Logs:
    """The logs of the validation data, `val_` before each name; empty where an iterator has no more batches."""

    def tester() -> StepStrategy | None:
        if not fit.has_tested:
            fit.tester, fit.has_tested = choose_evaluation_strategy(fit), True
        return fit.tester

    logs = evaluate(fit.flags, fit.step, fit.test_book, validation.window, fit.callbacks, tester=tester)
    return {f"val_{name}": value for name, value in logs.items()}


def evaluate(
    flags: Any,
    step: Step,
    book: RunningTotals,
    window: EvaluationBatches,
    callbacks: CallbackList,
    *,
    alone: bool = False,
    tester: Callable[[], StepStrategy | None] | None = None,
) -> Logs:
    """The logs over all batches of `window`; the module is back in its former mode afterwards.

    Args:
        flags, step, book, window, callbacks: As in `Fit`.
        alone: Whether it is no part of a fit, so that the progress bar shows it.
        tester: Gives the strategy of the steps; None, or if it gives None: batch by batch, with hooks.
    """
    flags.stop_evaluating = False
    book.reset()
    callbacks.on_test_begin()
    with evaluation_mode(step.module), _reading(step, window):
        if flags.stop_evaluating:
            window.narrow()
        elif not (callbacks.watches_test_batches or step.objective.depends_on_batches):
            widen_batches(step, window)
        runner = None if tester is None or flags.stop_evaluating else tester()
        if runner is None:
            with _quiet(window):
                seen = _test_steps(flags, step, book, window, callbacks, alone)
        else:
            batches, is_ours = window.epoch(), isinstance(window.source, OURS)
            seen = sum(runner.train(batches) if is_ours else with_numbers(runner.train, batches, step, "validation "))
    logs = book.logs() if seen else {}
    callbacks.on_test_end(dict(logs))
    return logs


def _test_steps(
    flags: Any, step: Step, book: RunningTotals, window: EvaluationBatches, callbacks: CallbackList, alone: bool
) -> int:
    """Evaluate batch after batch, with hooks; gives how many there were."""
    tells_batches = callbacks.watches_test_batches
    seen = 0
    for batch in window.epoch():
        if tells_batches:
            callbacks.on_test_batch_begin(seen)
        try:
            step.test(batch, book)
        except Exception as error:
            if (found := _located(error, seen, batch, step, window, "" if alone else "validation ")) is error:
                raise
            raise found from error
        if tells_batches:
            callbacks.on_test_batch_end(seen, book.logs())
        seen = seen + 1 if window.at_once == 1 else min(seen + window.at_once, window.steps or 0)
        if alone:
            callbacks.on_progress(seen, book.logs)
        if flags.stop_evaluating:
            break
    return seen


def predict(flags: Any, step: Step, window: EvaluationBatches, callbacks: CallbackList) -> list[Any]:
    """The outputs of all batches of `window` as NumPy, batch after batch."""
    flags.stop_predicting = False
    tells_batches = callbacks.watches_predict_batches
    outputs: list[Any] = []
    callbacks.on_predict_begin()
    with evaluation_mode(step.module), _reading(step, window):
        if not (tells_batches or flags.stop_predicting):
            widen_batches(step, window)
        with _quiet(window):
            for index, batch in enumerate(window.epoch()):
                if tells_batches:
                    callbacks.on_predict_batch_begin(index)
                try:
                    outputs.append(step.predict(batch))
                except Exception as error:
                    if (found := _located(error, index, batch, step, window)) is error:
                        raise
                    raise found from error
                if tells_batches:
                    callbacks.on_predict_batch_end(index, {"outputs": outputs[-1]})
                callbacks.on_progress(min((index + 1) * window.at_once, window.steps or index + 1), dict)
                if flags.stop_predicting:
                    break
    callbacks.on_predict_end()
    if not outputs:
        raise DataError("The data to predict is empty: it gave no batch.")
    return outputs


def _reading(step: Step, window: EpochBatches | EvaluationBatches) -> AbstractContextManager[None]:
    """The context in which the batches of this source go through the step."""
    return step.forward.reading(arrays=isinstance(window.source, ArraySource))


def _located(
    error: Exception, index: int, batch: Batch, step: Step, window: EvaluationBatches, prefix: str = ""
) -> Exception:
    """The error of a batch, with its number where the user's own source gave it."""
    return error if isinstance(window.source, OURS) else numbered_error(error, index + 1, batch, step, prefix)


def _quiet(window: EvaluationBatches) -> Any:
    """`torch.no_grad` around all batches of a widened window, where no hook of a callback runs between them."""
    return torch.no_grad() if window.at_once > 1 else nullcontext()


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Evaluation mode inside the block; every layer gets its own mode back."""
    modes = _modes_of(module)
    if any(was_training for _, was_training in modes):
        module.eval()
    try:
        yield
    finally:
        _set_modes(modes)


@contextmanager
def mode_kept_on_error(module: nn.Module) -> Iterator[None]:
    """Where the block raises, KeyboardInterrupt included, every layer gets the mode back that it had before."""
    modes = _modes_of(module)
    try:
        yield
    except BaseException:
        _set_modes(modes)
        raise


def _modes_of(module: nn.Module) -> list[tuple[nn.Module, bool]]:
    return [(part, part.training) for part in module.modules()]


def _set_modes(modes: list[tuple[nn.Module, bool]]) -> None:
    for part, was_training in modes:
        if part.training is not was_training:
            part.training = was_training


def _epochs(fit: Fit) -> Iterator[int]:
    """The epochs of a fit, until the data or a callback ends it; `fit.epochs` may change meanwhile."""
    epoch = fit.flags.start_epoch
    while epoch < fit.epochs and _has_data(fit, epoch):
        yield epoch
        if fit.was_cut or fit.flags.stop_training:
            return
        epoch += 1


def _has_data(fit: Fit, epoch: int) -> bool:
    """False, with a warning, if the data is known to have no batch for this epoch."""
    if fit.passes.has_more():
        return True
    _ran_out(epoch)
    return False


def _cut_short(fit: Fit, epoch: int) -> Logs:
    """End training with an incomplete epoch: a callback ended it, or the data gave no batch.

    Raises:
        DataError: the first epoch had no batch.
    """
    fit.was_cut = True
    if fit.book.rows:
        fit.callbacks.on_partial_epoch(epoch, fit.book.logs())
    elif epoch == fit.flags.start_epoch:
        raise DataError("The training data is empty: it gave no batch.")
    else:
        _ran_out(epoch)
    return {}


def _ran_out(epoch: int) -> None:
    warnings.warn(
        f"The training data ran out of data before epoch {epoch + 1}: training ends here. "
        "Give a generator function, which is called anew for each pass.",
        stacklevel=3,
    )
