"""Metrics that are computed from counts over all samples, never by averaging batches.

Source: Keras 3 `keras.metrics`: Precision, Recall, AUC, F1Score, R2Score and the four counts. Unlike Keras, class ids
are taken as well as one-hot targets, and F1 is the mean over the classes.
"""

from collections.abc import Callable

import torch

from fitdash.engine.losses.alignment import (
    add_last_axis,
    align_target,
    broadcast_weight,
    class_ids,
    is_sparse,
    wrong_class_error,
)
from fitdash.engine.losses.keras_losses import EPSILON
from fitdash.engine.losses.resolve import Loss, apply_link
from fitdash.engine.metrics.means import above_half

Tensor = torch.Tensor

THRESHOLDS = 200
"""Number of thresholds of Keras' AUC."""


def zeros(size: tuple[int, ...], prediction: Tensor) -> Tensor:
    """A sum to add to in place: on the device of the predictions, in double precision where that exists."""
    precise = torch.float32 if prediction.device.type == "mps" else torch.float64
    with torch.inference_mode(False):
        return torch.zeros(size, dtype=precise, device=prediction.device)


def one_hot(target: Tensor, prediction: Tensor, name: str) -> Tensor:
    """The target in the shape of the prediction; class ids become columns of 0 and 1."""
    if not is_sparse(target, prediction):
        return align_target(target, prediction, name)
    ids = class_ids(target, prediction, name)
    columns_of = torch.zeros_like(prediction)
    try:
        return columns_of.scatter(-1, ids.unsqueeze(-1), 1.0)
    except (IndexError, RuntimeError) as error:
        raise wrong_class_error(target, prediction.shape[-1]) or error from error


def _sum(hits: Tensor, weight: Tensor | None, axes: tuple[int, ...] | None = None) -> Tensor:
    """Weighted number of hits, over all axes or the given ones."""
    counted = hits if weight is None else hits * broadcast_weight(weight, hits)
    return sum_values(counted) if axes is None else counted.sum(axes)


def sum_values(values: Tensor) -> Tensor:
    """The sum; of booleans the number of true ones, counted in half the time of a sum."""
    return values.count_nonzero() if values.dtype == torch.bool else values.sum()


class SummedMetric:
    """A metric made of sums that grow in place, batch after batch.

    Attributes:
        scalar: Whether the result is a mean over batches instead of samples.
    """

    def __init__(self, name: str) -> None:
        self.name, self.scalar = name, False
        self._sums: list[Tensor] = []

    def states(self) -> list[Tensor]:
        return self._sums

    def reset(self) -> None:
        for total in self._sums:
            total.zero_()


class ConfusionCounts(SummedMetric):
    """A ratio of true and false positives and negatives, by the threshold 0.5.

    Args:
        cells: The counts that are kept, of "tp", "fp", "fn", "tn".
        ratio: Computes the result from them, in their order.
    """

    def __init__(self, name: str, loss: Loss | None, cells: str, ratio: Callable[..., Tensor]) -> None:
        super().__init__(name)
        self._cells, self._ratio = cells.split(), ratio
        self._positive = above_half(loss.link if loss else None)

    def begin(self, prediction: Tensor) -> None:
        self._sums = [zeros((), prediction) for _ in self._cells]

    def update(self, target: Tensor, prediction: Tensor, weight: Tensor | None, rows: int) -> None:
        prediction = add_last_axis(prediction)
        said, true = self._positive(prediction), one_hot(target, prediction, self.name) != 0
        for cell, total in zip(self._cells, self._sums, strict=True):
            hits = (said if cell[1] == "p" else ~said) & (true if cell in ("tp", "fn") else ~true)
            total.add_(_sum(hits, weight))

    def result(self, rows: int, batches: int) -> Tensor:
        return self._ratio(*self._sums)


