"""Targets that a loss ignores (`ignore_index` of torch): whether data holds some, and how metrics leave them out."""

from collections.abc import Collection

import torch

from fitdash.data.batches.arrays import ArraySource
from fitdash.data.batches.source import Source, leaves_of
from fitdash.engine.losses.alignment import broadcast_weight

Tensor = torch.Tensor
_ROWS_AT_ONCE = 262_144


def may_hold(source: Source, ignored: Collection[int]) -> bool:
    """Whether a target of the source may be one of these; arrays are looked through, once."""
    if not ignored or not isinstance(source, ArraySource):
        return bool(ignored)
    for rows in leaves_of(source.y):
        for first in range(0, source.rows, _ROWS_AT_ONCE):
            part = rows.slice(first, min(first + _ROWS_AT_ONCE, source.rows))
            if any(bool((part == one).any()) for one in ignored):
                return True
    return False


def kept_targets(target: Tensor, prediction: Tensor, ignored: int) -> tuple[Tensor, Tensor] | None:
    """Class ids with 0 in place of ignored ones, and 1 where a target is kept; None where there are no class ids.

    Args:
        target: (n, …) or (n, …, 1) class ids.
        prediction: One axis more.
    """
    if target.ndim == prediction.ndim and target.shape[-1] == 1:
        target = target.squeeze(-1)
    if target.ndim != prediction.ndim - 1:
        return None
    keep = target != ignored
    return torch.where(keep, target, 0), keep.to(prediction.dtype)


def kept_weight(weight: Tensor | None, kept: Tensor) -> Tensor:
    """The weights of kept targets, 0 for the others."""
    return kept if weight is None else broadcast_weight(weight, kept) * kept
