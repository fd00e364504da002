"""An item that the user's source of batches gave, taken apart into x, y and sample weights; what is wrong with it.

Items are `x`, `(x,)`, `(x, y)`, `(x, y, sample_weight)`, or a dict of inputs by keyword with the target among them, as
the data sets of Hugging Face give it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import IterableDataset

from fitdash.data.batches.source import Batch
from fitdash.errors import DataError

TARGETS = ("y", "label", "labels", "target", "targets")
"""Keys of a dict that name the target, unless `forward` needs an input of that name."""
WEIGHT = "sample_weight"


class InputNames(NamedTuple):
    """The names of the inputs of a module.

    Attributes:
        needed: Those without a default.
        taken: All that it takes; None: any.
    """

    needed: frozenset[str] = frozenset()
    taken: frozenset[str] | None = None


def read_each(items: Iterable[Any], read: Callable[[Any], Batch], given: Any, prefix: str = "") -> Iterator[Batch]:
    """The batches of one pass.

    Args:
        items: What the user's source gives.
        read: Makes a batch of an item.
        given: The source itself, for the remedy.
        prefix: "" or "validation ", the name of the data in errors.

    Raises:
        DataError: an item is no batch; it names its number, from 1.
    """
    is_stream = isinstance(given, IterableDataset)
    for number, item in enumerate(items, 1):
        try:
            if number == 1 and is_stream and _may_be_sample(item):
                raise DataError(_sample(item, given))
            batch = read(item)
        except DataError as error:
            raise numbered(_of_sample(item, given) or str(error), number, prefix) from error
        yield batch


def numbered(text: str, number: int, prefix: str = "") -> DataError:
    """The error of the batch of this number, from 1."""
    return DataError(f"{'Validation batch' if prefix else 'Batch'} {number}: {text}", is_located=True)


def parts_of(item: Any, names: InputNames, *, inputs_only: bool) -> tuple[Any, Any, Any]:
    """x, y and weights of an item; y and weights are None where `inputs_only`.

    Raises:
        DataError: more than three parts, no target, or a dict whose target has no name.
    """
    parts = tuple(item) if isinstance(item, (list, tuple)) else (item,)
    if not 1 <= len(parts) <= 3:
        raise DataError(
            f"A batch must be x, (x,), (x, y) or (x, y, sample_weight), got {len(parts)} parts. "
            "Put several inputs into a tuple of their own: ((a, b), y)."
        )
    if len(parts) == 1 and isinstance(parts[0], Mapping):
        return _by_name(dict(parts[0]), names, inputs_only=inputs_only)
    x, y, weight = (*(parts[:1] if inputs_only else parts), None, None)[:3]
    if y is None and not inputs_only:
        raise DataError("y must be given, got x alone. Give (x, y) as a batch.")
    return x, y, weight


def _by_name(given: dict[Any, Any], names: InputNames, *, inputs_only: bool) -> tuple[Any, Any, Any]:
    """A dict as inputs by keyword, its target and its weights.

    A single input that `forward` does not call so goes to it by position.
    """
    targets = [name for name in TARGETS if name in given]
    targets = [name for name in targets if name not in names.needed] or targets
    if not inputs_only and len(targets) != 1:
        found = ", ".join(map(str, given)) if not targets else " and ".join(targets)
        wanted = '"y", "label", "labels", "target" or "targets"'
        last = targets[-1] if targets else next(reversed(given), "y")
        raise DataError(
            f"A batch that is a dict must name one target, as {wanted}, got {found}. "
            f'Name it in a function that gives (x, y): lambda: ((b, b.pop("{last}")) for b in x).'
        )
    apart = {name for name in (*targets, WEIGHT) if name not in names.needed}
    inputs = {name: part for name, part in given.items() if name not in apart} or given
    taken = {name: part for name, part in inputs.items() if names.taken is None or name in names.taken}
    x: Any = taken or {name: part for name, part in inputs.items() if not _is_text(part)} or inputs
    if len(x) == 1 and names.taken is not None and not names.taken >= set(x):
        x = next(iter(x.values()))
    weight = given.get(WEIGHT) if WEIGHT in apart else None
    return (x, None, None) if inputs_only else (x, given[targets[0]], weight)


def _is_text(part: Any) -> bool:
    """True for a text, or a list or array of texts, which is no input of a module."""
    if isinstance(part, np.ndarray):
        return part.dtype.kind in "SU"
    return isinstance(part[0] if isinstance(part, (list, tuple)) and part else part, (str, bytes))


def _of_sample(item: Any, given: Any) -> str | None:
    """What is wrong with an item that is a sample: a part is a single number, or a vector beside a single target."""
    shapes = _shapes(item)
    if not shapes or None in shapes or (isinstance(item, (list, tuple)) and len(item) > 3):
        return None
    lengths = [shape[0] for shape in shapes if shape]
    is_sample = () in shapes or (len(shapes[0] or ()) == 1 and min(lengths) == 1 < max(lengths))
    return _sample(item, given) if is_sample else None


def _may_be_sample(item: Any) -> bool:
    """True for an item of a stream whose parts have one axis at most: a batch has an axis for its samples as well."""
    shapes = _shapes(item)
    return bool(shapes) and all(shape is not None and len(shape) <= 1 for shape in shapes)


def _sample(item: Any, given: Any) -> str:
    shapes = ", ".join("a number" if not shape else f"shape {shape}" for shape in _shapes(item))
    return f"an item must be a batch of samples, got one sample ({shapes}). {_remedy(given)}"


def _remedy(given: Any) -> str:
    if isinstance(given, IterableDataset):
        return "Give DataLoader(x, batch_size=32), or batch_size=None if its items are batches."
    if hasattr(given, "__len__") and hasattr(given, "__getitem__"):
        return "Give DataLoader(x, batch_size=32)."
    return "Give several samples at a time, such as x of shape (32, …) and y of shape (32,)."


def _shapes(part: Any) -> list[tuple[int, ...] | None]:
    """The shapes of the arrays in an item, () for a number, None for what is neither."""
    if isinstance(part, (torch.Tensor, np.ndarray, np.generic)):
        return [tuple(part.shape)]
    if isinstance(part, (bool, int, float)):
        return [()]
    if isinstance(part, Mapping):
        return [shape for inner in part.values() for shape in _shapes(inner)]
    if isinstance(part, tuple) or (isinstance(part, list) and not all(isinstance(i, (int, float, list)) for i in part)):
        return [shape for inner in part for shape in _shapes(inner)]
    return [(len(part),) if isinstance(part, list) and not any(isinstance(i, list) for i in part) else None]
