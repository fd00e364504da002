"""Trains several fits of equal shape together, each as if alone: same order of rows, same hooks, own random state.

The results agree with those of a fit alone to a relative 1e-4, not to the last bit: sums are added in another order.
"""

import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from fitdash.data.batches.arrays import ArraySource
from fitdash.data.batches.source import Batch
from fitdash.engine.ensemble.batches import EnsembleBatches, MemberRandomState
from fitdash.engine.ensemble.ensemble_step import EnsembleStep, EnsembleStepState, EnsembleTotals
from fitdash.engine.ensemble.stacked_parameters import unstack_parameters
from fitdash.engine.optimizers.keras_optimizer import KerasOptimizer
from fitdash.engine.optimizers.resolve import RULES
from fitdash.engine.step.devices import flush_denormals
from fitdash.engine.training.loop import Fit, checks_of
from fitdash.engine.training.strategies import EagerStrategy, RecordedStrategy, StepStrategy

Tensor = torch.Tensor

VALIDATION_ROWS = 256
"""Rows of a validation batch, if the logs do not depend on the batch size."""
PLAIN = frozenset(
    {
        *(nn.Sequential, nn.Linear, nn.Dropout, nn.Identity, nn.Flatten),
        *(nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.ELU, nn.Softmax),
    }
)
"""Layers that train faster in an ensemble."""
LEAST_STEPS = 40
"""Ensemble steps below which recording them does not pay."""


@dataclass(eq=False, kw_only=True)
class EnsembleMember:
    """One fit of an ensemble.

    Attributes:
        fit: The fit as `Model` prepared it.
        dice: Its random state, as it is when a fit alone would begin.
        ended: Called at the end of the fit, with its exception or None.
        is_over: True once `ended` was called.
        logs: Its logs of the last epoch.
    """

    fit: Fit
    dice: MemberRandomState
    ended: Callable[[BaseException | None], None]
    is_over: bool = False
    logs: dict[str, float] = field(default_factory=dict)


def why_not_in_ensemble(fit: Fit) -> str:
    """Why this fit has to be trained alone; empty if it can be a member of an ensemble."""
    step, module = fit.step, fit.step.module
    if any(isinstance(part, nn.Dropout) and part.p for part in module.modules()):
        return "dropout would draw other numbers"
    if not all(type(part) in PLAIN for part in module.modules()):
        return "the network has more than fully connected layers"
    if any(not parameter.requires_grad for parameter in module.parameters()):
        return "a part of the network is frozen"
    optimizer = step.optimizer()
    if type(optimizer) is not KerasOptimizer or type(optimizer.rule) not in RULES.values():
        return "the optimizer keeps an account of its own"
    if [list(map(id, group["params"])) for group in optimizer.param_groups] != [list(map(id, module.parameters()))]:
        return "the optimizer updates the parameters in groups, or some of them"
    if _clips(optimizer):
        return "gradients are clipped"
    if any(parameter.dtype != torch.float32 for parameter in module.parameters()):
        return "the parameters are not float32"
    if fit.run_eagerly or step.precision != "float32" or next(module.parameters()).device.type != "cpu":
        return "it runs eagerly, casts automatically or is not on the CPU"
    validation = fit.validation.window.source if fit.validation is not None else fit.passes.source
    if not all(_is_plain(source) for source in (fit.passes.source, validation)):
        return "its data is not one array of floating-point inputs in memory"
    if fit.passes.asked is not None:
        return "an epoch is not one pass over the data"
    if fit.callbacks.watches_train_batches or fit.callbacks.watches_test_batches:
        return "a callback listens to batches"
    return ""


def ensemble_key(fit: Fit) -> str:
    """A text that is equal for fits that can be trained together, if their losses and metrics are equal too."""
    rule = replace(fit.step.optimizer().rule, learning_rate=0.0, weight_decay=0.0)
    kinds = [type(part).__name__ for part in fit.step.module.modules()]
    parameters = [(name, *parameter.shape) for name, parameter in fit.step.module.named_parameters()]
    held = None if fit.validation is None else (_rows(fit.validation.window.source), fit.validation.window.asked)
    return str((kinds, parameters, rule, _rows(fit.passes.source), held, fit.initial_epoch, fit.epochs))


