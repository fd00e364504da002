"""The methods of `Model` that work on exactly one batch."""

from typing import Any

import torch
from torch import nn

from fitdash.data.adapter import Target
from fitdash.engine import loop
from fitdash.engine.objective import Objective
from fitdash.engine.objective_book import Book
from fitdash.engine.prepare import single_batch
from fitdash.engine.steps import Step

Values = float | list[float] | dict[str, float]


class SingleBatches:
    """Train, test or predict one batch; expects what `Model.compile` sets."""

    module: nn.Module
    _step: Step
    _forward: Step
    _single_book: Book

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Values:
        """One update on exactly these rows; gives their loss and metrics from before it, as `evaluate` does.

        Source: R keras `train_on_batch`.
        """
        self._compiled("train_on_batch", needs_loss=True)
        batch, weights = single_batch(x, y, sample_weight, self._target, class_weight=class_weight)
        self._single_book.reset()
        self.module.train()
        self._step.prepare()
        with torch.enable_grad():
            self._step.train(batch, self._single_book, weights)
        return values_of(self._single_book.logs(), return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Values:
        """Loss and metrics of exactly these rows.

        Source: R keras `test_on_batch`.
        """
        self._compiled("test_on_batch", needs_loss=True)
        batch, _ = single_batch(x, y, sample_weight, self._target)
        self._single_book.reset()
        with loop.evaluating(self.module):
            self._step.test(batch, self._single_book)
        return values_of(self._single_book.logs(), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for exactly these rows, by one forward call, as NumPy.

        Source: R keras `predict_on_batch`.
        """
        batch, _ = single_batch(x, None, None, self._target, needs_y=False)
        with loop.evaluating(self.module):
            return self._forward.predict(batch)

    @property
    def _target(self) -> Target:
        raise NotImplementedError

    def _compiled(self, method: str, *, needs_loss: bool = False) -> Objective:
        raise NotImplementedError


def values_of(logs: dict[str, float], return_dict: bool) -> Values:
    """Logs as `evaluate` gives them."""
    if return_dict:
        return logs
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
