"""Refuses, before the first update, data that will leave a batch of one row to a layer that normalizes over batches.

Whether such a layer can take one row depends on the shape it gets: an image has many values for each channel, a row of
a table has one. So the shapes of the first batch are noted, and only where a batch of one row will come.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from fitdash.data.batches.lone_rows import LoneRow
from fitdash.errors import DataError

OVER_BATCHES = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm),
    *(nn.LazyBatchNorm1d, nn.LazyBatchNorm2d, nn.LazyBatchNorm3d),
)


class _Seen(NamedTuple):
    """What a layer got: values that it takes the mean of, and whether it computes it in evaluation as well."""

    values: int
    always: bool


class NormalizationCheck:
    """Watches the layers that normalize while the first batch goes through the module.

    Args:
        module: Gets hooks, which `refuse` and `close` remove; none where no batch of one row will come.
        lone_rows: The batch of one row of the training data, and that of the validation data; None where there is none.
    """

    def __init__(self, module: nn.Module, lone_rows: Sequence[LoneRow | None]) -> None:
        self.lone_rows = lone_rows
        self._seen: dict[str, _Seen] = {}
        self._handles = [
            layer.register_forward_pre_hook(self._noting(name))
            for name, layer in (module.named_modules() if any(lone_rows) else ())
            if isinstance(layer, (*OVER_BATCHES, nn.GroupNorm))
        ]
        self._layers = dict(module.named_modules()) if self._handles else {}

    def refuse(self, rows: int) -> None:
        """Refuse a batch of one row that will come, if a layer got one value for each row of this batch.

        Args:
            rows: Rows of the batch that went through the module.

        Raises:
            DataError: naming the first such layer, the sizes and the remedy.
        """
        self.close()
        for lone, prefix in zip(self.lone_rows, ("", "validation "), strict=False):
            if lone is None or (lone.is_loader and (prefix or rows != min(lone.rows, lone.batch_size))):
                continue  # a sample of a loader may be collated to more rows than one
            for name, seen in self._seen.items():
                if seen.values == rows and (seen.always or not prefix):
                    kind = type(self._layers[name]).__name__
                    where = f"layer {name!r}, a {kind}," if name else f"a {kind}"
                    raise DataError(
                        f"A {prefix}batch must have two rows or more where it is normalized, but {where} will get 1: "
                        f"{lone.rows} rows in batches of {lone.batch_size} leave one over. "
                        f"{lone.remedy('validation_batch_size' if prefix else 'batch_size')}",
                        is_located=True,
                    )

    def close(self) -> None:
        """Remove the hooks."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _noting(self, name: str) -> Callable[..., None]:
        def note(layer: Any, inputs: Any) -> None:
            x = inputs[0] if inputs else None
            if not isinstance(x, torch.Tensor) or x.ndim < 2:
                return
            always = not isinstance(layer, nn.GroupNorm) and layer.running_mean is None
            groups = layer.num_groups if isinstance(layer, nn.GroupNorm) else x.shape[1]
            if layer.training or always:
                self._seen[name] = _Seen(x.numel() // max(1, groups), always)

        return note
