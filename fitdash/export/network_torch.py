"""Writes the network in plain torch, with its layers in the order in which fitdash draws their weights."""

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import indent
from typing import Any

from fitdash.export.code_format import format_call, python_literal
from fitdash.export.resolved_experiment import ResolvedExperiment
from fitdash.settings.layers import EPSILON, IMAGE, PlacedLayer
from fitdash.settings.network import LAYER_LIST, layers_in, pooled_sizes, size_before_output

ACTIVATIONS = {
    "relu": "nn.ReLU()",
    "tanh": "nn.Tanh()",
    "sigmoid": "nn.Sigmoid()",
    "gelu": "nn.GELU()",
    "silu": "nn.SiLU()",
    "elu": "nn.ELU()",
    "softmax": "nn.Softmax(dim=-1)",
}


@dataclass(frozen=True, kw_only=True)
class NetworkCode:
    """The source text of a network.

    Attributes:
        imports: Import lines besides fitdash and `torch.nn`.
        definitions: Definitions of classes.
        lines: Lines that make the network.
    """

    lines: list[str]
    definitions: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()


def torch_network(recipe: ResolvedExperiment) -> NetworkCode:
    """The source text of the network, which is assigned to `network`."""
    return KINDS[recipe.kind](recipe)


def layers(recipe: ResolvedExperiment) -> list[str]:
    """The modules of an MLP, in order."""
    net = recipe.experiment.network
    size = "x.shape[1]" if recipe.inputs is None else str(recipe.inputs)
    return [*_hidden(recipe, size, net.depth), *_output(recipe, str(net.width) if net.depth else size)]


def _stack(modules: list[str]) -> list[str]:
    return [f"network = {format_call('nn.Sequential', modules)}"]


def _mlp(recipe: ResolvedExperiment) -> NetworkCode:
    return NetworkCode(lines=_stack(layers(recipe)))


def _cnn(recipe: ResolvedExperiment) -> NetworkCode:
    net, size = recipe.experiment.network, recipe.shape.image or (1, recipe.shape.inputs)
    modules, channels = [f"nn.Unflatten(1, (1, {size[0]}, {size[1]}))"], 1
    for after in pooled_sizes(size, net.depth):
        modules += [f"nn.Conv2d({channels}, {net.width}, 3, padding=1)", *_activation_and_dropout(recipe)]
        modules += ["nn.MaxPool2d(2)"] if after != size else []
        channels, size = net.width, after
    return NetworkCode(lines=_stack([*modules, "nn.Flatten()", *_output(recipe, str(channels * size[0] * size[1]))]))


def _recurrent(recipe: ResolvedExperiment) -> NetworkCode:
    net, size = recipe.experiment.network, str(recipe.shape.inputs)
    modules = []
    for _ in range(net.depth):
        modules.append(f"{recipe.kind.upper()}({size}, {net.width}, batch_first=True)")
        modules += [f"nn.Dropout({net.dropout!r})"] if net.dropout else []
        size = str(net.width)
    definition = _sequence_alone(recipe.kind.upper())
    return NetworkCode(lines=_stack([*modules, *_output(recipe, size)]), definitions=(definition,) if net.depth else ())


def _sequence_alone(kind: str) -> str:
    """The class of a recurrent layer that returns its output sequence without its state."""
    return f"class {kind}(nn.{kind}):\n    def forward(self, x):\n        return super().forward(x)[0]"


def _listed(recipe: ResolvedExperiment) -> NetworkCode:
    net, shape = recipe.experiment.network, recipe.shape
    places = layers_in(net, shape)
    is_image = bool(places) and len(places[0].before) == IMAGE
    modules = [f"nn.Unflatten(1, {places[0].before})"] if is_image else []
    kinds = {one.args.kind for one in places} & {"GRU", "LSTM"}
    # Where the encoder learns its columns from a file, the script counts them itself; they are the input size of every
    # layer up to the first Dense one, which has units of its own.
    size = "x.shape[1]" if recipe.inputs is None else ""
    for one in places:
        modules += _module_of(one, size or str(one.before[-1]))
        size = "" if one.args.kind == "Dense" else size
    end = size or str(size_before_output(net, shape)[-1])
    return NetworkCode(
        lines=_stack([*modules, *_output(recipe, end)]), definitions=tuple(map(_sequence_alone, sorted(kinds)))
    )


def _module_of(one: PlacedLayer, size: str) -> list[str]:
    """An entry of the layer list, followed by its activation."""
    args: Any = one.args
    activation = ACTIVATIONS.get(getattr(args, "activation", "linear"))
    layer = [LAYERS[args.kind](one, size)] if args.kind in LAYERS else []
    return layer + ([activation] if activation else [])


def _linear(one: PlacedLayer, size: str) -> str:
    args: Any = one.args
    return f"nn.Linear({size}, {args.units})"


