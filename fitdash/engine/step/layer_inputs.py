"""Says in words which layer could not take its input, after the module has failed; nothing is run again for it.

The failed call left its traceback, and in it the innermost layer of torch with the tensor that it was given. An error
that no rule here explains is the user's own and passes as it is.
"""

import math
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any, NamedTuple

import torch
from torch import nn

from fitdash.errors import DataError

Shape = tuple[int, ...]

TORCH_LAYERS = "torch/nn/modules/"
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
NORMALIZATIONS = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.GroupNorm),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
)
INPUTS = ("orig_input", "input", "src", "query")
"""What the layers of torch call their first argument."""


class Misfit(NamedTuple):
    """What a layer takes that its input is not.

    Attributes:
        must: What the input must have or hold.
        remedy: A sentence with `{x}` for the name of the array.
        found: The value that is wrong, and its row; None: the shape is.
    """

    must: str
    remedy: str
    found: str | None = None


def explain_misfit(
    error: BaseException, module: nn.Module, x: Any, name: str = "x", rows: int | None = None
) -> DataError | None:
    """The error in words, if a layer of torch was given what it does not take; None: another kind of error.

    Args:
        error: What a call of `module` raised.
        x: The inputs of that call in their containers.
        name: What messages call them.
        rows: Of the arrays that they are the first row of; None: they are a batch.
    """
    for layer, given in _running_layers(error.__traceback__):
        misfit = _misfit_of(layer, given)
        if misfit is not None:
            return _in_words(misfit, layer, given, module, list(named_leaves(x, name)), rows)
    return None


def _in_words(
    misfit: Misfit,
    layer: nn.Module,
    given: torch.Tensor,
    module: nn.Module,
    inputs: list[tuple[str, torch.Tensor]],
    rows: int | None,
) -> DataError:
    what = describe_layer(module, layer)
    array = next((label for label, part in inputs if _is_same(part, given)), None)
    shape = f"a batch of shape {tuple(given.shape)}" if rows is None else f"shape {(rows, *given.shape[1:])}"
    found = misfit.found or shape
    if array is None:
        came = " and ".join(f"{label} of shape {tuple(part.shape)}" for label, part in inputs)
        remedy = _inner_remedy(layer, given) if misfit.found is None else misfit.remedy
        got = f"{misfit.found} of a batch" if misfit.found else f"a batch of shape {tuple(given.shape)}"
        return DataError(f"The input of {what} must {misfit.must}, got {got}, made from {came}. {remedy}")
    remedy = misfit.remedy.format(x=array.rpartition(" ")[2])
    if rows is not None and "If these columns are right" in remedy:
        remedy = f"Give it the columns of {array.rpartition(' ')[2]}."
    return DataError(f"{array} must {misfit.must}, since it goes into {what}, got {found}. {remedy}")


def describe_layer(module: nn.Module, layer: nn.Module) -> str:
    """A layer by its class, its sizes and its place in the module: "Linear(4, 1) (layer 0)"."""
    place = next((path for path, part in module.named_modules() if part is layer), "")
    return _sized(layer) + (f" (layer {place})" if place else "")


