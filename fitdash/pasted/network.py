"""The network that layers describe, where it is a stack of equal hidden layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fitdash.pasted.tree import Call, Items, Known, Name, resolved, told
from fitdash.pasted.values import NotUnderstood, named_one, text_of, value_for
from fitdash.spec.arg import settings_of
from fitdash.spec.network import NetworkArgs

NETWORK = settings_of(NetworkArgs)
BENDS = tuple(str(choice) for choice in NETWORK["activation"].choices)
DENSE = ("Dense", "layer_dense", "Linear")
DROPOUT = ("Dropout", "layer_dropout")
BEND = ("Activation", "layer_activation")
FRAME: tuple[str, ...] = (
    "Input",
    "InputLayer",
    "layer_input",
    "keras_model_sequential",
    "Sequential",
    "keras_model",
    "Model",
    "Flatten",
)
FRAME += ("layer_flatten", "Softmax", "Sigmoid", "layer_activation_softmax", "layer_activation_sigmoid")
OWN_BENDS = {f"layer_activation_{bend}": bend for bend in BENDS} | {"swish": "silu"}
STRANGE = ("layer_", "Conv", "LSTM", "GRU", "Embedding", "BatchNorm", "MaxPool", "GlobalAverage", "SimpleRNN")


@dataclass
class Layer:
    """A hidden layer while it is read."""

    width: Any
    bend: Any = "linear"
    dropout: Any = 0.0


@dataclass
class Layers:
    """Layers as they come.

    Attributes:
        found: The fully connected ones.
        strange: What has no place in the network of the form.
    """

    found: list[Layer] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    def add(self, call: Call, known: Known) -> bool:
        """Take a call that makes a layer; whether it does."""
        name = call.name
        given = {one.name: resolved(one.value, known) for one in call.given if one.name is not None}
        places = [resolved(one.value, known) for one in call.given if one.name is None]
        if name.startswith("layer_") and places and isinstance(places[0], Name | Call):
            places = places[1:]  # R's own object, where there is no pipe
        if name in DENSE:
            self._dense(name, given, places)
        elif name in DROPOUT:
            self._on_last("dropout", given.get("rate", given.get("p", next(iter(places), None))))
        elif name in BEND:
            self._on_last("bend", _bend(given.get("activation", next(iter(places), None))))
        elif name in OWN_BENDS or (call.on is not None and named_one(name, BENDS) and not places):
            self._on_last("bend", OWN_BENDS.get(name) or named_one(name, BENDS))
        elif name in FRAME:
            return name in ("Sequential", "keras_model_sequential")
        elif name.startswith(STRANGE):
            self.strange.append(f"model: {told(Call(name, call.given))} has no place in this network")
        else:
            return False
        return True

    def _dense(self, name: str, given: Mapping[str, Any], places: Sequence[Any]) -> None:
        units = given.get("units", given.get("out_features", None))
        if units is None:
            order = places[1:] if name == "Linear" else places
            units = order[0] if order else None
        bend = given.get("activation", places[1] if len(places) > 1 and name != "Linear" else None)
        self.found.append(Layer(width=units, bend=_bend(bend)))

    def _on_last(self, what: str, value: Any) -> None:
        if self.found:
            setattr(self.found[-1], what, value)
        else:
            self.strange.append(f"model: {what} {told(value)} before the first hidden layer")

    def settings(self) -> tuple[dict[str, Any], list[str]]:
        """The settings of the network by address, and what could not be taken over."""
        hidden, complaints = self.found[:-1], list(self.strange)
        settings: dict[str, Any] = {"network.depth": len(hidden)} if self.found else {}
        for name, attribute in (("width", "width"), ("activation", "bend"), ("dropout", "dropout")):
            values = list(dict.fromkeys(map(_hashable, (getattr(layer, attribute) for layer in hidden))))
            if len(values) > 1:
                several = ", ".join(told(value) for value in values)
                complaints.append(f"model: {name} is {several}, and here the same in every hidden layer")
            elif values:
                try:
                    settings[f"network.{name}"] = value_for(NETWORK[name], values[0])
                except NotUnderstood as reason:
                    complaints.append(f"model: {reason}")
        return settings, complaints


def _bend(value: Any) -> Any:
    """The activation that is meant."""
    if value is None:
        return "linear"
    name = text_of(value, "activation_")
    if name is None:
        return value
    return OWN_BENDS.get(name) or named_one(name, BENDS) or value


def _hashable(value: Any) -> Any:
    return told(value) if isinstance(value, Items | Call) else value
