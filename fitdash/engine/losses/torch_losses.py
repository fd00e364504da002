"""Losses with torch's arithmetic: modules of `torch.nn` and `torch.nn.functional`, called (prediction, target).

Weights multiply the values that the loss gives without its reduction, so weights of 1 change nothing.
"""

import copy
import functools
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import nn

from fitdash.engine.losses.alignment import (
    align_if_elementwise,
    align_target,
    broadcast_weight,
    one_hot_remedy,
    shape_tuple,
    weighted_mean,
    wrong_class_error,
)
from fitdash.errors import DataError, SettingError

Tensor = torch.Tensor

CLASSES = ("CrossEntropyLoss", "NLLLoss", "MultiMarginLoss")
ELEMENTWISE = (
    "L1Loss",
    "MSELoss",
    "BCELoss",
    "BCEWithLogitsLoss",
    "HuberLoss",
    "SmoothL1Loss",
    "PoissonNLLLoss",
    "KLDivLoss",
    "SoftMarginLoss",
    "MultiLabelSoftMarginLoss",
    "HingeEmbeddingLoss",
)
LINKS = {
    "BCEWithLogitsLoss": "sigmoid",
    "MultiLabelSoftMarginLoss": "sigmoid",
    "CrossEntropyLoss": "softmax",
    "NLLLoss": "softmax",
}
"""What turns predictions into probabilities; the softmax of log-probabilities (NLLLoss) is the probabilities."""

FUNCTIONS = {
    "cross_entropy": "CrossEntropyLoss",
    "nll_loss": "NLLLoss",
    "multi_margin_loss": "MultiMarginLoss",
    "multilabel_margin_loss": "MultiLabelMarginLoss",
    "l1_loss": "L1Loss",
    "mse_loss": "MSELoss",
    "binary_cross_entropy": "BCELoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
    "huber_loss": "HuberLoss",
    "smooth_l1_loss": "SmoothL1Loss",
    "poisson_nll_loss": "PoissonNLLLoss",
    "kl_div": "KLDivLoss",
    "soft_margin_loss": "SoftMarginLoss",
    "multilabel_soft_margin_loss": "MultiLabelSoftMarginLoss",
    "hinge_embedding_loss": "HingeEmbeddingLoss",
}


class TorchLoss:
    """A loss that torch computes.

    Args:
        given: A module of `torch.nn`, the user's own module, or a function of `torch.nn.functional`.

    Attributes:
        link: "sigmoid" or "softmax" where predictions are logits, else None.
        classes_second: Whether a prediction with more than two axes has its classes in the second, as torch wants it.
        ignore_index: The class id that it leaves out, None: it counts all targets.
        by_position: Whether its values are known to lie where the target's do.
        depends_on_batches: True where the loss of a batch is no plain mean, or is unknown: a user's module.
        ignored: The class id of targets that do not count; None where every one counts.
        is_torchs_own: Whether torch computes it, not a `forward` that the user wrote.
    """

    def __init__(self, given: Any) -> None:
        self.name = callable_name(given)
        self.kind = kind_of(given)
        self.link = LINKS.get(self.kind)
        self.by_position = bool(self.kind)
        self.classes_second = self.kind in ("CrossEntropyLoss", "NLLLoss")
        self.ignore_index = given_ignore_index(given, self.kind)
        self._call: Callable[[Tensor, Tensor], Tensor] = given
        self._module = given if isinstance(given, nn.Module) else None
        self._reduction = getattr(given, "reduction", None) if self._module is not None else None
        self._each = without_reduction(given) if isinstance(self._reduction, str) else given
        kept = self.classes_second and (given_weight(given) is not None or getattr(given, "ignore_index", 0) != -100)
        self.depends_on_batches = self._reduction != "mean" or kept or not self.kind
        self.ignored = ignore_index_of(given) if self.classes_second else None
        own = getattr(nn, self.kind, None)
        self.is_torchs_own = own is not None and (self._module is None or type(given).forward is own.forward)

    def begin(self, prediction: Tensor) -> None:
        """Bring class weights and the like to the device of the predictions."""
        if self._module is not None:
            self._module.to(prediction.device)

    def values(self, target: Tensor, prediction: Tensor) -> Tensor:
        """The losses before any reduction, as far as this loss can give them."""
        return self._called(self._each, self._fitting(target, prediction), prediction)

    def __call__(self, target: Tensor, prediction: Tensor, weight: Tensor | None = None) -> Tensor:
        target = self._fitting(target, prediction)
        if weight is None:
            return weighted_mean(self._called(self._call, target, prediction), None)
        values = self._called(self._each, target, prediction)
        if values.ndim == 0 or self._reduction not in ("mean", "sum", "batchmean"):
            return weighted_mean(values, weight)
        weighted = values * broadcast_weight(weight, values)
        if self._reduction == "mean":
            kept = self._kept(target, prediction)
            return weighted.mean() if kept is None else weighted.sum() / kept
        return weighted.sum() if self._reduction == "sum" else weighted.sum() / values.shape[0]

    def _kept(self, target: Tensor, prediction: Tensor) -> Tensor | None:
        """What the module divides by: the count, or the class weights, of targets it does not ignore; None: of all."""
        if not self.classes_second or target.is_floating_point():
            return None
        ignored: int = self._module.ignore_index  # type: ignore[union-attr, assignment]
        by_class = given_weight(self._module)
        counts = target != ignored
        if by_class is None:
            return counts.sum()
        return (by_class[torch.where(counts, target, 0)] * counts).sum()

    def _called(self, loss: Callable[[Tensor, Tensor], Tensor], target: Tensor, prediction: Tensor) -> Tensor:
        try:
            value = loss(prediction, target)
            return value if isinstance(value, Tensor) else loss_tensor(value, self.name, prediction)
        except (IndexError, RuntimeError) as error:
            if self.kind not in CLASSES or target.is_floating_point():
                raise
            ignored = getattr(self._module, "ignore_index", None)
            raise wrong_class_error(target, prediction.shape[min(1, prediction.ndim - 1)], ignored) or error from error

    def _fitting(self, target: Tensor, prediction: Tensor) -> Tensor:
        """The target as this loss takes it: class ids, or numbers in the prediction's shape."""
        if self.kind in CLASSES:
            return self._classes(target, prediction)
        if self.kind == "MultiLabelMarginLoss":
            return target.long()
        if self.kind in ELEMENTWISE:
            return align_target(target, prediction, self.name)
        return align_if_elementwise(target, prediction)

    def _classes(self, target: Tensor, prediction: Tensor) -> Tensor:
        if self.kind == "CrossEntropyLoss" and target.shape == prediction.shape:
            return target.to(prediction.dtype)
        if target.ndim == prediction.ndim and target.shape[-1] == 1:
            target = target.squeeze(-1)
        wanted = prediction.shape[:1] + prediction.shape[2:]
        if prediction.ndim > 1 and target.shape != wanted:
            raise DataError(
                f"{self.name} takes one class id per prediction: target must have the shape {tuple(wanted)}, "
                f"got {shape_tuple(target)} with predictions of shape {shape_tuple(prediction)}."
                f"{one_hot_remedy(target, prediction)}"
            )
        return target.long()