def named_leaves(x: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Each input with its name in messages, such as x, x[1] or x['a']."""
    if isinstance(x, dict):
        for key, part in x.items():
            yield from named_leaves(part, f"{name}[{key!r}]")
    elif isinstance(x, (list, tuple)):
        for i, part in enumerate(x):
            yield from named_leaves(part, f"{name}[{i}]")
    elif x is not None:
        yield name, x


def count(number: int, noun: str) -> str:
    """ "1 column", "3 columns"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _running_layers(traceback: TracebackType | None) -> list[tuple[nn.Module, torch.Tensor]]:
    """The layers of torch that were running, each inside the one before, with their inputs; empty in other code."""
    found: list[tuple[nn.Module, torch.Tensor]] = []
    while traceback is not None:
        frame = traceback.tb_frame
        if isinstance(frame.f_locals.get("self"), nn.Module) and frame.f_code.co_name == "forward":
            inner = _layer_and_input(frame)
            found = [] if inner is None else [*found, inner]
        traceback = traceback.tb_next
    return found


def _layer_and_input(frame: FrameType) -> tuple[nn.Module, torch.Tensor] | None:
    if TORCH_LAYERS not in frame.f_code.co_filename.replace("\\", "/"):
        return None
    given = next((frame.f_locals[name] for name in INPUTS if name in frame.f_locals), None)
    return (frame.f_locals["self"], given) if isinstance(given, torch.Tensor) else None


def _is_same(part: torch.Tensor, given: torch.Tensor) -> bool:
    """True if a layer was given this very input, not something computed from it."""
    alike = part.shape == given.shape and part.dtype == given.dtype
    return part is given or (alike and part.data_ptr() == given.data_ptr())


def _misfit_of(layer: nn.Module, given: torch.Tensor) -> Misfit | None:
    """What is wrong with the input of a layer, None if this is unknown."""
    rule = next((rule for kinds, rule in RULES if isinstance(layer, kinds)), None)
    return None if rule is None else rule(layer, given)


def _linear(layer: Any, given: torch.Tensor) -> Misfit | None:
    wanted, shape = layer.in_features, tuple(given.shape)
    if shape and shape[-1] == wanted:
        return None
    must = f"have {count(wanted, 'column')}"
    if len(shape) > 2 and math.prod(shape[1:]) == wanted:
        return Misfit(must, "Make each sample one row: {x}.reshape(len({x}), -1).")
    if len(shape) == 1 and wanted == 1:
        return Misfit(must, "Make it one column: {x}.reshape(-1, 1).")
    if len(shape) > 2:
        must = f"have {count(wanted, 'value')} in its last axis"
    return Misfit(must, f"If these columns are right, make it {_resized(layer, shape)}.")


def _convolution(layer: Any, given: torch.Tensor) -> Misfit | None:
    shape, channels, axes = tuple(given.shape), layer.in_channels, _spatial_axes(layer)
    named = {1: "steps", 2: "height, width", 3: "depth, height, width"}[axes]
    must = f"have the shape (n, {channels}, {named}), channels first"
    if len(shape) == axes + 2 and shape[1] == channels:
        return _too_small(layer, shape)
    if len(shape) == axes + 2 and shape[-1] == channels:
        return Misfit(must, "Move the channels to the front: np.moveaxis({x}, -1, 1).")
    if len(shape) == axes + 2 and channels == 1 and shape[1] == 3:
        return Misfit(must, "Make the images grey: {x}.mean(1, keepdims=True).")
    if len(shape) == axes + 1 and channels == 1:
        return Misfit(must, "Add the channel axis: {x}[:, None].")
    if len(shape) == 2 and axes > 1:
        return Misfit(must, _from_rows(shape[1], channels, axes, named))
    return Misfit(must, f"Give {{x}} {count(channels, 'channel')} in axis 1.")


def _from_rows(values: int, channels: int, axes: int, named: str) -> str:
    """How flat rows become images again; their sides are known where they are equal."""
    side = round((values / channels) ** (1 / axes))
    sides = ", ".join([str(side)] * axes) if channels * side**axes == values else named
    return f"Give each row its shape: {{x}}.reshape(-1, {channels}, {sides})."


def _too_small(layer: Any, shape: Shape) -> Misfit | None:
    if layer.transposed or isinstance(layer.padding, str):
        return None
    least = [d * (k - 1) + 1 for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
    padded = [size + 2 * pad for size, pad in zip(shape[2:], layer.padding, strict=True)]
    if all(size >= wanted for size, wanted in zip(padded, least, strict=True)):
        return None
    needed = [max(1, wanted - 2 * pad) for wanted, pad in zip(least, layer.padding, strict=True)]
    return Misfit(
        f"have at least {' x '.join(map(str, needed))} values in each channel for the kernel of the layer",
        "Give larger samples, or the layer a smaller kernel_size.",
    )


def _recurrent(layer: Any, given: torch.Tensor) -> Misfit | None:
    shape, wanted = tuple(given.shape), layer.input_size
    order = "(n, steps, {})" if layer.batch_first else "(steps, n, {})"
    must = f"have the shape {order.format(wanted)}"
    if len(shape) in (2, 3) and shape[-1] == wanted:
        return None
    if len(shape) == 2 and wanted == 1:
        return Misfit(must, "Add the axis of features: {x}[:, :, None].")
    if len(shape) == 3 and shape[1] == wanted:
        return Misfit(must, "Swap the last two axes: np.swapaxes({x}, 1, 2).")
    return Misfit(must, f"Give each step {count(wanted, 'feature')}.")


def _normalization(layer: Any, given: torch.Tensor) -> Misfit | None:
    shape, wanted = tuple(given.shape), layer.num_channels if isinstance(layer, nn.GroupNorm) else layer.num_features
    kind = type(layer).__name__
    axes = {"1": (2, 3), "2": (4,), "3": (5,)}.get(kind[-2] if kind.endswith("d") else "", tuple(range(2, 9)))
    if len(shape) in axes and shape[1] == wanted:
        return None
    if len(shape) == axes[-1] and shape[-1] == wanted:
        remedy = "Move the channels to the front: np.moveaxis({x}, -1, 1)."
    else:
        remedy = f"Give {{x}} {count(wanted, 'channel')} in axis 1."
    if len(shape) == 2 and 2 in axes:
        return Misfit(
            f"have {count(wanted, 'column')}", f"If these columns are right, make it {_resized(layer, shape)}."
        )
    counted = "" if len(shape) in axes else " or ".join(map(str, axes)) + " axes and "
    return Misfit(f"have {counted}{count(wanted, 'channel')} in axis 1", remedy)


def _layer_norm(layer: Any, given: torch.Tensor) -> Misfit | None:
    wanted = tuple(layer.normalized_shape)
    if tuple(given.shape)[-len(wanted) :] == wanted:
        return None
    sizes = str(wanted[0]) if len(wanted) == 1 else " x ".join(map(str, wanted))
    return Misfit(f"have {sizes} values in its last axes", "Give {x} the shape that the layer was made for.")


def _attention(layer: Any, given: torch.Tensor) -> Misfit | None:
    attention = layer.self_attn if isinstance(layer, nn.TransformerEncoderLayer) else layer
    if given.ndim in (2, 3) and given.shape[-1] == attention.embed_dim:
        return None
    return Misfit(
        f"have {count(attention.embed_dim, 'value')} in its last axis",
        "Give each step the width that the layer was made for.",
    )


def _embedding(layer: Any, given: torch.Tensor) -> Misfit | None:
    if given.is_floating_point():
        return None
    outside = (given < 0) | (given >= layer.num_embeddings)
    if not bool(outside.any()):
        return None
    return wrong_ids(layer, given[outside].flatten()[0].item(), int(outside.nonzero()[0, 0]) if given.ndim else 0)


def wrong_ids(layer: Any, value: int | float, row: int) -> Misfit:
    """The misfit of an id that an Embedding does not have."""
    size = layer.num_embeddings
    found = f"{value} in row {row}"
    if value < 0:
        return Misfit(f"hold ids 0 to {size - 1}", "Give missing values an id of their own, such as 0.", found)
    if value == size:
        return Misfit(f"hold ids 0 to {size - 1}", f"Ids count from 0: make it Embedding({size + 1}, …).", found)
    return Misfit(f"hold ids 0 to {size - 1}", "Give words that are not in the vocabulary one id of it.", found)


def _inner_remedy(layer: Any, given: torch.Tensor) -> str:
    if isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.RNNBase)) and given.ndim > 1:
        return f"If the data is right, make it {_resized(layer, tuple(given.shape))}."
    return "Give the layer the sizes of what the layers before it make."


