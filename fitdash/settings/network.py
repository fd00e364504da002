"""The settings of a network, its problems with the data, and its number of parameters."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal

from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import Arg, Condition, Settings, replace_invalid_values
from fitdash.settings.layers import (
    IMAGE,
    ActivationName,
    DropoutArgs,
    LayerArgs,
    PlacedLayer,
    describe_size,
    place_layers,
    size_before_layers,
)
from fitdash.settings.network_shape import NetworkShape, describe_data_kind, network_kinds_for, shape_of
from fitdash.settings.type_checks import short_repr

RECURRENT = ("gru", "lstm")
MOST_PARAMETERS = 100_000_000  # with gradients and two moments each, 1.6 GB
MOST_LAYERS = 100
LAYER_LIST: Final = "layers"


@dataclass(frozen=True, kw_only=True)
class NetworkArgs(Settings):
    """Which network is built, and how large."""

    section: ClassVar[str] = "network"
    conditions: ClassVar[Mapping[str, Condition]] = {
        "bends": Condition(
            holds=lambda network, facts: resolved_network_kind(network.kind, facts) not in RECURRENT,
            otherwise="No effect: kind is recurrent, and its units have bends of their own.",
        ),
        "preset": Condition(
            holds=lambda network, facts: network.kind != LAYER_LIST,
            otherwise="No effect: kind is layers, and each has settings of its own.",
        ),
    }

    kind: Annotated[
        Literal["auto", "mlp", "cnn", "gru", "lstm", "branches", "heads", "layers"],
        Arg(
            help="The family of networks: mlp is a stack of fully connected layers, cnn looks at an image through "
            "small windows, gru and lstm go through the steps of a sequence and remember, branches has a stack for "
            "each of several inputs, heads an output for each of several targets. auto takes what fits the data. "
            "layers is a list of your own.",
            plain="family",
        ),
    ] = "auto"
    width: Annotated[
        int,
        Arg(
            help="Units in each hidden layer; in a cnn channels.",
            plain="units per layer",
            minimum=1,
            maximum=65_536,
            soft=(1, 512),
            step=1,
            vary=True,
            handy=(16, 64, 256),
            needs=("preset",),
        ),
    ] = 64
    depth: Annotated[
        int,
        Arg(
            help="Number of hidden layers, in branches of each branch; with 0 the network is linear.",
            plain="hidden layers",
            minimum=0,
            maximum=1000,
            soft=(0, 10),
            step=1,
            vary=True,
            handy=(1, 2, 4),
            needs=("preset",),
        ),
    ] = 2
    activation: Annotated[
        ActivationName,
        Arg(
            help="What each hidden unit does to its sum; linear makes the whole network linear.",
            plain="bend of each unit",
            vary=True,
            needs=("preset", "bends"),
        ),
    ] = "relu"
    dropout: Annotated[
        float,
        Arg(
            help="Share of hidden units that is silenced at random in each training step. Validation uses all of them, "
            "so the training loss may stand above the validation loss.",
            plain="silenced units",
            minimum=0,
            less_than=1,
            soft=(0, 0.9),
            step=0.05,
            vary=True,
            live=True,
            needs=("preset", "depth"),
            slides=True,
        ),
    ] = 0.0

    layers: tuple[LayerArgs, ...] = ()
    """Layers of the kind "layers", in order; the output layer is added after them."""

    def faults(self, facts: DataFacts | None) -> Iterator[tuple[str, str]]:
        """A network that does not fit the data, or has too many parameters."""
        fitting = network_kinds_for(facts)
        if facts is not None and self.kind not in ("auto", *fitting):
            what = f"kind must be {' or '.join(map(repr, ('auto', *fitting)))} for {describe_data_kind(facts)}"
            yield "kind", f"{what}, got {short_repr(self.kind)}."
            return
        if self.kind == LAYER_LIST:
            yield from self._layer_faults(facts)
            return
        count = parameters_of(self, shape_of(facts))
        if count > MOST_PARAMETERS:
            most = f"{MOST_PARAMETERS:,} parameters"
            yield "width", f"width and depth must give at most {most}, got {count:,}. Lower one of them."

    def _layer_faults(self, facts: DataFacts | None) -> Iterator[tuple[str, str]]:
        """Items that are not layers, layers that cannot take their input, too many layers or parameters."""
        strange = [place for place, args in enumerate(self.layers) if not isinstance(args, LayerArgs)]
        for place in strange:
            yield f"layers.{place}", f"layers must hold settings of layers, got {short_repr(self.layers[place])}."
        if len(self.layers) > MOST_LAYERS:
            yield "layers", f"layers must be at most {MOST_LAYERS}, got {len(self.layers)}. Remove some."
        if strange or len(self.layers) > MOST_LAYERS:
            return
        shape = shape_of(facts)
        places = layers_in(self, shape)
        if facts is not None and facts.inputs is not None:
            yield from ((f"layers.{place}", one.wrong) for place, one in enumerate(places) if one.wrong is not None)
            last = size_before_output(self, shape)
            if len(last) == IMAGE:
                rule = f"The output must get numbers in a row, got {describe_size(last)}"
                yield f"layers.{len(places) - 1}", f"{rule}. Add Flatten at the end."
        count = parameters_of(self, shape)
        if count > MOST_PARAMETERS:
            most = f"{MOST_PARAMETERS:,} parameters"
            where = f"layers.{largest_layer(self, shape)}" if places else "kind"
            yield where, f"The layers must have at most {most} together, got {count:,}. Lower the largest."

    @property
    def silenced(self) -> float:
        """The largest dropout rate of the network; 0 without dropout."""
        if self.kind != LAYER_LIST:
            return self.dropout
        return max((args.rate for args in self.layers if isinstance(args, DropoutArgs)), default=0.0)


def resolved_network_kind(kind: str, facts: DataFacts | NetworkShape | None) -> str:
    """The kind that "auto" means for the data; any other kind is returned."""
    return kind if kind != "auto" else network_kinds_for(facts)[0]


def parameters_of(network: NetworkArgs, shape: NetworkShape) -> int:
    """Number of parameters of the network: weights and biases of all its layers."""
    return _COUNTS[resolved_network_kind(network.kind, shape)](network, shape)


def layers_in(network: NetworkArgs, shape: NetworkShape) -> list[PlacedLayer]:
    """The listed layers with their input and output sizes; an invalid value counts as its default."""
    layers = tuple(replace_invalid_values(args) for args in network.layers if isinstance(args, LayerArgs))
    begin = size_before_layers(layers, shape.inputs, shape.steps, shape.image)
    return list(place_layers(layers, begin, is_image=shape.image is not None))


def size_before_output(network: NetworkArgs, shape: NetworkShape) -> tuple[int, ...]:
    """Input size of the output layer of listed layers."""
    places = layers_in(network, shape)
    return places[-1].after if places else size_before_layers((), shape.inputs, shape.steps, shape.image)


def largest_layer(network: NetworkArgs, shape: NetworkShape) -> int:
    """Index of the listed layer with most parameters; the first if none has any."""
    sizes = [0 if one.wrong else one.args.parameters(one.before) for one in layers_in(network, shape)]
    return max(range(len(sizes)), key=sizes.__getitem__, default=0)


def pooled_sizes(image: tuple[int, int], depth: int) -> list[tuple[int, int]]:
    """Height and width after each convolution of a cnn: halved while both stay at least 2."""
    sizes = [image]
    for _ in range(depth):
        height, width = sizes[-1]
        sizes.append((height // 2, width // 2) if min(height, width) >= 4 else (height, width))
    return sizes[1:]


def _dense(*sizes: int) -> int:
    return sum((before + 1) * after for before, after in zip(sizes, sizes[1:], strict=False))


def _mlp(network: NetworkArgs, shape: NetworkShape) -> int:
    return _dense(shape.inputs, *[network.width] * network.depth, shape.units)


def _cnn(network: NetworkArgs, shape: NetworkShape) -> int:
    image = shape.image or (1, shape.inputs)
    if not network.depth:
        return _dense(image[0] * image[1], shape.units)
    first, others = _dense(9, network.width), _dense(9 * network.width, network.width)
    height, width = pooled_sizes(image, network.depth)[-1]
    return first + (network.depth - 1) * others + _dense(height * width * network.width, shape.units)


def _recurrent(gates: int) -> "Count":
    def count(network: NetworkArgs, shape: NetworkShape) -> int:
        if not network.depth:
            return _dense(shape.inputs, shape.units)
        width = network.width
        first, others = (gates * width * (size + width + 2) for size in (shape.inputs, width))
        return first + (network.depth - 1) * others + _dense(width, shape.units)

    return count


def _branches(network: NetworkArgs, shape: NetworkShape) -> int:
    if not network.depth:
        return _dense(shape.inputs, shape.units)
    layers = [network.width] * network.depth
    together = len(shape.parts) * network.width
    return sum(_dense(size, *layers) for _, size in shape.parts) + _dense(together, network.width, shape.units)


def _heads(network: NetworkArgs, shape: NetworkShape) -> int:
    last = network.width if network.depth else shape.inputs
    trunk = _dense(shape.inputs, *[network.width] * network.depth)
    return trunk + len(shape.outputs) * _dense(last, shape.units)


def _listed(network: NetworkArgs, shape: NetworkShape) -> int:
    layers = sum(one.args.parameters(one.before) for one in layers_in(network, shape) if one.wrong is None)
    last = size_before_output(network, shape)
    return layers + _dense(math.prod(last) if len(last) == IMAGE else last[-1], shape.units)


Count = Callable[[NetworkArgs, NetworkShape], int]
_COUNTS: dict[str, Count] = {
    "mlp": _mlp,
    "cnn": _cnn,
    "gru": _recurrent(3),
    "lstm": _recurrent(4),
    "branches": _branches,
    "heads": _heads,
    LAYER_LIST: _listed,
}
