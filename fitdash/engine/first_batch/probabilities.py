"""Whether predictions are what their loss reads: probabilities, their logarithms, or logits."""

from typing import Any

import torch

from fitdash.data.batches.source import Batch
from fitdash.engine.first_batch.caller import warn_caller
from fitdash.engine.losses.alignment import kind_by_shape
from fitdash.engine.losses.resolve import Crossentropy, Loss, NamedLoss
from fitdash.engine.losses.torch_losses import TorchLoss
from fitdash.engine.objective.objective import Objective
from fitdash.engine.objective.outputs import outputs_of, targets_per_output
from fitdash.errors import DataError, SettingError

Tensor = torch.Tensor

BY_SHAPE = {"binary": "binary_crossentropy", "sparse": "sparse_categorical_crossentropy"}
"""What "crossentropy" is for the shapes of a target and a prediction; else "categorical_crossentropy"."""
CATEGORICAL = ("categorical_crossentropy", "sparse_categorical_crossentropy")
ROUNDING, COARSE_ROUNDING = 0.01, 0.05
"""How far probabilities and their sums may be off: in single precision and above, and in half precision."""
SUM_ROUNDING = 1e-4
"""How near to 1 the sums of all rows lie where they can hardly be anything but probabilities."""
LEAST_ROWS = 4
"""Rows, all different, below which logits may sum to 1 by chance."""

PASSED_ON = (
    "View",
    "UnsafeView",
    "Squeeze",
    "Unsqueeze",
    "ReshapeAlias",
    "ToCopy",
    "Clone",
    "Select",
    "Slice",
    "Alias",
)
PASSED_ON_TOO = ("Transpose", "Permute", "T", "Expand", "Unbind")
"""Operations that leave values as they are; their nodes in the graph are called SqueezeBackward1, ViewBackward0, …"""


def warn_of_scale(objective: Objective, batch: Batch, prediction: Any) -> None:
    """Warn of each output that is of another scale than its loss reads: all of them in one warning.

    Raises:
        SettingError: torch's BCELoss gets something else than probabilities, which it refuses itself, in other words.
    """
    predictions = [said if isinstance(said, Tensor) else None for said in outputs_of(prediction)]
    targets = _targets(objective, batch)
    found = []
    for output, said, target in zip(objective.outputs, predictions, targets, strict=False):
        if output.loss is not None and said is not None and (fault := _fault(output.loss, said, target)):
            found.append(fault if len(objective.outputs) == 1 else f"{output.name}: {fault}")
    if found:
        warn_caller("\n".join(found))


def _targets(objective: Objective, batch: Batch) -> list[Tensor | None]:
    """The target of each output, None where there is none or where the loop will refuse them."""
    outputs = objective.outputs
    names, needed = [output.name for output in outputs], [output.is_used for output in outputs]
    try:
        return targets_per_output(batch.y, names, needed, "y", any_key=bool(outputs and outputs[0].anonymous))
    except (DataError, SettingError):
        return [None] * len(outputs)


def _fault(loss: Loss, prediction: Tensor, target: Any) -> str:
    """What is wrong with an output, as a sentence with a remedy; "" if nothing."""
    if not prediction.numel() or not prediction.is_floating_point():
        return ""
    values = prediction.detach().float()
    if not values.isfinite().all():
        return ""
    rounding = ROUNDING if prediction.dtype.itemsize >= 4 else COARSE_ROUNDING
    if isinstance(loss, (NamedLoss, Crossentropy)):
        return _fault_of_named(_name_of(loss, prediction, target), prediction, values, rounding)
    if isinstance(loss, TorchLoss):
        return _fault_of_torch(loss, prediction, values, rounding)
    return ""


def _name_of(loss: NamedLoss | Crossentropy, prediction: Tensor, target: Any) -> str:
    if isinstance(loss, NamedLoss):
        return loss.name
    kind = kind_by_shape(target, prediction) if isinstance(target, Tensor) else ""
    return BY_SHAPE.get(kind, "categorical_crossentropy") if kind else ""