def train_ensemble(members: Sequence[EnsembleMember]) -> None:
    """Train the members epoch by epoch; each ends when it would alone.

    Raises:
        Exception: the ensemble failed; members that are not over can be trained anew, each alone.
    """
    with flush_denormals():
        _train(members)


def _train(members: Sequence[EnsembleMember]) -> None:
    alive = [member for member in members if _begun(member)]
    joint = _Joint(alive) if alive else None
    first, last = members[0].fit.initial_epoch, members[0].fit.epochs
    try:
        for epoch in range(first, last):
            alive = [member for member in alive if not member.is_over]
            if not alive or joint is None:
                break
            if 2 * len(alive) <= len(joint.members):
                joint = _Joint(alive)
            joint.epoch(epoch)
        for member in alive:
            _end(member)
    except BaseException as error:
        for member in members:
            if not isinstance(error, Exception) and not member.is_over:
                _over(member, error)
        raise


class _Joint:
    """The members that train, as one ensemble step.

    Args:
        members: Members that are not over. One that ends keeps its row, until half of them have ended and a smaller
            ensemble replaces this one.
    """

    def __init__(self, members: list[EnsembleMember]) -> None:
        self.members = members
        fits = [member.fit for member in members]
        self._dice = [member.dice for member in members]
        self._rows = EnsembleBatches([fit.passes.source for fit in fits], [fit.class_weight for fit in fits])  # type: ignore[misc]
        self._validation = fits[0].validation
        for place, fit in enumerate(fits):
            _shaped(fit, self._rows, place)
        for fit in fits:
            fit.step.prepare()
            _with_state(fit)
        self.step = EnsembleStep([fit.step.module for fit in fits], [fit.step.optimizer() for fit in fits])
        self.book = self._book_of([fit.book for fit in fits])
        self.stepper = self._stepper(fits[0])
        if self._validation is not None:
            windows = [fit.validation.window for fit in fits if fit.validation is not None]
            self._test_rows = EnsembleBatches([window.source for window in windows], [None] * len(windows))  # type: ignore[misc]
            self._test_book = self._book_of([fit.test_book for fit in fits])
            self._most = self._test_rows.rows
            if windows[0].asked is not None:
                self._most = min(self._most, windows[0].asked * self._test_rows.size)
            self._test_size = self._test_rows.size if _depends(fits[0]) else max(VALIDATION_ROWS, self._test_rows.size)

    def epoch(self, epoch: int) -> None:
        """Train one epoch of all members, and run each member's callbacks."""
        for member in [self.members[place] for place in self._alive()]:
            with member.dice.rolling(), _guarded(member):
                member.fit.flags.epoch = epoch
                member.fit.callbacks.on_epoch_begin(epoch)
        places = range(len(self.members))
        for place in self._alive():
            self.step.take(place)
        self.book.reset()
        self.step.template.train()
        sum(self.stepper.train(self._rows.epoch(self._dice, places)))
        for place in self._alive():
            self.step.give(place)
        self.step.template.eval()
        due = self._validation is not None and self._validation.due(epoch)
        if due:
            self._test_book.reset()
            for batch in self._test_rows.pass_of(places, self._test_size, self._most):
                self.step.test(batch, self._test_book)
        for place in self._alive():
            member = self.members[place]
            with member.dice.rolling(), _guarded(member):
                self._epoch_ended(member, place, epoch, due=due)

    def _alive(self) -> list[int]:
        """The indices of the members that still train."""
        return [place for place, member in enumerate(self.members) if not member.is_over]

    def _epoch_ended(self, member: EnsembleMember, place: int, epoch: int, *, due: bool) -> None:
        fit = member.fit
        logs = self.book.logs(place)
        if due:
            fit.callbacks.on_test_begin()
            found = self._test_book.logs(place)
            fit.callbacks.on_test_end(dict(found))
            logs |= {f"val_{name}": value for name, value in found.items()}
        self._say(fit)
        fit.callbacks.on_epoch_end(epoch, dict(logs))
        member.logs = logs
        if fit.flags.stop_training:
            _end(member)

    def _say(self, fit: Fit) -> None:
        if fit.callbacks.history is not None:
            count = len(self.members)
            said = {"stepper": f"{self.stepper.said}, together with {count - 1} others", "together": count}
            fit.callbacks.history.params = {**fit.callbacks.history.params, **said}

    def _book_of(self, books: list[Any]) -> EnsembleTotals:
        fit, batch = self.members[0].fit, self._rows.first(0)
        model = fit.step.objective.new_book()
        with torch.no_grad():
            model.prepare(batch.y, fit.step.forward(batch.x))
        return EnsembleTotals(model, books)

    def _stepper(self, fit: Fit) -> StepStrategy:
        step, book = self.step, self.book
        steps = fit.passes.source.steps or 1
        if steps * (fit.epochs - fit.initial_epoch) < LEAST_STEPS:
            return EagerStrategy("eager", step, book, None)  # type: ignore[arg-type]
        return RecordedStrategy(
            lambda batch: step.train(batch, book),
            lambda: EnsembleStepState(step, book) if book.rows else None,
            most=lambda: None,
            draws_ahead=True,
            is_watched=False,
            is_alone=True,
            tell=lambda kind, **facts: None,
        )


