"""Checks that targets are what their loss takes: class ids, one column per output, shares from 0 to 1.

The prediction of the first batch says how many columns there are; then the whole arrays are looked at, once.
"""

from collections.abc import Mapping
from typing import Any

import torch

from fitdash.data.batches.hdf5 import H5Rows
from fitdash.data.batches.rows import ArrayRows
from fitdash.engine.first_batch.arrays import extremes, first_where, pieces
from fitdash.engine.first_batch.caller import warn_caller
from fitdash.engine.losses.alignment import kind_by_shape
from fitdash.engine.losses.resolve import Crossentropy, Loss, NamedLoss
from fitdash.engine.losses.torch_losses import CLASSES, ELEMENTWISE, TorchLoss
from fitdash.engine.objective.outputs import outputs_of, targets_per_output
from fitdash.engine.objective.totals import OutputObjective
from fitdash.errors import DataError

Tensor = torch.Tensor
Shape = tuple[int, ...]

SHARES = ("binary_crossentropy", "BCELoss", "BCEWithLogitsLoss")
"""Losses whose targets are shares from 0 to 1."""
ONE_HOT = ("categorical_crossentropy", "categorical_hinge", "kl_divergence", "binary_crossentropy", "crossentropy")
"""Losses that people give class ids instead of a column for each class."""
ROUNDING = 1e-3
"""How far shares may leave 0 … 1 by rounding."""


def check_targets(outputs: list[OutputObjective], prediction: Any, y: Any, prefix: str = "") -> None:
    """Refuse targets that the losses do not take.

    Args:
        outputs: As the objective knows them.
        prediction: Of some rows.
        y: Targets of all rows, as rows in their containers.
        prefix: Put before the name, such as "validation ".

    Raises:
        DataError: naming the array, the first row or the shape, and a remedy.
    """
    names, needed = [output.name for output in outputs], [output.is_used for output in outputs]
    targets = targets_per_output(y, names, needed, f"{prefix}y", any_key=outputs[0].anonymous)
    labels = _labels(y, names, prefix)
    for output, said, rows, label in zip(outputs, outputs_of(prediction), targets, labels, strict=True):
        if output.loss is not None and rows is not None and isinstance(said, torch.Tensor) and said.ndim:
            check_target(rows, tuple(said.shape[1:]), output.loss, label)


def check_target(rows: ArrayRows, shape: Shape, loss: Loss, name: str) -> None:
    """Refuse the targets of one output where its loss does not take them.

    Args:
        rows: All targets of the output.
        shape: Of one prediction without the axis of samples.
        loss: Of the output; nothing is known of a user's function, and nothing is refused.
        name: What messages call the targets.

    Raises:
        DataError: naming the first row or the shape, and a remedy.
    """
    kind = _kind_of(loss, rows, shape)
    found = tuple(int(size) for size in rows.shape[1:])
    if kind is None:
        return
    if (kind == "sparse" or kind in CLASSES) and not (kind == "CrossEntropyLoss" and found == shape):
        _check_shape_of_ids(found, shape, loss, name, int(rows.shape[0]), classes_second=kind in CLASSES)
        _check_ids(rows, shape[0] if kind in CLASSES else shape[-1], loss, name)
        return
    _check_shape(rows, found, shape or (1,), loss, name)
    if isinstance(rows, H5Rows) and kind not in SHARES:
        return  # the search for NaN is not worth reading a file once more
    low, high = extremes(rows)
    if low != low or high != high:
        _warn_of_nan(rows, name)
    elif kind in SHARES and (low < -ROUNDING or high > 1 + ROUNDING):
        warn_caller(_not_shares(rows, low, high, loss, name))


