"""Resolves the `metrics` of `compile` (names, callables, metric objects) to `Metric`s; most of them are a `Mean`."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from fitdash.engine.losses.alignment import broadcast_weight
from fitdash.engine.losses.keras_losses import SYNONYMS
from fitdash.engine.losses.resolve import Loss, resolve_loss, resolve_name
from fitdash.engine.losses.torch_losses import TorchLoss, callable_name, is_functional
from fitdash.engine.metrics.counted import CELLS, WHOLE_METRICS, ConfusionCounts, SummedMetric, sum_values, zeros
from fitdash.engine.metrics.means import MEANS
from fitdash.engine.metrics.third_party import KerasMetric, TorchMetric, is_keras_metric, is_torchmetric, metric_name
from fitdash.errors import SettingError

Tensor = torch.Tensor


class Metric(Protocol):
    """A metric over all samples since `begin` or the last reset, kept as tensors that grow in place.

    Attributes:
        name: As the user wrote it.
        scalar: Whether it is a mean over batches, since the user's function gives one number per batch.
    """

    name: str
    scalar: bool

    def begin(self, prediction: Tensor) -> None:
        """Make room for the sums; called once, before the first update."""

    def states(self) -> list[Tensor]:
        """The sums."""

    def reset(self) -> None:
        """Count from 0 again."""

    def update(self, target: Tensor, prediction: Tensor, weight: Tensor | None, rows: int) -> None:
        """Count a batch of `rows` samples; the prediction carries no graph."""

    def result(self, rows: int, batches: int) -> Tensor:
        """The number, given how many samples and batches were counted."""


class Mean(SummedMetric):
    """Mean over the samples of each sample's mean value, so that uneven batches do not bias it.

    Args:
        values: Gives the values of a batch, (n, …), or one number, which then counts once per batch.
        weighted: Divide by the sum of the weights, not by the number of samples.
        root: Give the square root of the mean.
    """

    def __init__(self, name: str, values: Callable[[Tensor, Tensor], Tensor], weighted: bool, root: bool) -> None:
        super().__init__(name)
        self._values, self._weighted, self._root = values, weighted, root

    def begin(self, prediction: Tensor) -> None:
        self._sums = [zeros((), prediction) for _ in range(2 if self._weighted else 1)]

    def update(self, target: Tensor, prediction: Tensor, weight: Tensor | None, rows: int) -> None:
        values = self._values(target, prediction)
        self.scalar = values.ndim == 0
        share = 1.0 if self.scalar else rows / values.numel()
        if self._weighted and weight is not None:
            self._count(values, weight, share, rows)
            return
        self._sums[0].add_(sum_values(values), alpha=share)
        if self._weighted:
            self._sums[1].add_(1.0 if self.scalar else rows)

    def result(self, rows: int, batches: int) -> Tensor:
        mean = self._sums[0] / (batches if self.scalar else rows) if not self._weighted else self._weighted_mean()
        return mean.sqrt() if self._root else mean

    def _count(self, values: Tensor, weight: Tensor, share: float, rows: int) -> None:
        if self.scalar:
            mean = weight.to(values.dtype).mean()
            self._sums[0].add_(values * mean)
            self._sums[1].add_(mean)
        else:
            self._sums[0].add_((values * broadcast_weight(weight, values)).sum(), alpha=share)
            self._sums[1].add_(weight.sum(), alpha=rows / weight.numel())

    def _weighted_mean(self) -> Tensor:
        total, count = self._sums
        return torch.where(count == 0.0, 0.0, total / count)


@dataclass(frozen=True, kw_only=True)
class MetricFactory:
    """Makes a metric of `compile` anew for each use: once for training, once for evaluation.

    Attributes:
        name: As logs show it, before repeated names are numbered.
        make: Makes it, from the loss of the output (None: untrained) and whether weights count.
        by_shape: Whether shapes decide which metric it is ("accuracy").
        classes_last: Whether it takes the classes in the last axis, also where a torch loss has them in the second.
        depends_on_batches: Whether the result depends on how samples are cut into batches.
        counts_kept: Whether it leaves out targets that the loss ignores; functions and objects see them.
    """

    name: str
    make: Callable[[Loss | None, bool], Metric]
    by_shape: bool = False
    classes_last: bool = True
    depends_on_batches: bool = False
    counts_kept: bool = False


def resolve_metric(given: Any, *, weighted: bool = False) -> MetricFactory:
    """The `MetricFactory` for one of the metrics of `compile`.

    Raises:
        SettingError: an unknown name, neither name nor callable, or weights for an object that takes none.

    Source: Keras 3 `keras.metrics.get`; fitdash adds torch's losses and torchmetrics.
    """
    if isinstance(given, str):
        return _by_name(given)
    if inspect.isclass(given):
        given = given()
    if is_keras_metric(given):
        return MetricFactory(
            name=metric_name(given),
            make=lambda loss, weighted: KerasMetric(metric_name(given), given),
            depends_on_batches=True,
        )
    if is_torchmetric(given):
        return _torchmetric(given, weighted)
    if isinstance(given, nn.Module) or (callable(given) and is_functional(given)):
        return _of_values(_name(given), lambda: TorchLoss(given).values)
    if callable(given):
        return _of_values(_name(given), lambda: resolve_loss(given).values)
    raise SettingError(f"metrics must be names, callables (y_true, y_pred) or metric objects, got {given!r}.")


def _by_name(given: str) -> MetricFactory:
    if given.lower() in ("accuracy", "acc"):
        known = "accuracy"
    else:
        short = {**SYNONYMS, "log_cosh_error": "log_cosh"}
        known = resolve_name(given, [*MEANS, *CELLS, *WHOLE_METRICS], short, "metric")
    if known in CELLS:
        cells, ratio = CELLS[known]
        return MetricFactory(
            name=given, make=lambda loss, weighted: ConfusionCounts(given, loss, cells, ratio), counts_kept=True
        )
    if known in WHOLE_METRICS:
        return MetricFactory(
            name=given, make=lambda loss, weighted: WHOLE_METRICS[known](given, loss), counts_kept=True
        )
    root = known == "root_mean_squared_error"
    return MetricFactory(
        name=given,
        make=lambda loss, weighted: Mean(given, MEANS[known](loss.link if loss else None), weighted, root),
        by_shape=known == "accuracy",
        depends_on_batches=known in ("hinge", "squared_hinge"),
        counts_kept=True,
    )


def _of_values(name: str, values: Callable[[], Callable[[Tensor, Tensor], Tensor]]) -> MetricFactory:
    return MetricFactory(
        name=name,
        make=lambda loss, weighted: Mean(name, values(), weighted, False),
        classes_last=False,
        depends_on_batches=True,
    )


def _torchmetric(given: Any, weighted: bool) -> MetricFactory:
    if weighted:
        raise SettingError(
            f"weighted_metrics takes names and callables, got {type(given).__name__}, which knows no weights. "
            "Put it into metrics."
        )
    return MetricFactory(
        name=metric_name(given),
        make=lambda loss, weighted: TorchMetric(metric_name(given), given, loss.link if loss else None),
        classes_last=False,
        depends_on_batches=True,
    )


def _name(given: Any) -> str:
    """The `__name__` of a function, the `name` or the class of an object."""
    return callable_name(given) if hasattr(given, "__name__") or hasattr(given, "func") else metric_name(given)
