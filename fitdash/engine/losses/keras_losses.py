"""The arithmetic of the losses with a name: one value per position of all axes but the last.

Every function takes a target in the shape of the prediction and a prediction with a last axis, of probabilities.

Source: Keras 3 `keras.losses`, number for number.
"""

import math
from collections.abc import Callable

import torch
from torch.nn import functional as F

from fitdash.engine.losses.alignment import class_ids, wrong_class_error

Tensor = torch.Tensor
Values = Callable[[Tensor, Tensor], Tensor]

EPSILON = 1e-7
NO_CLASS = -(1 << 60)
"""An `ignore_index` that no class has: by default torch leaves out targets of −100 in silence."""


def mean_squared_error(target: Tensor, prediction: Tensor) -> Tensor:
    return (target - prediction).square().mean(-1)


def mean_absolute_error(target: Tensor, prediction: Tensor) -> Tensor:
    return (target - prediction).abs().mean(-1)


def mean_absolute_percentage_error(target: Tensor, prediction: Tensor) -> Tensor:
    return 100.0 * ((target - prediction) / target.abs().clamp(min=EPSILON)).abs().mean(-1)


def mean_squared_logarithmic_error(target: Tensor, prediction: Tensor) -> Tensor:
    ours, theirs = prediction.clamp(min=EPSILON).log1p(), target.clamp(min=EPSILON).log1p()
    return (ours - theirs).square().mean(-1)


def huber(target: Tensor, prediction: Tensor) -> Tensor:
    return F.huber_loss(prediction, target, reduction="none").mean(-1)


def log_cosh(target: Tensor, prediction: Tensor) -> Tensor:
    error = prediction - target
    return (error + F.softplus(-2.0 * error) - math.log(2.0)).mean(-1)


def kl_divergence(target: Tensor, prediction: Tensor) -> Tensor:
    target, prediction = target.clamp(EPSILON, 1.0), prediction.clamp(EPSILON, 1.0)
    return (target * (target / prediction).log()).sum(-1)


def poisson(target: Tensor, prediction: Tensor) -> Tensor:
    return (prediction - target * (prediction + EPSILON).log()).mean(-1)


def hinge(target: Tensor, prediction: Tensor) -> Tensor:
    return _above_zero(1.0 - _signs(target) * prediction).mean(-1)


def squared_hinge(target: Tensor, prediction: Tensor) -> Tensor:
    return _above_zero(1.0 - _signs(target) * prediction).square().mean(-1)


def categorical_hinge(target: Tensor, prediction: Tensor) -> Tensor:
    right = (target * prediction).sum(-1)
    wrong = ((1.0 - target) * prediction).amax(-1)
    return _above_zero(wrong - right + 1.0)


def similarity(target: Tensor, prediction: Tensor) -> Tensor:
    """Cosine of the angle, 1 for the same direction: the metric."""
    return (F.normalize(target, dim=-1, eps=EPSILON) * F.normalize(prediction, dim=-1, eps=EPSILON)).sum(-1)


def cosine_similarity(target: Tensor, prediction: Tensor) -> Tensor:
    """Negative cosine: the loss, which is minimised."""
    return -similarity(target, prediction)


def binary_crossentropy(target: Tensor, prediction: Tensor) -> Tensor:
    return _binary(target, prediction, "none").mean(-1)


def categorical_crossentropy(target: Tensor, prediction: Tensor) -> Tensor:
    return -(target * _log_share(prediction)).sum(-1)


def sparse_categorical_crossentropy(target: Tensor, prediction: Tensor) -> Tensor:
    values = _sparse(target, prediction, "none")
    return values if prediction.ndim == 2 else values.reshape(prediction.shape[:-1])


def _binary(target: Tensor, prediction: Tensor, reduction: str) -> Tensor:
    """Binary crossentropy by the clipped logit: two operations instead of six, and NaN gives NaN, no error."""
    return F.binary_cross_entropy_with_logits(torch.logit(prediction, EPSILON), target, reduction=reduction)


def _sparse(target: Tensor, prediction: Tensor, reduction: str) -> Tensor:
    ids, logs = class_ids(target, prediction, "sparse_categorical_crossentropy"), _log_share(prediction)
    if prediction.ndim != 2:
        ids, logs = ids.reshape(-1), logs.reshape(-1, prediction.shape[-1])
    try:
        return F.nll_loss(logs, ids, reduction=reduction, ignore_index=NO_CLASS)
    except (IndexError, RuntimeError) as error:
        raise wrong_class_error(target, prediction.shape[-1]) or error from error


def _log_share(prediction: Tensor) -> Tensor:
    share = prediction / prediction.sum(-1, keepdim=True)
    return share.clamp(EPSILON, 1.0 - EPSILON).log()


def _above_zero(values: Tensor) -> Tensor:
    """max(values, 0), with Keras' gradient of one half at 0 itself: a saturated prediction gives exactly 0."""
    return torch.maximum(values, values.new_zeros(()))


def _signs(target: Tensor) -> Tensor:
    """−1 and +1 where a batch has 0 and 1 only; otherwise the target."""
    binary = ((target == 0) | (target == 1)).all()
    return torch.where(binary, 2.0 * target - 1.0, target)


BY_NAME: dict[str, Values] = {
    "mean_squared_error": mean_squared_error,
    "mean_absolute_error": mean_absolute_error,
    "mean_absolute_percentage_error": mean_absolute_percentage_error,
    "mean_squared_logarithmic_error": mean_squared_logarithmic_error,
    "huber": huber,
    "log_cosh": log_cosh,
    "kl_divergence": kl_divergence,
    "poisson": poisson,
    "hinge": hinge,
    "squared_hinge": squared_hinge,
    "categorical_hinge": categorical_hinge,
    "cosine_similarity": cosine_similarity,
    "binary_crossentropy": binary_crossentropy,
    "categorical_crossentropy": categorical_crossentropy,
    "sparse_categorical_crossentropy": sparse_categorical_crossentropy,
}

SYNONYMS = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "bce": "binary_crossentropy",
    "logcosh": "log_cosh",
    "ce": "crossentropy",
}

WHOLE: dict[str, Values] = {
    "mean_squared_error": lambda target, prediction: F.mse_loss(prediction, target),
    "mean_absolute_error": lambda target, prediction: F.l1_loss(prediction, target),
    "huber": lambda target, prediction: F.huber_loss(prediction, target),
    "binary_crossentropy": lambda target, prediction: _binary(target, prediction, "mean"),
    "sparse_categorical_crossentropy": lambda target, prediction: _sparse(target, prediction, "mean"),
}
"""The mean of all values in one call, for batches without weights."""

BY_KIND = {
    "binary": "binary_crossentropy",
    "sparse": "sparse_categorical_crossentropy",
    "categorical": "categorical_crossentropy",
}
"""What "crossentropy" means, by `kind_by_shape`."""
