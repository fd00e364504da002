"""Turns predictions into one array over all batches, into probabilities and into classes."""

import warnings
from typing import Any

import numpy as np

Link = str | None


def concatenate_batches(batches: list[Any]) -> Any:
    """Outputs of all batches as one, in the containers that the module gives."""
    first = batches[0]
    if isinstance(first, dict):
        return {key: concatenate_batches([batch[key] for batch in batches]) for key in first}
    if isinstance(first, (list, tuple)):
        return [concatenate_batches([batch[i] for batch in batches]) for i in range(len(first))]
    return np.concatenate([np.atleast_1d(batch) for batch in batches])


def probabilities_of(prediction: Any, links: list[Link]) -> Any:
    """Predictions as probabilities: outputs of a logits loss go through softmax or sigmoid, others stay.

    Args:
        prediction: An array, or a list or dict of them.
        links: "softmax", "sigmoid" or None for each output; further outputs have None.

    Source: R keras `predict_proba`, which expects probabilities from the network.
    """
    ours = iter(links)
    return _each(prediction, lambda array: _linked(array, next(ours, None)))


def warn_unless_probabilities(found: Any) -> None:
    """Warn where a value leaves [0, 1]."""
    if not all(((part >= 0) & (part <= 1)).all() for part in _parts(found)):
        warnings.warn(
            "predict_proba: the network's outputs leave [0, 1], so they are no probabilities. "
            "End it in softmax or sigmoid, or compile it with a loss on logits.",
            stacklevel=3,
        )


def classes_of(probabilities: Any) -> Any:
    """The class of each sample: the largest of several columns; of one column, whether it is above 0.5 (int32)."""
    return _each(
        probabilities, lambda p: p.argmax(-1) if p.ndim > 1 and p.shape[-1] > 1 else (p > 0.5).astype(np.int32)
    )


def _linked(array: Any, link: Link) -> Any:
    if link == "sigmoid":
        return (0.5 * (1 + np.tanh(array.astype(np.float64) / 2))).astype(array.dtype)
    if link == "softmax":
        raised = np.exp(array - array.max(1, keepdims=True))
        return raised / raised.sum(1, keepdims=True)
    return array


def _each(structure: Any, change: Any) -> Any:
    if isinstance(structure, dict):
        return {key: change(part) for key, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [change(part) for part in structure]
    return change(structure)


def _parts(structure: Any) -> list[Any]:
    if isinstance(structure, dict):
        return list(structure.values())
    return list(structure) if isinstance(structure, (list, tuple)) else [structure]