def _recurrent_layer(one: PlacedLayer, size: str) -> str:
    args: Any = one.args
    return f"{args.kind}({size}, {args.units}, batch_first=True)"


def _dropout(one: PlacedLayer, size: str) -> str:
    args: Any = one.args
    return f"nn.Dropout({args.rate!r})"


def _pooling(one: PlacedLayer, size: str) -> str:
    args: Any = one.args
    return f"nn.MaxPool2d({args.pool_size})"


def _batch_normalization(one: PlacedLayer, size: str) -> str:
    args: Any = one.args
    name, size = ("BatchNorm2d", str(one.before[0])) if len(one.before) == IMAGE else ("BatchNorm1d", size)
    return f"nn.{name}({size}, eps={EPSILON}, momentum={args.share!r})"


def _convolution(one: PlacedLayer, size: str) -> str:
    args: Any = one.args
    zeros = f", padding={args.edge}" if args.edge else ""
    return f"nn.Conv2d({one.before[0]}, {args.filters}, {args.kernel_size}{zeros})"


def _branches(recipe: ResolvedExperiment) -> NetworkCode:
    net, parts = recipe.experiment.network, recipe.shape.parts
    joined = len(parts) * net.width
    together = [*_hidden(recipe, str(joined), 1), *_output(recipe, str(net.width))]
    together = together if net.depth else _output(recipe, str(recipe.shape.inputs))
    made = [
        f"self.{name} = {format_call('nn.Sequential', _hidden(recipe, str(size), net.depth))}" for name, size in parts
    ]
    made.append(f"self.together = {format_call('nn.Sequential', together)}")
    names = [name for name, _ in parts]
    found = f"[{', '.join(f'self.{name}({name})' for name in names)}]"
    forward = f"return self.together(torch.cat({found}, dim=-1))"
    definition = _module("Branches", made, ", ".join(names), forward)
    return NetworkCode(lines=["network = Branches()"], definitions=(definition,), imports=("import torch",))


def _heads(recipe: ResolvedExperiment) -> NetworkCode:
    net, shape = recipe.experiment.network, recipe.shape
    last = str(net.width if net.depth else shape.inputs)
    end = _output(recipe, last)
    head = end[0] if len(end) == 1 else format_call("nn.Sequential", end)
    made = [
        f"heads = {{name: {head} for name in {python_literal(list(shape.outputs))}}}",
        f"self.trunk = {format_call('nn.Sequential', _hidden(recipe, str(shape.inputs), net.depth))}",
        "self.heads = nn.ModuleDict(heads)",
    ]
    forward = "found = self.trunk(x)\nreturn {name: head(found) for name, head in self.heads.items()}"
    return NetworkCode(lines=["network = Heads()"], definitions=(_module("Heads", made, "x", forward),))


def _module(name: str, made: list[str], arguments: str, forward: str) -> str:
    """The definition of a module class."""
    begin = indent("\n".join(["super().__init__()", *made]), " " * 8)
    body = indent(forward, " " * 8)
    return f"class {name}(nn.Module):\n    def __init__(self):\n{begin}\n\n    def forward(self, {arguments}):\n{body}"


def _hidden(recipe: ResolvedExperiment, size: str, depth: int) -> list[str]:
    width = recipe.experiment.network.width
    modules: list[str] = []
    for _ in range(depth):
        modules += [f"nn.Linear({size}, {width})", *_activation_and_dropout(recipe)]
        size = str(width)
    return modules


def _activation_and_dropout(recipe: ResolvedExperiment) -> list[str]:
    """The activation and the dropout after a hidden layer."""
    net = recipe.experiment.network
    activation = [ACTIVATIONS[net.activation]] if net.activation in ACTIVATIONS else []
    return activation + ([f"nn.Dropout({net.dropout!r})"] if net.dropout else [])


def _output(recipe: ResolvedExperiment, size: str) -> list[str]:
    output = recipe.output
    ending = [ACTIVATIONS[output.activation]] if output.activation in ACTIVATIONS else []
    return [f"nn.Linear({size}, {output.units})", *ending]


LAYERS: dict[str, Callable[[PlacedLayer, str], str]] = {
    "Dense": _linear,
    "Dropout": _dropout,
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": lambda one, size: f"nn.LayerNorm({size}, eps={EPSILON})",
    "Conv2D": _convolution,
    "MaxPooling2D": _pooling,
    "Flatten": lambda one, size: "nn.Flatten()",
    "GRU": _recurrent_layer,
    "LSTM": _recurrent_layer,
}
KINDS: dict[str, Callable[[ResolvedExperiment], NetworkCode]] = {
    "mlp": _mlp,
    "cnn": _cnn,
    "gru": _recurrent,
    "lstm": _recurrent,
    "branches": _branches,
    "heads": _heads,
    LAYER_LIST: _listed,
}
