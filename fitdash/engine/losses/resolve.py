"""Resolves the `loss` of `compile` (a name, a module or function of torch, a callable) to a `Loss`.

A loss is called (target, prediction, weight) and gives the loss of the batch: Σ weight·loss of a sample / samples.
"""

import difflib
import inspect
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import nn

from fitdash.engine.losses.alignment import add_last_axis, align_target, kind_by_shape, match_ranks, weighted_mean
from fitdash.engine.losses.keras_losses import BY_KIND, BY_NAME, SYNONYMS, WHOLE
from fitdash.engine.losses.torch_losses import TorchLoss, callable_name, is_functional, loss_tensor
from fitdash.errors import SettingError

Tensor = torch.Tensor


class Loss(Protocol):
    """The loss of one output, as `Objective` calls it.

    Attributes:
        name: For messages.
        link: "sigmoid" or "softmax", which turns its predictions into probabilities; None: they are probabilities.
        classes_second: Whether predictions with more than two axes have their classes in the second.
        depends_on_batches: Whether the mean over all samples depends on how they are cut into batches.
        by_position: Whether its values lie where the target's do, so that the target tells which weights fit.
    """

    name: str
    link: str | None
    classes_second: bool
    depends_on_batches: bool
    by_position: bool

    def begin(self, prediction: Tensor) -> None:
        """Prepare for predictions of this shape and device."""

    def values(self, target: Tensor, prediction: Tensor) -> Tensor:
        """One value per sample, or per step, or one number for the batch."""

    def __call__(self, target: Tensor, prediction: Tensor, weight: Tensor | None = None) -> Tensor:
        """The loss of a batch, one number with its graph."""


class NamedLoss:
    """A loss chosen by name, with Keras' arithmetic."""

    link: str | None = None
    classes_second = False
    by_position = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.depends_on_batches = name in ("hinge", "squared_hinge")
        self._sparse = name == "sparse_categorical_crossentropy"
        self._values = BY_NAME[name]
        self._whole = WHOLE.get(name)

    def begin(self, prediction: Tensor) -> None: ...

    def values(self, target: Tensor, prediction: Tensor) -> Tensor:
        return self._values(*self._fitting(target, prediction))

    def __call__(self, target: Tensor, prediction: Tensor, weight: Tensor | None = None) -> Tensor:
        target, prediction = self._fitting(target, prediction)
        if weight is None and self._whole is not None:
            return self._whole(target, prediction)
        return weighted_mean(self._values(target, prediction), weight)

    def _fitting(self, target: Tensor, prediction: Tensor) -> tuple[Tensor, Tensor]:
        if self._sparse:
            return target, prediction
        prediction = add_last_axis(prediction)
        return align_target(target, prediction, self.name), prediction


class Crossentropy:
    """Binary, categorical or sparse crossentropy, chosen by the shapes of target and prediction."""

    name = "crossentropy"
    link: str | None = None
    classes_second = False
    depends_on_batches = False
    by_position = True

    def __init__(self) -> None:
        self._by_kind = {kind: NamedLoss(name) for kind, name in BY_KIND.items()}

    def begin(self, prediction: Tensor) -> None: ...

    def values(self, target: Tensor, prediction: Tensor) -> Tensor:
        return self._by_kind[kind_by_shape(target, prediction)].values(target, prediction)

    def __call__(self, target: Tensor, prediction: Tensor, weight: Tensor | None = None) -> Tensor:
        return self._by_kind[kind_by_shape(target, prediction)](target, prediction, weight)


class CallableLoss:
    """The user's function, called (y_true, y_pred); it returns one value per sample or time step, or one number."""

    link: str | None = None
    classes_second = False
    depends_on_batches = True
    by_position = False

    def __init__(self, function: Callable[[Tensor, Tensor], Any]) -> None:
        self.name = callable_name(function)
        self._function = function

    def begin(self, prediction: Tensor) -> None: ...

    def values(self, target: Tensor, prediction: Tensor) -> Tensor:
        value = self._function(*match_ranks(target, prediction))
        value = value if isinstance(value, Tensor) else loss_tensor(value, self.name, prediction)
        return value if value.is_floating_point() else value.to(prediction.dtype)

    def __call__(self, target: Tensor, prediction: Tensor, weight: Tensor | None = None) -> Tensor:
        return weighted_mean(self.values(target, prediction), weight)


def resolve_loss(given: Any) -> Loss:
    """The `Loss` for a `loss` of `compile`.

    Raises:
        SettingError: an unknown name, or neither name nor callable.

    Source: Keras 3 `keras.losses.get`; fitdash adds torch's own losses, which keep torch's arithmetic.
    """
    if isinstance(given, (NamedLoss, Crossentropy, CallableLoss, TorchLoss)):
        return given
    if isinstance(given, str):
        name = resolve_name(given, [*BY_NAME, "crossentropy"], SYNONYMS, "loss")
        return Crossentropy() if name == "crossentropy" else NamedLoss(name)
    if inspect.isclass(given):
        given = given()
    if isinstance(given, nn.Module) or (callable(given) and is_functional(given)):
        return TorchLoss(given)
    if callable(given):
        return CallableLoss(given)
    raise SettingError(f"loss must be a name, a torch.nn loss or a callable (y_true, y_pred), got {given!r}.")


def resolve_name(given: str, names: list[str], synonyms: dict[str, str], what: str) -> str:
    """The name that `given` stands for: any case, CamelCase or with underscores, or a synonym.

    Raises:
        SettingError: no such name.
    """
    by_letters = {_letters(name): name for name in names}
    by_letters |= {_letters(short): name for short, name in synonyms.items() if name in names}
    if _letters(given) in by_letters:
        return by_letters[_letters(given)]
    close = difflib.get_close_matches(_letters(given), by_letters, n=1)
    hint = f" Did you mean {by_letters[close[0]]!r}?" if close else ""
    raise SettingError(f"Unknown {what} {given!r}.{hint} Known: {', '.join(sorted(names))}.")


def apply_link(prediction: Tensor, link: str | None, axis: int = -1) -> Tensor:
    """`prediction` through its link: logits become probabilities."""
    if link is None:
        return prediction
    return prediction.sigmoid() if link == "sigmoid" else prediction.softmax(axis)


def _letters(name: str) -> str:
    return name.replace("_", "").lower()
