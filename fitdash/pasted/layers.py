"""Reads one call of Keras, torch or R as an entry of the form's layer list."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fitdash.pasted.syntax_tree import Call, Items, quote_value
from fitdash.pasted.values import NotUnderstood, extract_name, match_name, value_for
from fitdash.settings.declaration import Setting, settings_of
from fitdash.settings.layers import EPSILON, LAYERS, ActivationArgs, ActivationName, LayerArgs
from fitdash.settings.type_checks import literal_values

BENDS = tuple(str(one) for one in literal_values(ActivationName))
KINDS = {
    "Dense": ("Dense", "layer_dense", "Linear"),
    "Dropout": ("Dropout", "layer_dropout"),
    "Activation": ("Activation", "layer_activation"),
    "BatchNormalization": ("BatchNormalization", "layer_batch_normalization", "BatchNorm1d", "BatchNorm2d"),
    "LayerNormalization": ("LayerNormalization", "layer_layer_normalization", "LayerNorm"),
    "Conv2D": ("Conv2D", "Convolution2D", "layer_conv_2d", "Conv2d"),
    "MaxPooling2D": ("MaxPooling2D", "MaxPool2D", "layer_max_pooling_2d", "MaxPool2d"),
    "Flatten": ("Flatten", "layer_flatten"),
    "GRU": ("GRU", "layer_gru"),
    "LSTM": ("LSTM", "layer_lstm"),
}
KIND_OF = {name: kind for kind, names in KINDS.items() for name in names}
PLACES: dict[str, tuple[str, ...]] = {
    "Dense": ("units", "activation"),
    "Conv2D": ("filters", "kernel_size"),
    "Dropout": ("rate",),
    "Activation": ("activation",),
    "MaxPooling2D": ("pool_size",),
    "GRU": ("units",),
    "LSTM": ("units",),
}
TORCH_PLACES: dict[str, tuple[str, ...]] = {
    "Linear": ("", "units"),
    "Conv2d": ("", "filters", "kernel_size"),
    "BatchNorm1d": ("",),
    "BatchNorm2d": ("",),
    "LayerNorm": ("",),
    "GRU": ("", "units"),
    "LSTM": ("", "units"),
}
TORCH_NAMES = {
    "out_features": "units",
    "out_channels": "filters",
    "hidden_size": "units",
    "p": "rate",
    "eps": "epsilon",
}
UNSAID: tuple[str, ...] = ("", "input_shape", "input_dim", "batch_input_shape", "name", "dtype", "object")
UNSAID += ("batch_first", "return_sequences")
UNSAID += ("in_features", "in_channels", "input_size", "num_features", "normalized_shape")
OTHER_BENDS = {f"layer_activation_{bend}": bend for bend in BENDS} | {"swish": "silu"}


def read_layer(call: Call, given: Mapping[Any, Any], places: Sequence[Any]) -> tuple[LayerArgs | None, list[str]]:
    """The layer, or None if the layer list has none like it, and sentences about arguments that it cannot hold.

    Args:
        call: The call.
        given, places: Its named arguments, and its positional ones.
    """
    kind = KIND_OF.get(call.name)
    if kind is None:
        is_bend = call.on is not None and not places
        bend: Any = OTHER_BENDS.get(call.name) or (match_name(call.name, BENDS) if is_bend else None)
        return (None if bend is None else ActivationArgs(activation=bend), [])
    is_torch = (call.on is not None and quote_value(call.on) == "nn") or "batch_first" in given
    order: tuple[str, ...] = PLACES.get(kind, ())
    order = TORCH_PLACES.get(call.name, order) if is_torch else order
    found = dict(zip(order, places, strict=False)) | {TORCH_NAMES.get(str(n), str(n)): v for n, v in given.items()}
    if kind == "Dense" or kind == "Conv2D":
        found = {"activation": "linear"} | found
    if is_torch:
        found = _as_keras(kind, found)
    elif kind == "Conv2D":
        found = {"padding": "valid"} | found
    return _made(kind, found)


def _made(kind: str, found: Mapping[str, Any]) -> tuple[LayerArgs | None, list[str]]:
    cls = LAYERS[kind]
    declared, taken, left = settings_of(cls), {}, []
    for name, value in found.items():
        if name in declared:
            try:
                taken[name] = _value(declared[name], value)
            except NotUnderstood as reason:
                if name != "activation" or isinstance(value, Call):
                    return None, [f"model: {kind} {reason}"]
                taken[name] = "linear"  # such as softmax, which is for the output layer
                left.append(f"model: {kind} {reason}")
        elif name not in UNSAID and not (name == "epsilon" and value == EPSILON):
            left.append(f"model: {kind} {name} = {quote_value(value)}")
    if kind != "Activation" and "units" in declared and "units" not in taken:
        return None, [f"model: {kind} without units"]
    return cls(**taken), left


def _value(setting: Setting, value: Any) -> Any:
    if setting.name == "activation":
        return value_for(setting, _bend(value))
    if isinstance(value, Items) and len(set(map(str, value.values))) == 1:
        value = value.values[0]  # (3, 3) is 3: height and width are equal
    return value_for(setting, value)


def _bend(value: Any) -> Any:
    """The name of an activation as the form has it; any other value as it is."""
    if value is None:
        return "linear"
    name = extract_name(value, "activation_")
    return value if name is None else OTHER_BENDS.get(name) or match_name(name, BENDS) or value


def _as_keras(kind: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of torch as Keras has them.

    padding=1 of a 3 × 3 kernel is "same"; momentum, the share of the new batch in torch, is the share of the old mean.
    """
    found = dict(found)
    if kind == "Conv2D":
        size, zeros = found.get("kernel_size"), found.get("padding", 0)
        is_same = zeros == "same" or (_is_number(size) and _is_number(zeros) and zeros and size == 2 * zeros + 1)
        found["padding"] = "same" if is_same else "valid" if zeros == 0 else zeros
    if kind == "BatchNormalization":
        momentum = found.get("momentum", 0.1)
        found["momentum"] = round(1 - momentum, 12) if _is_number(momentum) else momentum
    if kind in ("BatchNormalization", "LayerNormalization"):
        found.setdefault("epsilon", 1e-5)
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
