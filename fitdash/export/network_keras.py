"""Writes the network in Keras: a Sequential model, or a functional one with named inputs or outputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fitdash.export.code_format import format_call, format_keywords, format_list, python_literal
from fitdash.export.resolved_experiment import ResolvedExperiment
from fitdash.settings.declaration import non_default_settings, settings_of
from fitdash.settings.layers import IMAGE, LayerArgs
from fitdash.settings.network import LAYER_LIST, layers_in, pooled_sizes


@dataclass(frozen=True, kw_only=True)
class KerasLayer:
    """A layer in the terms that Keras in Python and in R share.

    Attributes:
        kind: Dense, Conv2D, …
        settings: Its arguments; in Python the first one is written without its name.
    """

    kind: str
    settings: dict[str, Any]


def sequential_layers(recipe: ResolvedExperiment) -> list[KerasLayer]:
    """The layers after the input, for a network of one input and one output."""
    net = recipe.experiment.network
    if recipe.kind == LAYER_LIST:
        return _listed(recipe)
    if recipe.kind == "cnn":
        return _convolutions(recipe)
    if recipe.kind in ("gru", "lstm"):
        layer = KerasLayer(kind=recipe.kind.upper(), settings={"units": net.width, "return_sequences": True})
        return [*[layer, *dropout(recipe)] * net.depth, output_layer(recipe)]
    return [*hidden_layers(recipe, net.depth), output_layer(recipe)]


def hidden_layers(recipe: ResolvedExperiment, depth: int) -> list[KerasLayer]:
    """`depth` fully connected layers, each with its dropout."""
    settings = {"units": recipe.experiment.network.width} | _activation(recipe)
    return [KerasLayer(kind="Dense", settings=settings), *dropout(recipe)] * depth


def dropout(recipe: ResolvedExperiment) -> list[KerasLayer]:
    """The dropout layer after a hidden layer; empty without dropout."""
    share = recipe.experiment.network.dropout
    return [KerasLayer(kind="Dropout", settings={"rate": share})] if share else []


def output_layer(recipe: ResolvedExperiment) -> KerasLayer:
    """The output layer with its activation."""
    output = recipe.output
    activation = {} if output.activation == "linear" else {"activation": output.activation}
    return KerasLayer(kind="Dense", settings={"units": output.units} | activation)


def _activation(recipe: ResolvedExperiment) -> dict[str, Any]:
    activation = recipe.experiment.network.activation
    return {} if activation == "linear" else {"activation": activation}


def _convolutions(recipe: ResolvedExperiment) -> list[KerasLayer]:
    net, size = recipe.experiment.network, recipe.shape.image or (1, recipe.shape.inputs)
    layers = [KerasLayer(kind="Reshape", settings={"target_shape": (*size, 1)})]
    window = {"filters": net.width, "kernel_size": 3, "padding": "same"} | _activation(recipe)
    for after in pooled_sizes(size, net.depth):
        layers += [KerasLayer(kind="Conv2D", settings=window), *dropout(recipe)]
        layers += [KerasLayer(kind="MaxPooling2D", settings={"pool_size": 2})] if after != size else []
        size = after
    return [*layers, KerasLayer(kind="Flatten", settings={}), output_layer(recipe)]


def _listed(recipe: ResolvedExperiment) -> list[KerasLayer]:
    places = layers_in(recipe.experiment.network, recipe.shape)
    is_image = places and len(places[0].before) == IMAGE
    begin = [KerasLayer(kind="Reshape", settings={"target_shape": (*places[0].before[1:], 1)})] if is_image else []
    return [*begin, *(_to_keras(one.args) for one in places), output_layer(recipe)]


def _to_keras(args: LayerArgs) -> KerasLayer:
    """An entry of the layer list, with its required arguments and those that differ from Keras' defaults."""
    given: dict[str, Any] = {name: getattr(args, name) for name in settings_of(type(args))}
    if args.kind == "BatchNormalization":
        given = non_default_settings(args)
    if args.kind != "Activation":
        given = {name: value for name, value in given.items() if (name, value) not in KERAS_DEFAULTS}
    return KerasLayer(kind=args.kind, settings=given | ({"return_sequences": True} if args.kind in RECURRENT else {}))


def keras_network(recipe: ResolvedExperiment) -> list[str]:
    """Lines that define `model`."""
    if recipe.kind in ("branches", "heads"):
        return BY_NAME[recipe.kind](recipe)
    layers = format_list([_input(recipe), *map(_layer, sequential_layers(recipe))])
    return [f"model = {format_call('keras.Sequential', [layers])}"]


def _branches(recipe: ResolvedExperiment) -> list[str]:
    net = recipe.experiment.network
    names = [name for name, _ in recipe.shape.parts]
    lines = [f"{name} = keras.Input(({size},), name={name!r})" for name, size in recipe.shape.parts]
    lines = [line.replace("'", '"') for line in lines]
    ends = {name: _through(hidden_layers(recipe, net.depth), name, f"{name}_end", lines) for name in names}
    lines.append(f"together = keras.layers.Concatenate()([{', '.join(ends.values())}])")
    after = [*(hidden_layers(recipe, 1) if net.depth else []), output_layer(recipe)]
    answer = _through(after, "together", "together", lines)
    return [*lines, f"model = keras.Model([{', '.join(names)}], {answer})"]


def _heads(recipe: ResolvedExperiment) -> list[str]:
    lines = [f"inputs = {_input(recipe)}"]
    trunk = _through(hidden_layers(recipe, recipe.experiment.network.depth), "inputs", "trunk", lines)
    last = _layer(output_layer(recipe)).removesuffix(")")
    heads = [f'"{name}": {last}, name="{name}")({trunk})' for name in recipe.shape.outputs]
    outputs = "{\n" + "".join(f"    {head},\n" for head in heads) + "}"
    return [*lines, f"model = keras.Model(inputs, {outputs})"]


def _through(layers: Sequence[KerasLayer], begin: str, name: str, lines: list[str]) -> str:
    """Appends a line per layer that calls it on `begin`; gives the name of the last output."""
    for layer in layers:
        lines.append(f"{name} = {_layer(layer)}({begin})")
        begin = name
    return begin


def _input(recipe: ResolvedExperiment) -> str:
    steps, inputs = recipe.shape.steps, recipe.inputs
    if steps is not None:
        return f"keras.Input(({steps}, {recipe.shape.inputs}))"
    return f"keras.Input({'x.shape[1:]' if inputs is None else f'({inputs},)'})"


def _layer(layer: KerasLayer) -> str:
    if layer.kind in NAMED:
        return format_call(f"keras.layers.{layer.kind}", format_keywords(layer.settings))
    first, *others = layer.settings.items() if layer.settings else [("", None)]
    value = [] if not layer.settings else [python_literal(first[1]) if isinstance(first[1], str) else str(first[1])]
    return format_call(f"keras.layers.{layer.kind}", [*value, *format_keywords(dict(others))])


RECURRENT = ("GRU", "LSTM")
KERAS_DEFAULTS = (("activation", "linear"), ("padding", "valid"))
NAMED = ("BatchNormalization",)
"""Layers that are written with every argument named, because Keras has another first argument."""

BY_NAME = {"branches": _branches, "heads": _heads}