def _fault_of_named(name: str, prediction: Tensor, values: Tensor, rounding: float) -> str:
    """A fault of predictions for a loss that reads probabilities."""
    if name in CATEGORICAL and (values.ndim == 1 or values.shape[-1] == 1):
        return (
            f"{name} needs a column for each class, got predictions of 1 column, for which the loss is always 0. "
            "Give the output as many columns as there are classes and a softmax, or use a sigmoid with "
            "'binary_crossentropy'."
        )
    if name in ("binary_crossentropy", "kl_divergence") and _is_softmax_of_one_column(prediction):
        return _softmax_of_one_column(name)
    if name not in (*CATEGORICAL, "binary_crossentropy", "kl_divergence"):
        return ""
    low, high = float(values.min()), float(values.max())
    end = "a sigmoid" if name == "binary_crossentropy" else "a softmax"
    instead = {
        "binary_crossentropy": ", or use torch.nn.BCEWithLogitsLoss()",
        "kl_divergence": "",
    }.get(name, ", or use torch.nn.CrossEntropyLoss()")
    if low < -rounding or high > 1 + rounding:
        return (
            f"Predictions must be probabilities for {name}, got values from {low:.3g} to {high:.3g}: outside 0…1. "
            f"End the module in {end}{instead}."
        )
    if name in CATEGORICAL:
        sums = values.sum(-1)
        off = sums[((sums - 1).abs() > rounding) & (values != 0).any(-1)]  # rows of zeros are masked
        if off.numel():
            return (
                f"Predictions must be probabilities for {name}, got rows that do not sum to 1, such as "
                f"{float(off[0]):.3g}. End the module in {end}{instead}."
            )
    return ""


def _fault_of_torch(loss: TorchLoss, prediction: Tensor, values: Tensor, rounding: float) -> str:
    """A fault of predictions for a loss of torch.

    Raises:
        SettingError: BCELoss gets values outside 0…1.
    """
    low, high = float(values.min()), float(values.max())
    if loss.kind == "BCELoss" and (low < 0 or high > 1):
        raise SettingError(
            f"Predictions must be probabilities for {loss.name}, got values from {low:.3g} to {high:.3g}. "
            "End the module in a sigmoid, or use torch.nn.BCEWithLogitsLoss()."
        )
    if loss.kind in ("BCELoss", "BCEWithLogitsLoss") and _is_softmax_of_one_column(prediction):
        return _softmax_of_one_column(loss.name)
    if loss.kind == "NLLLoss" and high > rounding:
        return (
            f"Predictions must be logarithms of probabilities for {loss.name}, got values up to {high:.3g}. "
            "End the module in a log_softmax, or in no activation with torch.nn.CrossEntropyLoss()."
        )
    axis = min(1, values.ndim - 1)
    if loss.kind == "CrossEntropyLoss":
        ends = "softmax" if _are_probabilities(values, axis) else _activation(prediction)
    elif loss.kind in ("BCEWithLogitsLoss", "MultiLabelSoftMarginLoss"):
        ends = _activation(prediction)
    else:
        ends = ""
    return ends and (
        f"Predictions must be logits for {loss.name}, which applies its own {loss.link}, got probabilities: the module "
        f"ends in a {ends} of its own. Leave that out, or use "
        f"'{'binary_crossentropy' if loss.link == 'sigmoid' else 'sparse_categorical_crossentropy'}'."
    )


def _softmax_of_one_column(name: str) -> str:
    return (
        f"Predictions must differ between rows for {name}, got a softmax over 1 column, which is 1 for every row. "
        "End the module in a sigmoid."
    )


def _are_probabilities(values: Tensor, axis: int) -> bool:
    """True for enough different rows that are from 0 to 1 and sum to 1: logits would not."""
    if values.ndim < 2 or values.shape[axis] < 2 or values.min() < 0 or values.max() > 1:
        return False
    rows = values.movedim(axis, -1).reshape(-1, values.shape[axis])
    if bool(((rows.sum(-1) - 1).abs() > SUM_ROUNDING).any()):
        return False
    some = rows[:64]
    is_one_hot = bool(((some == 0) | (some == 1)).all())
    return not is_one_hot and len({tuple(row) for row in some.tolist()}) >= LEAST_ROWS


def _activation(prediction: Tensor) -> str:
    """What the graph ends in, "softmax" or "sigmoid"; "" for another operation, or where there is no graph."""
    name = _operation(prediction)
    return {"SoftmaxBackward": "softmax", "SigmoidBackward": "sigmoid", "HardsigmoidBackward": "sigmoid"}.get(name, "")


def _is_softmax_of_one_column(prediction: Tensor) -> bool:
    """True if the graph ends in a softmax that gives 1 everywhere, as over an axis of one entry."""
    return _operation(prediction) == "SoftmaxBackward" and bool((prediction.detach() == 1).all())


def _operation(prediction: Tensor) -> str:
    """The last operation of the graph that computes values; "" where there is none."""
    node: Any = prediction.grad_fn
    while node is not None:
        name = node.name().rstrip("0123456789")
        if name.removesuffix("Backward") not in (*PASSED_ON, *PASSED_ON_TOO):
            return str(name)
        node = node.next_functions[0][0] if node.next_functions else None
    return ""
