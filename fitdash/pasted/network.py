"""Builds network settings from pasted layers: a preset where all hidden layers are alike, else a layer list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from fitdash.pasted.layers import KIND_OF, read_layer
from fitdash.pasted.syntax_tree import Call, Items, KnownValues, Name, quote_value, resolve_variable
from fitdash.pasted.values import NotUnderstood, extract_name, match_name, value_for
from fitdash.settings.declaration import settings_of
from fitdash.settings.layer_list import as_layer_list
from fitdash.settings.layers import ActivationArgs, ConvolutionArgs, DenseArgs, FlattenArgs, LayerArgs, PoolingArgs
from fitdash.settings.network import LAYER_LIST, NetworkArgs

NETWORK = settings_of(NetworkArgs)
BENDS = tuple(str(choice) for choice in NETWORK["activation"].choices)
WIDTHS = {"units": 0, "filters": 0, "out_features": 1, "out_channels": 1, "hidden_size": 1}
"""Arguments that hold the width of a layer, each with its index among the positional arguments."""
DENSE = {"Dense": "units", "layer_dense": "units", "Linear": "out_features"}
CONVOLUTIONS = {"Conv2D": "filters", "Convolution2D": "filters", "layer_conv_2d": "filters", "Conv2d": "out_channels"}
MEMORIES = {"GRU": "gru", "layer_gru": "gru", "LSTM": "lstm", "layer_lstm": "lstm"}
DROPOUT = ("Dropout", "layer_dropout")
BEND = ("Activation", "layer_activation")
MODELS = ("keras_model", "Model")
FRAME: tuple[str, ...] = ("InputLayer", "keras_model_sequential", "Sequential", "Flatten", "layer_flatten", "Unflatten")
FRAME += ("Softmax", "Sigmoid", "layer_activation_softmax", "layer_activation_sigmoid", "Reshape", "layer_reshape")
FRAME += ("MaxPooling2D", "MaxPool2D", "MaxPool2d", "layer_max_pooling_2d")
INPUTS = ("Input", "layer_input")
JOINTS = ("Concatenate", "concatenate", "layer_concatenate", "cat")
OWN_BENDS = {f"layer_activation_{bend}": bend for bend in BENDS} | {"swish": "silu"}
STRANGE: tuple[str, ...] = (
    "layer_",
    "Conv",
    "Embedding",
    "BatchNorm",
    "AveragePool",
    "GlobalAverage",
    "GlobalMax",
    "SimpleRNN",
    "TimeDis",
)
STRANGE += ("TimeDis", "Bidirectional", "MultiHead")


@dataclass
class PastedLayer:
    """A layer with weights, to which a later call may add its activation or dropout."""

    width: Any
    bend: Any = "linear"
    dropout: Any = 0.0
    kind: str = "dense"


@dataclass
class LayerCollector:
    """Collects the layers of a pasted program, in order.

    Attributes:
        found: Layers with weights.
        strange: Sentences about what no preset of the form can express.
        inputs, outputs: How many inputs and outputs the model names.
        is_joined: Whether several inputs are concatenated.
        listed: Layers that the layer list can hold.
        is_listable: Whether those are all layers.
        left: Sentences about arguments that `listed` cannot hold, each after the index of its layer.
    """

    found: list[PastedLayer] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    inputs: int = 0
    outputs: int = 1
    is_joined: bool = False
    listed: list[LayerArgs] = field(default_factory=list)
    is_listable: bool = True
    left: list[tuple[int, str]] = field(default_factory=list)

    def add(self, call: Call, known: KnownValues) -> bool:
        """Adds the layer or input that a call makes; false if the call belongs to no network."""
        name = call.name
        given = {one.name: resolve_variable(one.value, known) for one in call.given if one.name is not None}
        places = [resolve_variable(one.value, known) for one in call.given if one.name is None]
        if name.startswith("layer_") and places and isinstance(places[0], Name | Call):
            places = places[1:]  # in R without a pipe the model or layer before comes first
        self._list(call, given, places)
        if name in DENSE or name in CONVOLUTIONS or name in MEMORIES:
            self._with_weights(call, given, places)
        elif name in DROPOUT:
            self._on_last("dropout", given.get("rate", given.get("p", next(iter(places), None))))
        elif name in BEND:
            self._on_last("bend", _bend(given.get("activation", next(iter(places), None))))
        elif name in OWN_BENDS or (call.on is not None and match_name(name, BENDS) and not places):
            self._on_last("bend", OWN_BENDS.get(name) or match_name(name, BENDS))
        else:
            return self._around(call, given, places)
        return True

    def _list(self, call: Call, given: Mapping[Any, Any], places: Sequence[Any]) -> None:
        """Adds the layer to the list; an activation module of torch goes into the layer before it."""
        made, left = read_layer(call, given, places)
        self.left += [(len(self.listed), text) for text in left]
        self.is_listable &= made is not None or not left
        if made is None:
            return
        if isinstance(made, ActivationArgs) and quote_value(call.on) == "nn":
            self.listed = _merged([*self.listed, made])
        else:
            self.listed.append(made)

    def _around(self, call: Call, given: Mapping[str, Any], places: Sequence[Any]) -> bool:
        """Reads calls that make no layer with weights: inputs, concatenations, the model itself."""
        name = call.name
        if name in INPUTS:
            self.inputs += 1
        elif name in JOINTS:
            self.is_joined = name != "cat"
        elif name in MODELS:
            outputs = given.get("outputs", places[1] if len(places) > 1 else None)
            self.outputs = len(outputs.given) if isinstance(outputs, Items) else 1
        elif name.startswith(STRANGE) and name not in FRAME:
            self.strange.append(f"model: {quote_value(Call(name, call.given))} has no place in this network")
            self.is_listable &= name in KIND_OF
        else:
            return name in FRAME or name in KIND_OF
        return True

    def _with_weights(self, call: Call, given: Mapping[str, Any], places: Sequence[Any]) -> None:
        name = call.name
        is_torch = call.on is not None and quote_value(call.on) == "nn" or "batch_first" in given
        kind = "cnn" if name in CONVOLUTIONS else MEMORIES.get(name, "dense")
        called = DENSE.get(name) or CONVOLUTIONS.get(name) or ("hidden_size" if is_torch else "units")
        place = WIDTHS[called]
        width = given.get(called, places[place] if len(places) > place else None)
        by_place = places[1] if kind == "dense" and not is_torch and len(places) > 1 else None
        bend = given.get("activation", by_place)
        self.found.append(PastedLayer(width=width, bend=_bend(bend), kind=kind))
        size = given.get("kernel_size", places[place + 1] if kind == "cnn" and len(places) > place + 1 else 3)
        if kind == "cnn" and size != 3 and not (isinstance(size, Items) and set(size.values) == {3}):
            self.strange.append(f"model: kernel_size is {quote_value(size)}, and here 3")

    def _on_last(self, what: str, value: Any) -> None:
        if self.found:
            setattr(self.found[-1], what, value)
        else:
            self.strange.append(f"model: {what} {quote_value(value)} before the first hidden layer")

    def settings(self) -> tuple[dict[str, Any], list[str]]:
        """The settings of the network by address, and sentences about what could not be taken over."""
        settings, complaints = self._preset()
        before = self._before_output()
        if before is None or settings.get("network.kind") in ("branches", "heads"):
            return settings, complaints
        if not complaints and _is_like(settings, before):
            return settings, complaints
        return {"network.kind": LAYER_LIST, "network.layers": tuple(before)}, [
            text for place, text in self.left if place < len(before)
        ]

    def _before_output(self) -> list[LayerArgs] | None:
        """The layers before the output layer; None where the network is no sequence of listable layers."""
        dense = [place for place, args in enumerate(self.listed) if isinstance(args, DenseArgs)]
        is_one = self.is_listable and self.inputs <= 1 and self.outputs == 1 and not self.is_joined
        if not dense or not is_one or any(not isinstance(one, ActivationArgs) for one in self.listed[dense[-1] + 1 :]):
            return None
        return self.listed[: dense[-1]]

    def _preset(self) -> tuple[dict[str, Any], list[str]]:
        """The settings of the nearest preset, and sentences about what it cannot express."""
        if not self.found:
            return {}, list(self.strange)
        kind, hidden, depth = self._kind()
        complaints = list(self.strange)
        settings: dict[str, Any] = {"network.kind": kind, "network.depth": depth}
        names = {"width": "width", "activation": "bend", "dropout": "dropout"}
        for name, attribute in names.items():
            if name == "activation" and kind in MEMORIES.values():
                continue
            values = list(dict.fromkeys(map(_hashable, (getattr(layer, attribute) for layer in hidden))))
            if len(values) > 1:
                several = ", ".join(quote_value(value) for value in values)
                complaints.append(f"model: {name} is {several}, and here the same in every hidden layer")
            elif values:
                try:
                    settings[f"network.{name}"] = value_for(NETWORK[name], values[0])
                except NotUnderstood as reason:
                    complaints.append(f"model: {reason}")
        return settings, complaints + self._left(kind, hidden)

    def _kind(self) -> tuple[str, list[PastedLayer], int]:
        """The kind of network, its hidden layers, and its depth."""
        special = next((layer.kind for layer in self.found if layer.kind != "dense"), None)
        if special is not None:
            hidden = [layer for layer in self.found if layer.kind == special]
            return special, hidden, len(hidden)
        if self.is_joined and self.inputs > 1:
            hidden = self.found[:-1]
            return "branches", hidden, max(0, len(hidden) - 1) // self.inputs
        hidden = self.found[: len(self.found) - self.outputs]
        return ("heads" if self.outputs > 1 else "mlp"), hidden, len(hidden)

    def _left(self, kind: str, hidden: Sequence[PastedLayer]) -> list[str]:
        """Sentences about layers of another kind before the output layer."""
        if kind in ("mlp", "branches", "heads"):
            return []
        others = [layer for layer in self.found[:-1] if layer not in hidden]
        return [f"model: a layer of {quote_value(layer.width)} has no place in a {kind}" for layer in others]


def _is_like(settings: Mapping[str, Any], listed: Sequence[LayerArgs]) -> bool:
    """Whether a preset has these layers, apart from pooling: where a cnn halves the image depends on its size."""
    given = {address.removeprefix("network."): value for address, value in settings.items()}
    preset = as_layer_list(NetworkArgs(**given), None)
    return preset is not None and _without_pooling(preset.layers) == _without_pooling(_merged(listed))


def _without_pooling(layers: Sequence[LayerArgs]) -> list[LayerArgs]:
    return [one for one in layers if not isinstance(one, FlattenArgs) and one != PoolingArgs()]


def _merged(layers: Sequence[LayerArgs]) -> list[LayerArgs]:
    """The layers with each activation moved into the Dense or Conv2D layer right before it, if that has none."""
    merged: list[LayerArgs] = []
    for one in layers:
        before = merged[-1] if merged else None
        is_bare = isinstance(before, DenseArgs | ConvolutionArgs) and before.activation == "linear"
        if isinstance(one, ActivationArgs) and is_bare:
            merged[-1] = replace(cast(Any, before), activation=one.activation)
        else:
            merged.append(one)
    return merged


def _bend(value: Any) -> Any:
    """The name of an activation as the form has it; any other value as it is."""
    if value is None:
        return "linear"
    name = extract_name(value, "activation_")
    if name is None:
        return value
    return OWN_BENDS.get(name) or match_name(name, BENDS) or value


def _hashable(value: Any) -> Any:
    return quote_value(value) if isinstance(value, Items | Call) else value
