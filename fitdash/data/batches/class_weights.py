"""`class_weight` as the weight of each sample, times its `sample_weight`: table look-ups, never a loop over rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from fitdash.errors import DataError, SettingError
from fitdash.settings.type_checks import describe_wrong_class


class ClassWeights:
    """Weight of each sample, looked up by its class.

    Args:
        given: Weight by class index: whole numbers, or digit strings as R's named lists have them. A class left out
            weighs 1.

    Attributes:
        table: (2, classes) class indices, rising, and their weights.

    Raises:
        SettingError: it is not a mapping, or a key is not a class index.

    Source: R keras `fit`, class_weight: shapes training, never validation. Unlike Keras 3, targets with a time axis
    weigh each step.
    """

    def __init__(self, given: Any) -> None:
        rising = sorted({-1: 1.0, **indexed(given)}.items())
        self.table = torch.tensor(rising, dtype=torch.float32).T.contiguous()

    def of(self, y: torch.Tensor, prediction_axes: int) -> torch.Tensor:
        """(n,) or (n, t) weights.

        Args:
            y: (n,), (n, 1) or (n, t) class indices, or one-hot in a last axis.
            prediction_axes: Number of axes of the prediction; if it is one more than `y` has, `y` holds class indices.
        """
        classes = self.classes(y, prediction_axes).float()
        known, weights = self.table.to(y.device)
        place = torch.searchsorted(known, classes).clamp(max=len(known) - 1)
        return torch.where(known[place] == classes, weights[place], 1.0)

    def times(self, weight: torch.Tensor | None, y: Any, prediction: Any) -> torch.Tensor:
        """The class weights of `y`, multiplied with the samples' own weights."""
        if y is None:
            raise DataError("class_weight needs targets, but a batch came without y. Yield (x, y).")
        target, output = _single(y), _single(prediction)
        ours = self.of(target, output.ndim)
        return ours if weight is None else multiply_weights(_single(weight), ours)

    @staticmethod
    def classes(y: torch.Tensor, prediction_axes: int) -> torch.Tensor:
        """The class of each sample or time step, from targets as `of` takes them."""
        if y.ndim == 1 or prediction_axes == y.ndim + 1:
            return y.round() if y.is_floating_point() else y
        if y.shape[-1] == 1:
            last = y.squeeze(-1)
            return last.round() if last.is_floating_point() else last
        return (y.byte() if y.dtype == torch.bool else y).argmax(-1)


def indexed(given: Any) -> dict[int, float]:
    """`class_weight` with whole-number keys.

    Raises:
        SettingError: it is not a mapping, a key is not a class index, or a weight is not a number.
    """
    if not isinstance(given, Mapping):
        raise SettingError(
            f"class_weight must map class indices to weights, such as {{0: 1.0, 1: 4.0}}, got {_short(given)}."
        )
    return {_index(key): _number(key, weight) for key, weight in given.items()}


def multiply_weights(sample: torch.Tensor, by_class: torch.Tensor) -> torch.Tensor:
    """sample_weight times the weights of classes, aligned: (n,), (n, 1) or (n, t) with (n,) or (n, t)."""
    if sample.ndim == 2 and by_class.ndim == 1:
        return sample.squeeze(1) * by_class if sample.shape[1] == 1 else sample * by_class[:, None]
    if sample.ndim == 1 and by_class.ndim == 2:
        return sample[:, None] * by_class
    return sample * by_class


def _single(structure: Any) -> torch.Tensor:
    """The only tensor of a container.

    Raises:
        DataError: there are several, which class_weight does not support.
    """
    if isinstance(structure, dict):
        structure = list(structure.values())
    if isinstance(structure, (list, tuple)):
        if len(structure) != 1:
            raise DataError(
                f"class_weight works with one output, got {len(structure)}. Give sample_weight for each output instead."
            )
        return _single(structure[0])
    tensor: torch.Tensor = structure
    return tensor


def _index(key: Any) -> int:
    if isinstance(key, str) and key.strip().isdigit():
        return int(key)
    whole = isinstance(key, (int, np.integer, float, np.floating)) and not isinstance(key, bool) and float(key) % 1 == 0
    if not whole or not 0 <= key < 2**63:
        raise SettingError(describe_wrong_class("class_weight", key))
    return int(key)


def _number(key: Any, weight: Any) -> float:
    try:
        return float(weight)
    except (TypeError, ValueError) as error:
        raise SettingError(f"class_weight must give numbers, got {weight!r} for class {key!r}.") from error


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{type(value).__name__} {text[:50]}…"
