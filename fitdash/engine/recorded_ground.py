"""What recorded steps stand on: tensors that outlive a step, and what must stay as it is while they are replayed."""

import types
from collections.abc import Iterator
from typing import Any

import torch

from fitdash.data.weights import ClassWeights
from fitdash.engine.guards import Watch, refuse_modes
from fitdash.engine.guards_code import Unwatchable
from fitdash.engine.metrics_objects import ForeignMetric
from fitdash.engine.objective_book import Book
from fitdash.engine.recorded_notes import Refused, identity
from fitdash.engine.recorded_update import refuse_optimizer
from fitdash.engine.steps import Step

Tensor = torch.Tensor


class Ground:
    """The tensors and the Python state around a step, found once a step has been trained.

    Args:
        step, book, class_weight: What trains, counts and weighs.

    Attributes:
        tensors: All that outlive a step, but for what the optimizer keeps.
        trained: The parameters that get gradients.
        watch: Remembers how all of it was.

    Raises:
        Refused: the step cannot be recorded; the text says why.
    """

    def __init__(self, step: Step, book: Book, class_weight: ClassWeights | None) -> None:
        self.step, self.book, self.class_weight = step, book, class_weight
        self.optimizer = step.optimizer()
        refuse_optimizer(self.optimizer)
        try:
            refuse_modes()
            self.watch = Watch(step.module, list(_called(book.parts())))
        except Unwatchable as error:
            raise Refused(str(error)) from error
        self.trained = [t for t in self.watch.tensors if t.requires_grad]
        updated = {id(p) for group in self.optimizer.param_groups for p in group["params"] if p.requires_grad}
        ours = {id(t) for t in self.trained}
        if not updated <= ours <= {id(t) for t in step.cleared}:
            raise Refused("trains parameters that are not the module's")
        given = [] if class_weight is None else [t for t in vars(class_weight).values() if isinstance(t, Tensor)]
        found = [*self.watch.tensors, *book.states(), *given]
        self.states = book.states()
        self.tensors = list({identity(tensor): tensor for tensor in reversed(found)}.values())[::-1]

    def holds(self, *, entirely: bool) -> bool:
        """Whether a replay still does what a step would do.

        Args:
            entirely: Compare the Python state as well, since somebody else's code ran.
        """
        if self.step.optimizer() is not self.optimizer:
            return False
        states = self.book.states()
        if len(states) != len(self.states) or any(a is not b for a, b in zip(states, self.states, strict=True)):
            return False
        if not entirely:
            return self.watch.holds()
        try:
            refuse_optimizer(self.optimizer)
            refuse_modes()
        except (Refused, Unwatchable):
            return False
        return self.watch.holds_entirely()


def _called(parts: list[Any]) -> Iterator[Any]:
    """The modules and functions of other people inside losses and metrics.

    Raises:
        Refused: a metric keeps its own account.
    """
    seen: set[int] = set()
    stack: list[Any] = list(parts)
    while stack:
        thing = stack.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, ForeignMetric):
            raise Refused(f"counts the metric {thing.name}, which keeps its own account")
        if isinstance(thing, (list, tuple)):
            stack += thing
        elif isinstance(thing, dict):
            stack += thing.values()
        elif isinstance(thing, types.MethodType):
            stack += [thing.__self__, thing.__func__]
        elif isinstance(thing, types.FunctionType) and _is_ours(thing):
            stack += [cell.cell_contents for cell in thing.__closure__ or ()]
        elif _is_ours(type(thing)) and hasattr(thing, "__dict__"):
            stack += vars(thing).values()
        elif callable(thing):
            yield thing


def _is_ours(thing: Any) -> bool:
    return (getattr(thing, "__module__", None) or "").startswith("fitdash.engine.")
