"""`Source`, the protocol by which the training loop draws batches, and the kind of adapter that an x needs.

Source: R keras `fit` (x, y, generators) and the data adapters of Keras 3; each adapter is one file of this folder.
"""

import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import torch

from fitdash.data.batches.sparse import is_scipy_sparse
from fitdash.errors import DataError


class Batch(NamedTuple):
    """What one step consumes.

    Attributes:
        x: A tensor, a tuple (positional inputs) or a dict (inputs by keyword).
        y: A tensor, a list or a dict of tensors; None where there are no targets.
        weight: Of the samples, in the containers of `y`; None: all weigh 1.
        rows: Number of samples.
    """

    x: Any
    y: Any
    weight: Any
    rows: int


class Source(Protocol):
    """Gives batches, pass after pass."""

    reiterable: bool
    """True if another pass can begin after one has ended."""

    @property
    def steps(self) -> int | None:
        """Batches of one pass; None if unknown."""

    @property
    def rows(self) -> int | None:
        """Samples of one pass; None if unknown."""

    def batches(self) -> Iterator[Batch]:
        """One pass."""


class DeviceAndDtype(NamedTuple):
    """Device and floating-point type that batches are converted to.

    Attributes:
        device: The device of the module's parameters.
        floating: dtype that floating-point data is cast to.
    """

    device: torch.device
    floating: torch.dtype


def detect_source_kind(x: Any, name: str = "x") -> str:
    """ "arrays", "dataset", "loader", "iterator", "function" or "iterable": which adapter takes `x`.

    Args:
        x: The user's data.
        name: Its name in error messages.

    Raises:
        DataError: no adapter takes it.
    """
    from torch.utils.data import DataLoader, Dataset, IterableDataset

    if x is None:
        raise DataError(f"{name} must be given, got None.")
    if isinstance(x, (list, tuple, dict, range, torch.Tensor)) or hasattr(x, "__array__") or is_scipy_sparse(x):
        return "arrays"
    if isinstance(x, DataLoader):
        return "loader"
    if isinstance(x, Dataset) and not isinstance(x, IterableDataset):
        return "dataset"
    if hasattr(x, "__next__"):
        return "iterator"
    if inspect.isgeneratorfunction(x) or (callable(x) and not isinstance(x, type) and not hasattr(x, "__iter__")):
        return "function"
    if isinstance(x, (str, bytes)):
        raise DataError(f"{name} must be data, got the text {x!r:.60}. Read the file first.")
    if hasattr(x, "__iter__") or (hasattr(x, "__len__") and hasattr(x, "__getitem__")):
        return "iterable"
    raise DataError(
        f"{name} must be arrays, a DataLoader, a Dataset, a generator or an iterable of batches, "
        f"got {type(x).__name__}."
    )


def replace_leaves(structure: Any, leaves: Iterator[Any]) -> Any:
    """`structure` (a leaf, a list, a tuple or a dict) with its leaves replaced in order; None stays None."""
    if structure is None:
        return None
    if isinstance(structure, dict):
        return {key: replace_leaves(part, leaves) for key, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(replace_leaves(part, leaves) for part in structure)
    return next(leaves)


def leaves_of(structure: Any) -> list[Any]:
    """The leaves of a structure in order, None left out."""
    if structure is None:
        return []
    if isinstance(structure, dict):
        return [leaf for part in structure.values() for leaf in leaves_of(part)]
    if isinstance(structure, (list, tuple)):
        return [leaf for part in structure for leaf in leaves_of(part)]
    return [structure]


def unwrap_single(structure: Any) -> Any:
    """The only item of a list or tuple; any other structure unchanged."""
    if isinstance(structure, (list, tuple)) and len(structure) == 1:
        return structure[0]
    return structure
