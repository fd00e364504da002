"""The arithmetic of the metrics that are means: one value per position, from a target and a detached prediction.

Source: Keras 3 `keras.metrics`, number for number; logits are mapped to probabilities first, which Keras leaves out.
"""

from collections.abc import Callable

import torch

from fitdash.engine.losses.alignment import add_last_axis, align_target, class_ids, kind_by_shape, wrong_class_error
from fitdash.engine.losses.keras_losses import BY_NAME, similarity
from fitdash.engine.losses.resolve import Crossentropy, NamedLoss, apply_link

Tensor = torch.Tensor
Values = Callable[[Tensor, Tensor], Tensor]

TOP = 5
"""k of the top-k accuracies."""


def accuracy(link: str | None) -> Values:
    """Binary, categorical or sparse accuracy, chosen by the shapes of target and prediction."""
    by_kind = {"binary": binary_accuracy(link), "sparse": _sparse_accuracy, "categorical": _categorical_accuracy}
    return lambda target, prediction: by_kind[kind_by_shape(target, prediction)](target, prediction)


def binary_accuracy(link: str | None) -> Values:
    """Share of elements that are on the target's side of the threshold 0.5."""
    positive = above_half(link)

    def values(target: Tensor, prediction: Tensor) -> Tensor:
        prediction = add_last_axis(prediction)
        return positive(prediction).eq(align_target(target, prediction, "binary_accuracy"))

    return values


def above_half(link: str | None) -> Callable[[Tensor], Tensor]:
    """Whether the probability is above 0.5; for logits, whether they are above 0: sigmoid would round."""
    if link == "sigmoid":
        return lambda prediction: prediction > 0.0
    return lambda prediction: apply_link(prediction, link) > 0.5


def _sparse_accuracy(target: Tensor, prediction: Tensor) -> Tensor:
    best = prediction.argmax(-1)
    if target.ndim == prediction.ndim and target.shape[-1] == 1:
        target = target.squeeze(-1)
    return best.eq(target) if best.shape == target.shape else best.eq(class_ids(target, prediction, "accuracy"))


def _categorical_accuracy(target: Tensor, prediction: Tensor) -> Tensor:
    target = align_target(target, prediction, "categorical_accuracy")
    return prediction.argmax(-1).eq(target.argmax(-1))


def _top_k(target: Tensor, prediction: Tensor) -> Tensor:
    return _among_the_best(align_target(target, prediction, "top_k_categorical_accuracy").argmax(-1), prediction)


def _sparse_top_k(target: Tensor, prediction: Tensor) -> Tensor:
    return _among_the_best(class_ids(target, prediction, "sparse_top_k_categorical_accuracy"), prediction)


def _among_the_best(ids: Tensor, prediction: Tensor) -> Tensor:
    """True where fewer than k columns are above the target's; a tie counts as a hit, as in Keras."""
    try:
        chosen = prediction.gather(-1, ids.unsqueeze(-1))
    except (IndexError, RuntimeError) as error:
        raise wrong_class_error(ids, prediction.shape[-1]) or error from error
    return (prediction > chosen).sum(-1) < TOP


def _squared_error(target: Tensor, prediction: Tensor) -> Tensor:
    return (prediction - align_target(target, prediction, "root_mean_squared_error")).square()


def _similarity(target: Tensor, prediction: Tensor) -> Tensor:
    prediction = add_last_axis(prediction)
    return similarity(align_target(target, prediction, "cosine_similarity"), prediction)


def _on_probabilities(values: Values) -> Callable[[str | None], Values]:
    def build(link: str | None) -> Values:
        if link is None:
            return values
        return lambda target, prediction: values(target, apply_link(prediction, link))

    return build


def _whatever_the_link(values: Values) -> Callable[[str | None], Values]:
    return lambda link: values


MEANS: dict[str, Callable[[str | None], Values]] = {
    "accuracy": accuracy,
    "binary_accuracy": binary_accuracy,
    "categorical_accuracy": _whatever_the_link(_categorical_accuracy),
    "sparse_categorical_accuracy": _whatever_the_link(_sparse_accuracy),
    "top_k_categorical_accuracy": _whatever_the_link(_top_k),
    "sparse_top_k_categorical_accuracy": _whatever_the_link(_sparse_top_k),
    "root_mean_squared_error": _whatever_the_link(_squared_error),
    **{name: _whatever_the_link(NamedLoss(name).values) for name in BY_NAME},
    **{
        name: _on_probabilities(NamedLoss(name).values)
        for name in ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy")
    },
    "crossentropy": _on_probabilities(Crossentropy().values),
    "cosine_similarity": _whatever_the_link(_similarity),
}
"""By name: makes the function that gives the values, from the link of the output's loss."""
