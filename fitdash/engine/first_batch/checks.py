"""`FirstBatchChecks` holds the checks of a fit that need the module's first output, its loss or its gradients."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from fitdash.data.batches.class_weights import ClassWeights
from fitdash.data.batches.lone_rows import LoneRow
from fitdash.data.batches.source import Batch, Source
from fitdash.engine.first_batch import gradients
from fitdash.engine.first_batch.arrays import arrays_of, prefix_of, rows_of_batch
from fitdash.engine.first_batch.class_weight_targets import refuse_several_classes
from fitdash.engine.first_batch.inputs import have_same_shapes, try_row, warn_of_nan
from fitdash.engine.first_batch.normalization import NormalizationCheck
from fitdash.engine.first_batch.own_training import warn_of_own_training
from fitdash.engine.first_batch.probabilities import warn_of_scale
from fitdash.engine.first_batch.targets import check_targets
from fitdash.engine.first_batch.token_ids import EmbeddingWatch
from fitdash.engine.first_batch.weights import warn_of_classes, warn_of_zero_weights
from fitdash.engine.objective.totals import OutputObjective
from fitdash.engine.step.step import Step
from fitdash.errors import DataError


@dataclass(frozen=True, kw_only=True)
class CheckedPart:
    """The training data or the validation data, as the checks see it.

    Attributes:
        source: Gives its batches; an `ArraySource` has all rows in `x`, `y` and `weight`.
        prefix: Stands before the names of its arrays in messages: "" or "validation ".
        lone_row: The batch of one row that it will give, None if there is none.
        class_weight: Of the training data, None without.
    """

    source: Source
    prefix: str = ""
    lone_row: LoneRow | None = None
    class_weight: ClassWeights | None = None


class FirstBatchChecks:
    """The checks of one fit, or of one call of `train_on_batch`; `Step` calls them, once, in the order of the methods.

    They look at arrays as a whole where the fit has arrays, so that a fault in the last row of the validation data is
    found before the first update.

    Args:
        step: The step whose first batch is checked.
        parts: The training data, and the validation data if there is any.
        check_names: Called with the names of all logs of training, which the first output settles; None: nothing is.
    """

    def __init__(
        self, step: Step, parts: Sequence[CheckedPart], check_names: Callable[[list[str]], None] | None = None
    ) -> None:
        self.step, self.parts, self.check_names = step, parts, check_names
        self.normalization = NormalizationCheck(step.module, [part.lone_row for part in parts])
        found = [(part, arrays_of(part.source)) for part in parts]
        self.arrays = [(part, *pair, prefix_of(pair[0], part.prefix)) for part, pair in found if pair is not None]
        self.embeddings = EmbeddingWatch(step.module, [(x, prefix) for _, x, _, prefix in self.arrays])
        self.unreached = gradients.UnreachedParameters(step)
        self.missing = gradients.MissingParameters(step)

    def check_prediction(self, batch: Batch, prediction: Any) -> None:
        """Called with what the module gave for the batch, before the loss is computed."""
        if self.check_names is not None:
            self.check_names(self.step.objective.names)
        self.normalization.refuse(batch.rows)
        self._check_arrays(batch, prediction)
        if torch.is_grad_enabled():  # else it is an evaluation
            warn_of_own_training(self.step.module)
            gradients.refuse_constant_outputs(self.step, prediction)
            self.unreached.leave_out(prediction)
        warn_of_scale(self.step.objective, batch, prediction)

    def check_class_weight(self, batch: Batch, prediction: Any) -> None:
        """Called where `class_weight` is given, before it is looked up."""
        refuse_several_classes(self.parts[0].source, batch.y, prediction)
        for part, _, y, _ in self.arrays:
            if part.class_weight is not None and y is not None:
                warn_of_classes(part.class_weight, y, prediction)

    def check_loss(self, loss: torch.Tensor) -> None:
        """Called with the total loss, before gradients are computed."""
        gradients.refuse_constant_loss(self.step, loss)

    def check_gradients(self) -> None:
        """Called when the parameters have their gradients, before the update."""
        gradients.refuse_unreachable(self.step)
        self.missing.warn()
        self.unreached.collect()

    def after_epoch(self) -> None:
        """Called after the last batch of each epoch, or after the one batch of `train_on_batch`: what took longer."""
        self.unreached.warn()
        self.missing.warn()

    def close(self) -> None:
        """Remove from the module what the checks put there; called at the end of the fit, however it ended."""
        self.normalization.close()
        self.embeddings.close()

    def _check_arrays(self, batch: Batch, prediction: Any) -> None:
        """Look at the arrays of both parts; where the training data is no arrays, at its first batch."""
        self.embeddings.close()
        outputs = self.step.objective.bind(prediction, self.step.output_names)
        known = [part for part, _, _, _ in self.arrays]
        if not any(part in known for part in self.parts[:1]) and batch.y is not None:
            check_targets(outputs, prediction, rows_of_batch(batch)[1])
        try:
            self._check_rows(outputs, batch, prediction)
        except DataError as error:  # it names a row, so that it needs no number of a batch
            error.is_located = True
            raise

    def _check_rows(self, outputs: list[OutputObjective], batch: Batch, prediction: Any) -> None:
        for part, x, y, prefix in self.arrays:
            said = prediction
            if part.prefix and not have_same_shapes(x, batch.x):
                said = try_row(self.step, x, f"{prefix}x")
            if y is not None and said is not None:
                check_targets(outputs, said, y, prefix)
            warn_of_nan(self.step, x, f"{prefix}x")
            if torch.is_grad_enabled():
                warn_of_zero_weights(outputs, getattr(part.source, "weight", None), prefix)