def _kind_of(loss: Loss, rows: ArrayRows, shape: Shape) -> str | None:
    """What targets a loss takes: "sparse", the name of a loss, or None if that is the user's affair."""
    if isinstance(loss, Crossentropy):
        kind = kind_by_shape(rows.slice(0, 1), torch.empty((1, *shape)))
        return {"sparse": "sparse", "binary": "binary_crossentropy"}.get(kind, "categorical_crossentropy")
    if isinstance(loss, NamedLoss):
        if loss.name == "sparse_categorical_crossentropy":
            return "sparse" if shape else None  # a prediction without columns is refused by the loss
        return loss.name
    if isinstance(loss, TorchLoss) and loss.is_torchs_own:
        return loss.kind if loss.kind in (*CLASSES, *ELEMENTWISE) and shape else None
    return None


def _check_shape_of_ids(found: Shape, shape: Shape, loss: Loss, name: str, rows: int, *, classes_second: bool) -> None:
    """Refuse targets that are not one class id for each prediction."""
    wanted = shape[1:] if classes_second else shape[:-1]
    if found in (wanted, (*wanted, 1)):
        return
    needs = f"{name} must have one class id per prediction for {loss.name}"
    if found == shape:
        raise DataError(
            f"{needs}, got shape {(rows, *found)}, a column for each class. Pass np.argmax({_short(name)}, -1)."
        )
    if classes_second and len(shape) > 1 and found in (shape[:-1], (*shape[:-1], 1)):
        raise DataError(
            f"{needs}, got shape {(rows, *found)} with predictions of shape {_row_shape(shape)}. "
            "torch takes the classes in axis 1: let forward return prediction.movedim(-1, 1)."
        )
    raise DataError(
        f"{needs}, which is the shape {_row_shape(wanted)}, got {(rows, *found)} with predictions of shape "
        f"{_row_shape(shape)}. Give {_short(name)} one class id for each of them."
    )


def _check_ids(rows: ArrayRows, classes: int, loss: Loss, name: str) -> None:
    """Refuse ids outside 0 … classes − 1, fractions and NaN."""
    ignored = loss.ignored if isinstance(loss, TorchLoss) else None

    def wrong(part: Tensor) -> Tensor:
        outside = (part < 0) | (part >= classes)
        outside = outside | (part != part.round()) if part.is_floating_point() else outside
        return outside if ignored is None else outside & (part != ignored)

    low, high = extremes(rows, ignored)
    is_inside = low >= 0 and high < classes
    if low > high or (is_inside and not rows.slice(0, 1).is_floating_point()):
        return
    first = first_where(rows, wrong)
    if first is None:
        return
    row, value = first
    most = f"class ids 0 to {classes - 1}" if classes > 1 else "only the class id 0"
    if value != value or value % 1:
        remedy = "Leave out the rows without a label." if value != value else 'For measured values use loss="mse".'
        raise DataError(
            f"{name} must have whole numbers as class ids for {loss.name}, got {value:g} in row {row}. {remedy}"
        )
    raise DataError(
        f"{name} must have {most}, since the prediction has {_columns(classes)}, got {value:g} in row {row}. "
        f"{_remedy_for_ids(low, high, value, classes, loss, name)}"
    )


def _remedy_for_ids(low: float, high: float, value: float, classes: int, loss: Loss, name: str) -> str:
    y = _short(name)
    if low == 1 and high == classes:
        return f"Its ids start at 1 and must start at 0: pass {y} - 1."
    if (low, high) == (-1, 1) and classes == 2:
        return f"Its ids are -1 and 1: pass ({y} + 1) // 2."
    if (low < 0 or high == 255) and isinstance(loss, TorchLoss) and loss.kind in ("CrossEntropyLoss", "NLLLoss"):
        return f"If it marks rows without a label, compile torch.nn.{loss.kind}(ignore_index={value:g})."
    if low < 0:
        return f"Leave out the rows without a label, such as with keep = {y} >= 0."
    if classes == 1 and high == 1:
        return 'With one output use loss="binary_crossentropy".'
    return f"If the label is right, give the network {int(high) + 1} outputs."


