"""Chooses the adapter that turns the user's x and y into a source of batches."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from fitdash.data.batches.arrays import ArraySource, ShuffleMode, is_single_array, prepare_arrays
from fitdash.data.batches.data_loader import LoaderSource, is_plain_loader
from fitdash.data.batches.generator import ANY, FunctionSource, IterableSource, IteratorSource, batch_of, length_of
from fitdash.data.batches.items import InputNames
from fitdash.data.batches.source import DeviceAndDtype, Source, detect_source_kind
from fitdash.data.batches.torch_dataset import DatasetSource
from fitdash.errors import DataError, SettingError
from fitdash.settings.batch_size import DEFAULT_BATCH_SIZE

SOURCE_NAMES = {
    "dataset": "a Dataset",
    "loader": "a DataLoader",
    "iterator": "an iterator",
    "function": "a function",
    "iterable": "an iterable",
}
"""What error messages call each kind of source that yields batches."""


def make_source(
    x: Any,
    y: Any = None,
    weight: Any = None,
    *,
    target: DeviceAndDtype,
    batch_size: int | None = None,
    order: ShuffleMode = "given",
    needs_y: bool = True,
    names: InputNames = ANY,
    prefix: str = "",
) -> Source:
    """The source of batches for `x`.

    Args:
        x, y, weight: As `fit` takes them.
        target: Device and floating-point type of the batches.
        batch_size: Samples of a batch; None: `DEFAULT_BATCH_SIZE`.
        order: Of the rows of arrays and map-style data sets.
        needs_y: Whether arrays must come with targets.
        names: Of the module's inputs, to take a dict apart that a source yields.
        prefix: Put before names in errors, such as "validation ".

    Raises:
        DataError: `x` cannot be read, or the arrays do not fit together.
        SettingError: an argument for arrays was given with data that is already in batches.
    """
    x = dict(x) if isinstance(x, Mapping) and not isinstance(x, dict) else x
    kind = detect_source_kind(x, f"{prefix}x")
    if kind == "arrays":
        if y is None and needs_y:
            raise DataError(f"{prefix}y must be given with arrays, got None. {_remedy(x)}")
        rows = prepare_arrays(x, y, weight, target, prefix)
        size = DEFAULT_BATCH_SIZE if batch_size is None else batch_size
        return ArraySource(*rows, batch_size=size, order=order, target=target)
    refuse_with_batches(kind, y=y, sample_weight=weight, batch_size=batch_size, prefix=prefix)
    read = partial(batch_of, target=target, names=names, inputs_only=not needs_y)
    if kind == "dataset":
        if not length_of(x):
            found = "it has no length" if length_of(x) is None else "it is empty: 0 samples"
            raise DataError(f"{prefix}x must be a data set with samples to count, but {found}.")
        size = batch_size or DEFAULT_BATCH_SIZE
        return DatasetSource(x, batch_size=size, order=order, read=read, inputs_only=not needs_y, prefix=prefix)
    if kind == "loader" and needs_y and is_plain_loader(x, target):
        return LoaderSource(x, target)
    if kind == "iterator":
        return IteratorSource(x, read, prefix)
    return FunctionSource(x, read, prefix) if kind == "function" else IterableSource(x, read, prefix)


def _remedy(x: Any) -> str:
    """How to give targets: as y, unless x is a list of tuples, which are taken for several inputs."""
    if isinstance(x, (list, tuple)) and not is_single_array(x) and all(isinstance(part, (list, tuple)) for part in x):
        return "If the items of x are batches, give a function that yields them: lambda: iter(x)."
    return "Pass the targets as y."


def refuse_with_batches(kind: str, *, y: Any, sample_weight: Any, batch_size: int | None, prefix: str = "") -> None:
    """Refuse arguments that are for arrays only.

    Raises:
        SettingError: one of them was given; it names each.

    Source: R keras `fit_generator`, which has none of these. Keras 3 ignores batch_size silently.
    """
    given = {"y": y, "sample_weight": sample_weight, "batch_size": batch_size}
    if kind == "dataset":
        del given["batch_size"]
    found = [name for name, value in given.items() if value is not None]
    if found:
        names = " and ".join(f"{prefix}{name}" for name in found)
        raise SettingError(
            f"{names} must not be given when x yields batches itself, as {SOURCE_NAMES[kind]} does. "
            "Yield (x, y, sample_weight) from it, in batches of the size you want."
        )
