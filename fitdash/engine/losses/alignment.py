"""Brings targets, predictions and weights to one shape, so that torch never broadcasts (n,) against (n, 1).

Every decision here looks at shapes and dtypes only, never at values, so a step can be recorded and replayed.
"""

from typing import Any

import torch

from fitdash.errors import DataError

Tensor = torch.Tensor


def align_target(target: Tensor, prediction: Tensor, name: str) -> Tensor:
    """`target` in the shape and dtype of `prediction`.

    Raises:
        DataError: the shapes differ by more than a last axis of 1.
    """
    if target.shape != prediction.shape:
        if not _differ_by_a_last_one(target, prediction):
            raise DataError(
                f"{name} compares element by element: target and prediction must have the same shape, "
                f"got {shape_tuple(target)} and {shape_tuple(prediction)}."
            )
        target = target.reshape(prediction.shape)
    return target if target.dtype == prediction.dtype else target.to(prediction.dtype)


def align_if_elementwise(target: Tensor, prediction: Tensor) -> Tensor:
    """`target` in the shape and dtype of `prediction` if they differ by a last axis of 1 at most, else unchanged."""
    if target.shape != prediction.shape:
        if not _differ_by_a_last_one(target, prediction):
            return target
        target = target.reshape(prediction.shape)
    return target.to(prediction.dtype)


def match_ranks(target: Tensor, prediction: Tensor) -> tuple[Tensor, Tensor]:
    """Target and prediction as a loss or metric function of the user gets them.

    Source: Keras 3: of (n,) and (n, 1), whichever comes first, both become (n, 1).
    """
    if target.ndim > prediction.ndim and _differ_by_a_last_one(target, prediction):
        prediction = add_last_axis(prediction)
    return align_if_elementwise(target, prediction), prediction


def class_ids(target: Tensor, prediction: Tensor, name: str) -> Tensor:
    """int64 class of each position: the shape of `prediction` (..., classes) without its last axis.

    Raises:
        DataError: `target` has another shape.
    """
    positions = prediction.shape[:-1]
    if target.shape != positions:
        if target.shape != (*positions, 1):
            raise DataError(
                f"{name} takes one class id per prediction: target must have the shape {tuple(positions)} or "
                f"{(*positions, 1)}, got {shape_tuple(target)} with predictions of shape {shape_tuple(prediction)}."
                f"{one_hot_remedy(target, prediction)}"
            )
        target = target.reshape(positions)
    return target.long()


def one_hot_remedy(target: Tensor, prediction: Tensor) -> str:
    """What to do with a column for each class where class ids are wanted; empty for another shape."""
    return " Pass np.argmax(y, -1)." if target.shape == prediction.shape else ""


def is_sparse(target: Tensor, prediction: Tensor) -> bool:
    """Whether the target holds class ids where the prediction has a column per class."""
    return prediction.shape[-1] > 1 and (target.ndim < prediction.ndim or target.shape[-1] == 1)


def kind_by_shape(target: Tensor, prediction: Tensor) -> str:
    """What "accuracy" and "crossentropy" mean for these shapes: "binary", "sparse" or "categorical".

    Source: Keras 3; a prediction of shape (n,) is categorical there.
    """
    if prediction.ndim == 1:
        return "categorical"
    if prediction.shape[-1] == 1:
        return "binary"
    return "sparse" if target.ndim < prediction.ndim or target.shape[-1] == 1 else "categorical"


def add_last_axis(prediction: Tensor) -> Tensor:
    """`prediction` with a last axis to average over: (n,) becomes (n, 1)."""
    return prediction.unsqueeze(-1) if prediction.ndim == 1 else prediction


def broadcast_weight(weight: Tensor, values: Tensor) -> Tensor:
    """`weight` viewed so that it multiplies `values` sample by sample, or step by step.

    Args:
        weight: (n,) or (n, 1) for samples, (n, t) for steps.
        values: (n, …) or (n, t, …).

    Raises:
        DataError: the axes of `weight` are not the first ones of `values`.
    """
    given = weight
    while weight.ndim > 1 and weight.shape[-1] == 1:
        weight = weight.squeeze(-1)
    if weight.shape != values.shape[: weight.ndim]:
        wanted = f"({values.shape[0]},)" + (f" or {tuple(values.shape[:2])}" if values.ndim > 1 else "")
        raise DataError(f"sample_weight must have the shape {wanted}, got {shape_tuple(given)}.")
    if weight.ndim < values.ndim:
        weight = weight.reshape(weight.shape + (1,) * (values.ndim - weight.ndim))
    return weight.to(values.dtype) if values.is_floating_point() else weight


def weighted_mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Σ weight·value / number of values; a single number is multiplied by the mean weight."""
    if weight is None:
        return values.mean() if values.ndim else values
    if values.ndim == 0:
        return values * weight.to(values.dtype).mean()
    return (values * broadcast_weight(weight, values)).mean()


def wrong_class_error(target: Tensor, classes: int, kept: int | None = None) -> DataError | None:
    """The error that names a class id outside 0 … classes − 1; None if all are inside.

    Args:
        kept: A class id that is allowed besides, such as `ignore_index`.
    """
    ids = target.long()
    outside = (ids < 0) | (ids >= classes)
    if kept is not None:
        outside &= ids != kept
    if not bool(outside.any()):
        return None
    offending = target[outside].flatten()[0].item()
    columns = "1 column" if classes == 1 else f"{classes} columns"
    return DataError(f"Class ids must be 0 to {classes - 1}, since the prediction has {columns}; got {offending:g}.")


def shape_tuple(tensor: Any) -> tuple[int, ...]:
    """Shape as a plain tuple, for messages."""
    return tuple(tensor.shape)


def _differ_by_a_last_one(a: Tensor, b: Tensor) -> bool:
    return (*a.shape, 1) == tuple(b.shape) or tuple(a.shape) == (*b.shape, 1)
