"""Sources whose batches the user's code makes: generators, generator functions, any iterable of batches."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch

from fitdash.data.batches.arrays import prepare_arrays
from fitdash.data.batches.items import InputNames, parts_of, read_each
from fitdash.data.batches.rows import ArrayRows
from fitdash.data.batches.source import Batch, DeviceAndDtype, leaves_of, unwrap_single

WHOLE = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
"""dtypes of whole numbers and booleans that need no conversion."""


ANY = InputNames()
"""The names of a module of which nothing is known."""


class IteratorSource:
    """A generator or another iterator: it gives one pass and is then exhausted."""

    reiterable = False
    steps = None
    rows = None

    def __init__(self, iterator: Iterator[Any], read: Callable[[Any], Batch], prefix: str = "") -> None:
        self.iterator, self.read, self.prefix = iterator, read, prefix

    def batches(self) -> Iterator[Batch]:
        return read_each(self.iterator, self.read, self.iterator, self.prefix)


class IterableSource:
    """An object that can be iterated again, or indexed up to its length.

    Args:
        iterable: Yields x, (x,), (x, y) or (x, y, weight).
        read: Makes a batch of such an item.
        prefix: "" or "validation ", the name of the data in errors.
    """

    reiterable = True

    def __init__(self, iterable: Any, read: Callable[[Any], Batch], prefix: str = "") -> None:
        self.iterable, self.read, self.prefix = iterable, read, prefix

    @property
    def steps(self) -> int | None:
        return length_of(self.iterable)

    @property
    def rows(self) -> int | None:
        return None

    def batches(self) -> Iterator[Batch]:
        return read_each(_items(self.iterable), self.read, self.iterable, self.prefix)


class FunctionSource:
    """A generator function, called anew for each pass."""

    reiterable = True
    steps = None
    rows = None

    def __init__(self, function: Callable[[], Iterable[Any]], read: Callable[[Any], Batch], prefix: str = "") -> None:
        self.function, self.read, self.prefix = function, read, prefix

    def batches(self) -> Iterator[Batch]:
        return read_each(self.function(), self.read, self.function, self.prefix)


def batch_of(item: Any, target: DeviceAndDtype, *, names: InputNames = ANY, inputs_only: bool = False) -> Batch:
    """An item that the user's source yielded, as a batch on the target's device.

    Args:
        item: x, (x,), (x, y) or (x, y, weight), or a dict with the target among its inputs.
        target: Device and floating-point type.
        names: Of the module's inputs.
        inputs_only: Leave y and weight unread.

    Raises:
        DataError: more than three parts, no target, or parts that do not fit together.
    """
    x, y, weight = parts_of(item, names, inputs_only=inputs_only)
    if _is_ready(x, target) and (y is None or _is_ready(y, target)) and weight is None:
        batch = Batch(x, y, None, len(x))
        if y is None or len(y) == len(x) > 0:
            return batch
    rows = prepare_arrays(x, y, weight, target, columns=False)
    x, y, weight = (_moved(part, target) for part in rows)
    return Batch(x, y, weight, int(leaves_of(rows[0])[0].shape[0]))


def length_of(iterable: Any) -> int | None:
    """Its length; None if it has none (a DataLoader over an IterableDataset raises TypeError)."""
    try:
        length = len(iterable)
    except (TypeError, NotImplementedError):
        return None
    return int(length) if length >= 0 else None


def _items(iterable: Any) -> Iterator[Any]:
    if hasattr(iterable, "__iter__"):
        return iter(iterable)
    return (iterable[i] for i in range(len(iterable)))


def _is_ready(value: Any, target: DeviceAndDtype) -> bool:
    """True if a tensor needs no conversion; most batches of a DataLoader need none."""
    if not isinstance(value, torch.Tensor) or value.device != target.device:
        return False
    if value.ndim == 0 or value.layout != torch.strided:
        return False
    return value.dtype == target.floating or value.dtype in WHOLE


def _moved(structure: Any, target: DeviceAndDtype) -> Any:
    if isinstance(structure, dict):
        return {key: _moved(part, target) for key, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(_moved(part, target) for part in structure)
    if structure is None:
        return None
    rows: ArrayRows = unwrap_single(structure)
    return rows.slice(0, rows.shape[0]).to(target.device)