def _check_shape(rows: ArrayRows, found: Shape, shape: Shape, loss: Loss, name: str) -> None:
    """Refuse targets of another shape than the predictions; a last axis of 1 makes no difference."""
    if found == shape or (*found, 1) == shape or found == (*shape, 1):
        return
    y, shown = _short(name), f"shape {(int(rows.shape[0]), *found)}"
    wanted = _columns(shape[0]) if len(shape) == 1 else f"the shape {_row_shape(shape)}"
    width = found[0] if found else 1
    if _are_ids(rows, found, shape, loss):
        shown, remedy = f"class ids of {shown}", 'Use loss="sparse_categorical_crossentropy".'
    elif name != y and len(found) != len(shape):
        remedy = f"Give it the shape of {y}."
    elif len(found) > 1:
        remedy = f"If {y} is right, let forward return the shape {_row_shape(found)}."
    elif len(shape) > 1:
        remedy = f"If {y} is right, let forward return one row of {_columns(width)} for each sample."
    elif name != y:
        remedy = f"Give it the columns of {y}."
    else:
        remedy = f"If {y} is right, give the network {width} {'output' if width == 1 else 'outputs'}."
    raise DataError(f"{name} must have {wanted} for {loss.name}, as the prediction has, got {shown}. {remedy}")


def _are_ids(rows: ArrayRows, found: Shape, shape: Shape, loss: Loss) -> bool:
    """True if these are class ids where the loss wants a column for each class."""
    if loss.name not in ONE_HOT or found not in (shape[:-1], (*shape[:-1], 1)):
        return False
    sample = rows.slice(0, min(1000, int(rows.shape[0])))
    return bool(((sample >= 0) & (sample == sample.round() if sample.is_floating_point() else True)).all())


def _warn_of_nan(rows: ArrayRows, name: str) -> None:
    first = first_where(rows, torch.isnan)
    if first is not None:
        warn_caller(
            f"{name} must have a number in each row, got nan in row {first[0]}: with it the loss is nan. "
            "Leave out the rows without a target."
        )


def _not_shares(rows: ArrayRows, low: float, high: float, loss: Loss, name: str) -> str:
    """What to say of targets outside 0 … 1, with the remedy that their values suggest."""
    row, value = first_where(rows, lambda part: (part < -ROUNDING) | (part > 1 + ROUNDING)) or (0, low)
    said = f"{name} must be from 0 to 1 for {loss.name}, got {value:g} in row {row}."
    values, y = _few_values(rows), _short(name)
    if values == {1.0, 2.0}:
        return f"{said} Its labels are 1 and 2: pass {y} - 1."
    if values == {-1.0, 1.0}:
        return f"{said} Its labels are -1 and 1: pass ({y} + 1) / 2."
    if high == 255 or values == {0.0, high}:
        return f"{said} Its values are 0 to {high:g}: pass {y} / {high:g}."
    are_ids = values is not None and all(value >= 0 and value % 1 == 0 for value in values)
    if are_ids and tuple(rows.shape[1:]) in ((), (1,)):
        return f'{said} For {int(high) + 1} classes use as many outputs and loss="sparse_categorical_crossentropy".'
    return f'{said} For measured values use loss="mse".'


def _few_values(rows: ArrayRows) -> set[float] | None:
    """The different values, None if there are more than 50."""
    found: set[float] = set()
    for _, part in pieces(rows):
        found |= set(torch.unique(part.double()).tolist()[:51])
        if len(found) > 50:
            return None
    return found


def _row_shape(shape: Shape) -> str:
    """ "(n, 4, 3)" for one row of shape (4, 3)."""
    return f"({', '.join(['n', *map(str, shape)])}{'' if shape else ','})"


def _columns(number: int) -> str:
    return "1 column" if number == 1 else f"{number} columns"


def _short(name: str) -> str:
    """The array itself, as in the user's code: "validation y" is y."""
    return name.partition(" of the output")[0].rpartition("validation ")[2]


def _labels(y: Any, names: list[str], prefix: str) -> list[str]:
    """What messages call the targets of each output."""
    if len(names) == 1 and not isinstance(y, Mapping):
        return [f"{prefix}y"]
    return [f"{prefix}y[{name!r}]" if isinstance(y, Mapping) else f"{prefix}y[{i}]" for i, name in enumerate(names)]