class _guarded:
    """Ends one member, and no other, with the exception of its callback; Ctrl-C ends all."""

    def __init__(self, member: EnsembleMember) -> None:
        self.member = member

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: Any) -> bool:
        if not isinstance(error, Exception):
            return False
        _over(self.member, error)
        return True


def _begun(member: EnsembleMember) -> bool:
    """Run the callbacks for the beginning of training; False if one of them raised an exception."""
    fit = member.fit
    with member.dice.rolling(), _guarded(member):
        fit.flags.stop_training = fit.flags.is_resuming = False
        fit.flags.start_epoch = fit.flags.epoch = fit.initial_epoch
        fit.callbacks.on_train_begin()
    return not member.is_over


def _end(member: EnsembleMember) -> None:
    """End a member after its last epoch; its parameters stay as they are now."""
    with member.dice.rolling(), _guarded(member):
        member.fit.callbacks.on_train_end(member.logs)
    if not member.is_over:
        _over(member, None)


def _over(member: EnsembleMember, error: BaseException | None) -> None:
    member.is_over = True
    unstack_parameters(member.fit.step.module, member.fit.step.optimizer())
    member.ended(error)


def _shaped(fit: Fit, rows: EnsembleBatches, place: int) -> None:
    """Prepare the running totals of a fit by the outputs of its network for some rows."""
    batch = rows.first(place)
    with torch.no_grad(), warnings.catch_warnings():
        said = fit.step.forward(batch.x)
        if fit.step.example is None:
            fit.step._look_at(batch.x, said)
            _checked(fit, batch, said)
        for book in (fit.book, fit.test_book):
            book.prepare(batch.y, said)


def _checked(fit: Fit, batch: Batch, said: Any) -> None:
    """Check the arrays and the outputs of a member before the first update of all.

    Raises:
        DataError: they do not fit each other; each member is trained alone then, and its own error comes up there.
    """
    with closing(checks_of(fit)) as checks:
        checks.check_prediction(batch, said)
        if fit.class_weight is not None:
            checks.check_class_weight(batch, said)


def _with_state(fit: Fit) -> None:
    """Have the optimizer make the tensors of its state."""
    optimizer = fit.step.optimizer()
    optimizer.buckets_for(optimizer.param_groups[0]["params"])


def _is_plain(source: Any) -> bool:
    """True if batches are one array of inputs, which need no cast, and one of targets."""
    containers = (list, tuple, dict, type(None))
    if type(source) is not ArraySource or any(isinstance(part, containers) for part in (source.x, source.y)):
        return False
    if not source.parts[0].slice(0, 1).is_floating_point():
        return False
    return len(source.parts[0].shape) == 2 and all(len(part.shape) <= 2 for part in source.parts[1:])


def _rows(source: Any) -> tuple[Any, ...]:
    """Number, batch size, order, shapes and dtypes of the rows."""
    first = [part.slice(0, 1) for part in source.parts]
    return source.rows, source.batch_size, source.order, [(tuple(one.shape), one.dtype) for one in first[:2]]


def _depends(fit: Fit) -> bool:
    """True if a loss or metric depends on how rows are cut into batches."""
    parts = fit.book.parts()
    losses = [part.loss for part in parts if part.loss is not None]
    recipes = [recipe for part in parts for _, _, recipe in part.plain + part.weighted]
    return any(one.depends_on_batches for one in losses) or any(one.depends_on_batches for one in recipes)


def _clips(optimizer: KerasOptimizer) -> bool:
    return any(getattr(optimizer.rule, name) for name in ("clipnorm", "clipvalue", "global_clipnorm"))