class AreaUnderCurve(SummedMetric):
    """Area under the ROC curve, by trapezoids between 200 thresholds."""

    def __init__(self, name: str, loss: Loss | None) -> None:
        super().__init__(name)
        self._link = loss.link if loss else None

    def begin(self, prediction: Tensor) -> None:
        self._sums = [zeros((2 * THRESHOLDS,), prediction)]

    def update(self, target: Tensor, prediction: Tensor, weight: Tensor | None, rows: int) -> None:
        prediction = add_last_axis(prediction)
        true = one_hot(target, prediction, self.name) != 0
        share = apply_link(prediction, self._link).nan_to_num().clamp(0.0, 1.0)
        bucket = ((share * (THRESHOLDS - 1)).ceil() - 1.0).clamp(min=0.0).long() + true * THRESHOLDS
        (counts,) = self._sums
        amount = torch.ones_like(bucket) if weight is None else broadcast_weight(weight, bucket).expand(bucket.shape)
        counts.index_add_(0, bucket.reshape(-1), amount.reshape(-1).to(counts.dtype))

    def result(self, rows: int, batches: int) -> Tensor:
        false, true = (_from_above(part) for part in self._sums[0].reshape(2, THRESHOLDS))
        x, y = _share(false, false[0]), _share(true, true[0])
        return ((x[:-1] - x[1:]) * (y[:-1] + y[1:]) / 2.0).sum()


class F1(SummedMetric):
    """Mean over the classes of the harmonic mean of precision and recall; the highest column is the predicted class."""

    def __init__(self, name: str, loss: Loss | None) -> None:
        super().__init__(name)
        self._positive = above_half(loss.link if loss else None)

    def begin(self, prediction: Tensor) -> None:
        self._sums = [zeros((add_last_axis(prediction).shape[-1],), prediction) for _ in range(3)]

    def update(self, target: Tensor, prediction: Tensor, weight: Tensor | None, rows: int) -> None:
        prediction = add_last_axis(prediction)
        true = one_hot(target, prediction, self.name)
        single = prediction.shape[-1] == 1
        said = self._positive(prediction) if single else _best(prediction)
        axes = tuple(range(prediction.ndim - 1))
        for total, hits in zip(self._sums, (said * true, said * 1.0, true), strict=True):
            total.add_(_sum(hits, weight, axes))

    def result(self, rows: int, batches: int) -> Tensor:
        both, said, true = self._sums
        precision, recall = both / (said + EPSILON), both / (true + EPSILON)
        return (2.0 * precision * recall / (precision + recall + EPSILON)).mean()


class Determination(SummedMetric):
    """R²: the share of the target's variance that the prediction explains, mean over the columns."""

    def __init__(self, name: str, loss: Loss | None) -> None:
        super().__init__(name)

    def begin(self, prediction: Tensor) -> None:
        self._sums = [zeros((add_last_axis(prediction).shape[-1],), prediction) for _ in range(4)]

    def update(self, target: Tensor, prediction: Tensor, weight: Tensor | None, rows: int) -> None:
        prediction = add_last_axis(prediction)
        target = align_target(target, prediction, self.name).to(self._sums[0].dtype)
        axes = tuple(range(prediction.ndim - 1))
        one = torch.ones_like(target)
        for total, part in zip(self._sums, (target, target.square(), (target - prediction).square(), one), strict=True):
            total.add_(_sum(part, weight, axes))

    def result(self, rows: int, batches: int) -> Tensor:
        total, squares, missed, count = self._sums
        score = 1.0 - missed / (squares - total.square() / count)
        return torch.where(score.isinf() | (count == 0.0), 0.0, score).mean()


def _best(prediction: Tensor) -> Tensor:
    """True in the highest column of each row; nowhere in rows that are all 0."""
    return (prediction >= prediction.amax(-1, keepdim=True)) & (prediction.abs() > 1e-9)


def _from_above(counts: Tensor) -> Tensor:
    """For each bucket, how many samples lie in it or in a higher one."""
    return counts.flip(0).cumsum(0).flip(0)


def _share(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, 0 where the whole is 0."""
    return torch.where(whole == 0.0, 0.0, part / whole)


def _only(count: Tensor) -> Tensor:
    return count


def _of_both(hits: Tensor, misses: Tensor) -> Tensor:
    return _share(hits, hits + misses)


CELLS: dict[str, tuple[str, Callable[..., Tensor]]] = {
    "precision": ("tp fp", _of_both),
    "recall": ("tp fn", _of_both),
    "true_positives": ("tp", _only),
    "false_positives": ("fp", _only),
    "true_negatives": ("tn", _only),
    "false_negatives": ("fn", _only),
}
Counted = AreaUnderCurve | F1 | Determination
WHOLE_METRICS: dict[str, type[Counted]] = {"auc": AreaUnderCurve, "f1_score": F1, "r2_score": Determination}