def kind_of(given: Any) -> str:
    """The name of the `torch.nn` class that decides the shape of targets; "" for any other module or function."""
    if isinstance(given, nn.Module):
        known = (*CLASSES, *ELEMENTWISE, "MultiLabelMarginLoss")
        return next((cls.__name__ for cls in type(given).__mro__ if cls.__name__ in known), "")
    return FUNCTIONS.get(callable_name(given), "")


def is_functional(given: Any) -> bool:
    """Whether `given` is a function of `torch.nn.functional`, perhaps with some arguments fixed."""
    return str(getattr(innermost(given), "__module__", "")) in ("torch.nn.functional", "torch._C._nn")


def innermost(given: Any) -> Any:
    """The function inside `functools.partial`s."""
    while isinstance(given, functools.partial):
        given = given.func
    return given


def callable_name(given: Any) -> str:
    """The name of a function, or of an object's class."""
    inner = innermost(given)
    return str(getattr(inner, "__name__", type(inner).__name__))


def ignore_index_of(given: Any) -> int:
    """The class id that a crossentropy of torch leaves out, -100 unless the user chose another."""
    fixed = given.keywords if isinstance(given, functools.partial) else {}
    return int(fixed.get("ignore_index", getattr(given, "ignore_index", -100)))


def loss_tensor(value: Any, name: str, prediction: Tensor) -> Tensor:
    """A loss that is no tensor as one: a number or an array, which has no gradient.

    Raises:
        SettingError: it is neither.
    """
    if isinstance(value, (Real, np.ndarray)):
        return torch.as_tensor(value, device=prediction.device)
    raise SettingError(
        f"loss must return a tensor, one number or one for each sample; {name} returned {_shortened(value)}."
    )


def _shortened(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def given_weight(module: Any) -> Tensor | None:
    """Class weights of a module, None without."""
    weight = getattr(module, "weight", None)
    return weight if isinstance(weight, Tensor) else None


def given_ignore_index(given: Any, kind: str) -> int | None:
    """`ignore_index` of a module, of the user's own too, or of a function with fixed arguments; None without."""
    if isinstance(given, nn.Module):
        found = getattr(given, "ignore_index", None)
    else:
        found = -100 if kind in ("CrossEntropyLoss", "NLLLoss") else None
        while isinstance(given, functools.partial):
            if "ignore_index" in given.keywords:
                return int(given.keywords["ignore_index"])
            given = given.func
    return found if type(found) is int else None


def without_reduction(module: Any) -> Any:
    """The same loss, its buffers shared, that gives one value per element."""
    each = copy.copy(module)
    each.reduction = "none"
    return each