def _resized(layer: Any, shape: Shape) -> str:
    """The layer as it would be for inputs of this shape."""
    kind = type(layer).__name__.removeprefix("NonDynamicallyQuantizable")
    width = shape[1] if hasattr(layer, "in_channels") and len(shape) > 1 else shape[-1] if shape else 1
    return f"{kind}({width}, …)"


def _sized(layer: Any) -> str:
    """The class of a layer with its first sizes, as in code."""
    kind = type(layer).__name__.removeprefix("NonDynamicallyQuantizable")
    pairs = (
        ("in_features", "out_features"),
        ("in_channels", "out_channels"),
        ("input_size", "hidden_size"),
        ("num_embeddings", "embedding_dim"),
        ("embed_dim", "num_heads"),
    )
    for first, second in pairs:
        if hasattr(layer, first) and hasattr(layer, second):
            return f"{kind}({getattr(layer, first)}, {getattr(layer, second)})"
    alone = next((name for name in ("num_features", "num_channels") if hasattr(layer, name)), None)
    return kind if alone is None else f"{kind}({getattr(layer, alone)})"


def _spatial_axes(layer: Any) -> int:
    return len(layer.kernel_size)


Rule = Callable[[Any, torch.Tensor], Misfit | None]

RULES: tuple[tuple[Any, Rule], ...] = (
    (nn.Linear, _linear),
    (CONVOLUTIONS, _convolution),
    (nn.RNNBase, _recurrent),
    (NORMALIZATIONS, _normalization),
    (nn.LayerNorm, _layer_norm),
    ((nn.MultiheadAttention, nn.TransformerEncoderLayer), _attention),
    (nn.Embedding, _embedding),
)
