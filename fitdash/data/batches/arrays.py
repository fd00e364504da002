"""Arrays in memory, on disk or in HDF5, cut into batches in the order that `shuffle` asks for."""

import copy
from collections.abc import Iterator
from typing import Any, Literal

import torch

from fitdash.data.batches.as_rows import as_rows
from fitdash.data.batches.hdf5 import load_for_shuffling
from fitdash.data.batches.rows import ArrayRows, TensorRows, has_free_memory
from fitdash.data.batches.source import Batch, DeviceAndDtype, leaves_of, replace_leaves, unwrap_single
from fitdash.data.batches.sparse import is_scipy_sparse
from fitdash.errors import DataError

ShuffleMode = Literal["given", "rows", "batch"]

CHUNK_BYTES = 4 * 1024 * 1024
"""Size of the pieces in which rows are gathered: gathering per batch costs more calls, per epoch a second copy and page
faults. While one piece is used, the next is gathered."""
COPIED_BYTES = 1024 * 1024
"""Size of the pieces in which rows are copied in the order of the array, not gathered."""


class ArraySource:
    """Batches of arrays.

    Args:
        x, y, weight: Rows in their containers, as `prepare_arrays` gives them.
        batch_size: Samples of a batch; the last one may be smaller.
        order: "rows" draws a permutation from torch's generator for each pass, "batch" shuffles whole batches and
            keeps a short one last, "given" keeps the order of the rows.
        target: Device and floating-point type of the batches.

    Attributes:
        copies: True if inputs that would be views of the user's arrays are copied, since a module may write into them.

    Source: R keras `fit`, shuffle; "batch" as Keras up to 2.2 had it.
    """

    reiterable = True

    def __init__(
        self, x: Any, y: Any, weight: Any, *, batch_size: int, order: ShuffleMode, target: DeviceAndDtype
    ) -> None:
        self.x, self.y, self.weight = x, y, weight
        self.batch_size, self.order, self.target = batch_size, order, target
        self.copies = True
        self.structure = (x, y, weight)
        self.parts: list[ArrayRows] = leaves_of(self.structure)
        self.inputs = len(leaves_of(x))
        if order == "rows":
            self.parts = load_for_shuffling(self.parts)
        self.plain = weight is None and not any(isinstance(part, (list, tuple, dict)) for part in (x, y))

    @property
    def rows(self) -> int:
        return int(self.parts[0].shape[0])

    @property
    def steps(self) -> int:
        return -(-self.rows // self.batch_size)

    def batches(self) -> Iterator[Batch]:
        for chunk in self.chunks():
            for tensors in zip(*(torch.split(part, self.batch_size) for part in chunk), strict=True):
                yield self.batch(tensors)

    def chunks(self) -> Iterator[list[torch.Tensor]]:
        """One pass over the rows in pieces of whole batches: a tensor for each array."""
        self._stay()
        if self.order == "batch":
            yield from self._whole_batches()
            return
        kind = torch.int32 if self.rows < 2**31 else torch.int64  # the same permutation in half the memory
        index = torch.randperm(self.rows, dtype=kind) if self.order == "rows" else None
        row_bytes = max(part.row_bytes for part in self.parts)
        most = COPIED_BYTES if index is None and self._copies_all() else CHUNK_BYTES
        size = max(1, most // (row_bytes * self.batch_size)) * self.batch_size
        for start in range(0, self.rows, size):
            stop = min(start + size, self.rows)
            if index is None:
                yield self._piece(start, stop)
            else:
                yield [part.take(index[start:stop]).to(self.target.device) for part in self.parts]

    def cut(self, batch_size: int) -> "ArraySource":
        """The same rows in batches of another size."""
        other = copy.copy(self)
        other.batch_size = batch_size
        return other

    def narrow(self, start: int, stop: int, *, batch_size: int, order: ShuffleMode) -> "ArraySource":
        """Only the rows start … stop − 1, without copying."""
        parts = iter([part.narrow(start, stop) for part in leaves_of(self.structure)])
        x, y, weight = replace_leaves(self.structure, parts)
        return ArraySource(x, y, weight, batch_size=batch_size, order=order, target=self.target)

    def _stay(self) -> None:
        """Keep arrays in memory on the device if it has room for all of them, so that later passes transfer none."""
        device = self.target.device
        moved = [part for part in self.parts if isinstance(part, TensorRows) and part.tensor.device != device]
        if moved and has_free_memory(device, sum(self.rows * part.row_bytes for part in moved)):
            self.parts = [part.on(device) if part in moved else part for part in self.parts]

    def _copies_all(self) -> bool:
        """True if slices of the inputs are copied only because a module may write into them."""
        inputs, device = self.parts[: self.inputs], self.target.device
        return self.copies and all(isinstance(part, TensorRows) and part.lies_on(device) for part in inputs)

    def _whole_batches(self) -> Iterator[list[torch.Tensor]]:
        full, size = self.rows // self.batch_size, self.batch_size
        starts = [*(torch.randperm(full) * size).tolist(), *([full * size] if full * size < self.rows else [])]
        for start in starts:
            yield self._piece(start, min(start + size, self.rows))

    def _piece(self, start: int, stop: int) -> list[torch.Tensor]:
        """Consecutive rows; inputs as copies, since a module may write into them and the arrays are the caller's."""
        pieces = [part.slice(start, stop).to(self.target.device) for part in self.parts]
        for i, part in enumerate(self.parts[: self.inputs] if self.copies else ()):
            if isinstance(part, TensorRows) and part.shares(pieces[i]):
                pieces[i] = pieces[i].clone()
        return pieces

    def batch(self, tensors: tuple[torch.Tensor, ...]) -> Batch:
        """One tensor for each array as a batch."""
        rows = tensors[0].shape[0]
        if self.plain:
            return Batch(tensors[0], tensors[1] if len(tensors) > 1 else None, None, rows)
        x, y, weight = replace_leaves(self.structure, iter(tensors))
        return Batch(x, y, weight, rows)


def prepare_arrays(
    x: Any, y: Any, weight: Any, target: DeviceAndDtype, prefix: str = "", *, columns: bool = True
) -> tuple[Any, Any, Any]:
    """x, y and weights as rows in their containers, checked against each other.

    Args:
        x: An array, a list or tuple (inputs by position) or a dict (inputs by keyword); a list of numbers is one array.
        y: Likewise, or None.
        weight: (n,), (n, 1) or (n, t), or a list or dict of those and None, one per output; or None.
        target: Gives the floating-point type.
        prefix: Put before the names in errors, such as "validation ".
        columns: Whether an input that is a vector of floats becomes one column, (n, 1).

    Raises:
        DataError: no rows, different numbers of rows, or no numbers.
    """
    inputs = unwrap_single(_structured(x, f"{prefix}x", target.floating, _input if columns else as_rows))
    inputs = tuple(inputs) if isinstance(inputs, list) else inputs
    targets = unwrap_single(_structured(y, f"{prefix}y", target.floating, as_rows))
    weights = _structured(weight, f"{prefix}sample_weight", target.floating, _weight)
    weights = weights if isinstance(targets, (list, dict)) else unwrap_single(weights)
    _check_lengths(inputs, targets, weights, prefix)
    return inputs, targets, weights


def is_single_array(value: Any) -> bool:
    """True if a list or tuple is one array of numbers rather than several arrays."""
    while isinstance(value, (list, tuple)):
        if not value:
            return True
        value = value[0]
    if value is None or isinstance(value, dict) or is_scipy_sparse(value):
        return False
    return len(getattr(value, "shape", ())) == 0 if hasattr(value, "__array__") else True


def _structured(value: Any, name: str, floating: torch.dtype, leaf: Any) -> Any:
    if value is None:
        return None
    if is_scipy_sparse(value):  # before the dict that a DOK matrix is
        return leaf(value, name, floating)
    if isinstance(value, dict):
        return {key: _structured(part, f"{name}[{key!r}]", floating, leaf) for key, part in value.items()}
    if isinstance(value, (list, tuple)) and not is_single_array(value):
        return [_structured(part, f"{name}[{i}]", floating, leaf) for i, part in enumerate(value)]
    return leaf(value, name, floating)


def _input(value: Any, name: str, floating: torch.dtype) -> ArrayRows:
    """Rows of an input; a vector of floats is one feature, a vector of integers stays one (embeddings)."""
    rows = as_rows(value, name, floating)
    if len(rows.shape) == 1 and rows.slice(0, 1).is_floating_point():
        if isinstance(rows, TensorRows):
            return TensorRows(rows.tensor[:, None], rows.dtype)
        return as_rows(rows.slice(0, rows.shape[0])[:, None], name, floating)
    return rows


def _weight(value: Any, name: str, floating: torch.dtype) -> ArrayRows:
    rows = as_rows(value, name, floating)
    if not rows.slice(0, 1).is_floating_point():
        tensor = rows.slice(0, rows.shape[0]).to(floating)
        return TensorRows(tensor, floating)
    return rows


def _check_lengths(x: Any, y: Any, weight: Any, prefix: str) -> None:
    named = {"x": leaves_of(x), "y": leaves_of(y), "sample_weight": leaves_of(weight)}
    sizes = [(f"{prefix}{name}", int(part.shape[0])) for name, parts in named.items() for part in parts]
    if not named["x"]:
        raise DataError(f"{prefix}x is empty: there is no array in it.")
    if any(size == 0 for _, size in sizes):
        raise DataError(f"{next(name for name, size in sizes if size == 0)} is empty: it has 0 samples.")
    if len({size for _, size in sizes}) > 1:
        found = ", ".join(f"{name} has {size}" for name, size in dict.fromkeys(sizes))
        raise DataError(f"All arrays must have the same number of samples, but {found}.")
