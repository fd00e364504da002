"""Metric objects of other libraries: torchmetrics (update, compute, reset) and Keras (update_state, result)."""

import copy
import re
from collections.abc import Mapping
from typing import Any

import torch

from fitdash.engine.losses.alignment import match_ranks
from fitdash.engine.losses.resolve import apply_link
from fitdash.errors import DataError

Tensor = torch.Tensor


def is_torchmetric(given: Any) -> bool:
    """Whether `given` has update, compute and reset."""
    return all(callable(getattr(given, hook, None)) for hook in ("update", "compute", "reset"))


def is_keras_metric(given: Any) -> bool:
    """Whether `given` has update_state, result and reset_state."""
    return all(callable(getattr(given, hook, None)) for hook in ("update_state", "result", "reset_state"))


def metric_name(given: Any) -> str:
    """The `name` of a metric object, or its class in snake case: binary_accuracy for BinaryAccuracy."""
    name = getattr(given, "name", None)
    if isinstance(name, str) and name:
        return name
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type(given).__name__).lower()


def expand_collections(given: Any) -> Any:
    """`given` with each collection of torchmetrics as the list of its metrics, named by their keys."""
    if isinstance(given, (list, tuple)):
        return [expand_collections(part) for part in given]
    if isinstance(given, Mapping):
        return {key: expand_collections(part) for key, part in given.items()}
    if not (is_torchmetric(given) and callable(getattr(given, "items", None))):
        return given
    members = []
    for key, metric in given.items():
        member = copy.copy(metric)
        member.name = key
        members.append(member)
    return members


class ThirdPartyMetric:
    """A copy of a metric object of another library, so that training and evaluation count apart."""

    scalar = False

    def __init__(self, name: str, given: Any) -> None:
        self.name = name
        self._metric = copy.deepcopy(given)

    def begin(self, prediction: Tensor) -> None:
        if isinstance(self._metric, torch.nn.Module):
            self._metric.to(prediction.device)
        self.reset()

    def states(self) -> list[Tensor]:
        return []

    def reset(self) -> None:
        raise NotImplementedError

    def _one(self, value: Any) -> Any:
        """`value`, which must be one number."""
        if isinstance(value, Tensor) and value.numel() == 1:
            return value.detach().reshape(())
        if hasattr(value, "detach") or hasattr(value, "__len__"):
            raise DataError(
                f"The metric {self.name!r} must give one number, got {type(value).__name__} of "
                f"{tuple(getattr(value, 'shape', (len(value),)))}. Let it average."
            )
        return torch.as_tensor(float(value))


class TorchMetric(ThirdPartyMetric):
    """A metric of torchmetrics, called (prediction, target).

    Args:
        link: "sigmoid" or "softmax" if predictions are logits, which are turned into probabilities here: torchmetrics
            does so only in batches where a logit lies outside [0, 1], so its result would depend on the batch.
    """

    def __init__(self, name: str, given: Any, link: str | None = None) -> None:
        super().__init__(name, given)
        kind = type(given)
        self._classifies = "classification" in kind.__module__
        self._takes_ids = self._classifies and kind.__name__.startswith("Multiclass")
        self._link = link

    def update(self, target: Tensor, prediction: Tensor, weight: Tensor | None, rows: int) -> None:
        target, prediction = self._fitting(target, prediction)
        self._metric.update(prediction, target)

    def result(self, rows: int, batches: int) -> Any:
        return self._one(self._metric.compute())

    def reset(self) -> None:
        self._metric.reset()

    def _fitting(self, target: Tensor, prediction: Tensor) -> tuple[Tensor, Tensor]:
        """Targets in the prediction's shape where only a last axis of 1 differs; whole numbers for classification."""
        if self._classifies:
            prediction = apply_link(prediction, self._link, min(1, prediction.ndim - 1))
        if self._takes_ids and target.shape == prediction.shape:
            target = target.argmax(1)
        if target.ndim == prediction.ndim and target.shape[-1] == 1 and prediction.shape[-1] > 1:
            target = target.squeeze(-1)
        target, prediction = (
            (target, prediction) if target.ndim < prediction.ndim - 1 else match_ranks(target, prediction)
        )
        return (target.long() if self._classifies and target.is_floating_point() else target), prediction


class KerasMetric(ThirdPartyMetric):
    """A metric with Keras' protocol, called (y_true, y_pred, sample_weight)."""

    def update(self, target: Tensor, prediction: Tensor, weight: Tensor | None, rows: int) -> None:
        if weight is None:
            self._metric.update_state(target, prediction)
        else:
            self._metric.update_state(target, prediction, sample_weight=weight)

    def result(self, rows: int, batches: int) -> Any:
        return self._one(self._metric.result())

    def reset(self) -> None:
        self._metric.reset_state()
