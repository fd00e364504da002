"""The settings of each layer of a layer list, its input and output sizes and its number of parameters.

Source: Keras 3 `keras.layers`: the names, arguments and defaults; only the activation of Dense and Conv2D differs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import Arg, Settings

Size = tuple[int, ...]
"""Shape of a sample: (numbers,), (steps, numbers of each), or (channels, height, width) of an image."""

NUMBERS, STEPS, IMAGE = 1, 2, 3  # axes of a size
EPSILON = 0.001  # what Keras adds to a variance
WHAT = {NUMBERS: "numbers in a row", STEPS: "steps of a sequence", IMAGE: "an image"}

ActivationName = Literal["relu", "tanh", "sigmoid", "gelu", "silu", "elu", "linear"]
Activation = Annotated[
    ActivationName, Arg(help="What each unit does to its sum; linear leaves it as it is.", plain="bend")
]
Units = Annotated[
    int,
    Arg(
        help="Numbers that come out for each sample, or for each step of one.",
        plain="units",
        minimum=1,
        maximum=65_536,
        soft=(1, 512),
        step=1,
        vary=True,
        handy=(16, 64, 256),
    ),
]


@dataclass(frozen=True, kw_only=True)
class LayerArgs(Settings):
    """Base of the settings of a layer.

    Attributes:
        kind: Name of the layer in Keras.
        summary: What it does, in one sentence.
        takes: Numbers of axes of the input sizes that it accepts.
    """

    section: ClassVar[str] = "network.layers"
    kind: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    takes: ClassVar[tuple[int, ...]] = (NUMBERS, STEPS, IMAGE)

    def after(self, size: Size) -> Size:
        """Output size for an input size."""
        return size

    def parameters(self, size: Size) -> int:
        """Number of trainable parameters for an input size."""
        return 0

    def refuses(self, size: Size) -> str | None:
        """Why it cannot take an input size of an accepted kind; None if it can."""
        return None


@dataclass(frozen=True, kw_only=True)
class DenseArgs(LayerArgs):
    """Settings of a fully connected layer."""

    kind: ClassVar[str] = "Dense"
    speaks_as: ClassVar[str] = "Dense"
    summary: ClassVar[str] = "Weighs all numbers anew for each of its units; in a sequence, step by step."
    takes: ClassVar[tuple[int, ...]] = (NUMBERS, STEPS)

    units: Units = 64
    activation: Activation = "relu"

    def after(self, size: Size) -> Size:
        return (*size[:-1], self.units)

    def parameters(self, size: Size) -> int:
        return (size[-1] + 1) * self.units


@dataclass(frozen=True, kw_only=True)
class ActivationArgs(LayerArgs):
    """Settings of an activation as a layer of its own, such as after a normalization."""

    kind: ClassVar[str] = "Activation"
    speaks_as: ClassVar[str] = "Activation"
    summary: ClassVar[str] = "Bends each number, where the layer before does not."

    activation: Activation = "relu"


@dataclass(frozen=True, kw_only=True)
class DropoutArgs(LayerArgs):
    """Settings of a dropout layer."""

    kind: ClassVar[str] = "Dropout"
    speaks_as: ClassVar[str] = "Dropout"
    summary: ClassVar[str] = "Silences numbers at random in each training step; validation uses all of them."

    rate: Annotated[
        float,
        Arg(
            help="Share of the numbers that is silenced; the training loss may stand above the validation loss.",
            plain="silenced share",
            minimum=0,
            less_than=1,
            soft=(0, 0.9),
            step=0.05,
            vary=True,
            slides=True,
        ),
    ] = 0.5


@dataclass(frozen=True, kw_only=True)
class BatchNormalizationArgs(LayerArgs):
    """Settings of a batch normalization."""

    kind: ClassVar[str] = "BatchNormalization"
    speaks_as: ClassVar[str] = "BatchNormalization"
    summary: ClassVar[str] = "Brings each number, or channel, to mean 0 and variance 1 over the batch, then scales it."
    takes: ClassVar[tuple[int, ...]] = (NUMBERS, IMAGE)

    momentum: Annotated[
        float,
        Arg(
            help="Share of the mean and variance known so far that stays at each step. Validation uses what was "
            "gathered, so a short run wants less.",
            plain="of the past that stays",
            minimum=0,
            less_than=1,
            soft=(0, 0.99),
            step=0.01,
            vary=True,
        ),
    ] = 0.99

    @property
    def share(self) -> float:
        """Share of a batch's statistics in the running ones at each step: torch's momentum."""
        return round(1 - self.momentum, 12)

    def parameters(self, size: Size) -> int:
        return 2 * size[0]


@dataclass(frozen=True, kw_only=True)
class LayerNormalizationArgs(LayerArgs):
    """Settings of a layer normalization."""

    kind: ClassVar[str] = "LayerNormalization"
    speaks_as: ClassVar[str] = "LayerNormalization"
    summary: ClassVar[str] = "Brings the numbers of each sample, or step, to mean 0 and variance 1, then scales them."
    takes: ClassVar[tuple[int, ...]] = (NUMBERS, STEPS)

    def parameters(self, size: Size) -> int:
        return 2 * size[-1]


@dataclass(frozen=True, kw_only=True)
class ConvolutionArgs(LayerArgs):
    """Settings of a convolution over an image."""

    kind: ClassVar[str] = "Conv2D"
    speaks_as: ClassVar[str] = "Conv2D"
    summary: ClassVar[str] = "Looks at an image through small windows, with the same weights everywhere."
    takes: ClassVar[tuple[int, ...]] = (IMAGE,)

    filters: Annotated[
        int,
        Arg(
            help="Channels that come out: one for each pattern that it looks for.",
            plain="channels",
            minimum=1,
            maximum=4096,
            soft=(1, 128),
            step=1,
            vary=True,
            handy=(8, 16, 32),
        ),
    ] = 32
    kernel_size: Annotated[
        int,
        Arg(
            help="Height and width of the window, in pixels.", plain="window", minimum=1, maximum=99, step=1, vary=True
        ),
    ] = 3
    padding: Annotated[
        Literal["same", "valid"],
        Arg(
            help="same: zeros around the image, so that it keeps its height and width; valid: no zeros, it shrinks.",
            plain="edge",
            vary=True,
        ),
    ] = "same"
    activation: Activation = "relu"

    @property
    def edge(self) -> int:
        """Padding: zeros on each side of the image."""
        return self.kernel_size // 2 if self.padding == "same" else 0

    def after(self, size: Size) -> Size:
        less = 0 if self.padding == "same" else self.kernel_size - 1
        return (self.filters, size[1] - less, size[2] - less)

    def parameters(self, size: Size) -> int:
        return (size[0] * self.kernel_size**2 + 1) * self.filters

    def faults(self, facts: DataFacts | None) -> Iterator[tuple[str, str]]:
        """An even window with padding "same", which needs equal padding on both sides."""
        if self.padding == "same" and self.kernel_size % 2 == 0:
            rule = "Conv2D kernel_size must be odd while padding is same"
            yield "kernel_size", f"{rule}, got {self.kernel_size}. Set padding to valid."

    def refuses(self, size: Size) -> str | None:
        if self.padding == "same" or self.kernel_size <= min(size[1:]):
            return None
        return f"Conv2D kernel_size must be at most {min(size[1:])} here, got {self.kernel_size}. Set padding to same."


@dataclass(frozen=True, kw_only=True)
class PoolingArgs(LayerArgs):
    """Settings of a max pooling."""

    kind: ClassVar[str] = "MaxPooling2D"
    speaks_as: ClassVar[str] = "MaxPooling2D"
    summary: ClassVar[str] = "Keeps the largest number of each window, so that the image shrinks."
    takes: ClassVar[tuple[int, ...]] = (IMAGE,)

    pool_size: Annotated[
        int,
        Arg(
            help="Height and width of the window, and the way from one to the next, in pixels.",
            plain="window",
            minimum=1,
            maximum=99,
            soft=(1, 4),
            step=1,
            vary=True,
        ),
    ] = 2

    def after(self, size: Size) -> Size:
        return (size[0], size[1] // self.pool_size, size[2] // self.pool_size)

    def refuses(self, size: Size) -> str | None:
        if self.pool_size <= min(size[1:]):
            return None
        return f"MaxPooling2D pool_size must be at most {min(size[1:])} here, got {self.pool_size}. Lower it."


@dataclass(frozen=True, kw_only=True)
class FlattenArgs(LayerArgs):
    """Settings of the layer that flattens an image."""

    kind: ClassVar[str] = "Flatten"
    summary: ClassVar[str] = "Lays all numbers of an image out in a row."
    takes: ClassVar[tuple[int, ...]] = (IMAGE,)

    def after(self, size: Size) -> Size:
        return (size[0] * size[1] * size[2],)


@dataclass(frozen=True, kw_only=True)
class RecurrentArgs(LayerArgs):
    """Base of the settings of a recurrent layer, which gives an output per step."""

    gates: ClassVar[int] = 0
    takes: ClassVar[tuple[int, ...]] = (STEPS,)

    units: Units = 64

    def after(self, size: Size) -> Size:
        return (size[0], self.units)

    def parameters(self, size: Size) -> int:
        return self.gates * self.units * (size[1] + self.units + 2)


@dataclass(frozen=True, kw_only=True)
class GruArgs(RecurrentArgs):
    """Settings of a GRU."""

    kind: ClassVar[str] = "GRU"
    speaks_as: ClassVar[str] = "GRU"
    summary: ClassVar[str] = "Goes through the steps of a sequence and remembers; gives a value per step."
    gates: ClassVar[int] = 3


@dataclass(frozen=True, kw_only=True)
class LstmArgs(RecurrentArgs):
    """Settings of an LSTM."""

    kind: ClassVar[str] = "LSTM"
    speaks_as: ClassVar[str] = "LSTM"
    summary: ClassVar[str] = "Goes through the steps of a sequence with a longer memory; gives a value per step."
    gates: ClassVar[int] = 4


LAYERS: dict[str, type[LayerArgs]] = {
    args.kind: args
    for args in (
        DenseArgs,
        DropoutArgs,
        ActivationArgs,
        BatchNormalizationArgs,
        LayerNormalizationArgs,
        ConvolutionArgs,
        PoolingArgs,
        FlattenArgs,
        GruArgs,
        LstmArgs,
    )
}


def layer_kinds_for(facts: DataFacts | None) -> tuple[str, ...]:
    """Kinds of layers that some place of a list accepts for the data."""
    axes = {NUMBERS, STEPS, IMAGE}
    if facts is not None:
        axes = {STEPS} if facts.steps else {NUMBERS, IMAGE} if facts.image else {NUMBERS}
    return tuple(kind for kind, args in LAYERS.items() if axes & set(args.takes))


def describe_size(size: Size) -> str:
    """A size in words: "an image of 3 × 8 × 8"."""
    if len(size) == NUMBERS:
        return f"{size[0]:,} numbers in a row"
    return f"{WHAT[len(size)]}, {' × '.join(map(str, size))}"


def wrong_with(args: LayerArgs, size: Size, *, is_image: bool) -> str | None:
    """Why a layer cannot take an input size, and the remedy; None if it can.

    Args:
        args: The layer.
        size: Its input size.
        is_image: True if the data are images.
    """
    if len(size) in args.takes:
        return args.refuses(size)
    wanted = " or ".join(WHAT[axes] for axes in args.takes)
    return f"{args.kind} must get {wanted}, got {describe_size(size)}. {_remedy(args, size, is_image=is_image)}"


def _remedy(args: LayerArgs, size: Size, *, is_image: bool) -> str:
    if len(size) == IMAGE:
        return "Put Flatten before it."
    if IMAGE in args.takes and is_image:
        return "Move it before Flatten."
    if args.kind == "BatchNormalization":
        return "Take LayerNormalization."
    return "Remove it: the data are no " + ("sequences." if STEPS in args.takes else "images.")


def size_before_layers(layers: tuple[LayerArgs, ...], inputs: int, steps: int | None, image: Size | None) -> Size:
    """Input size of the first layer: images keep their shape if some layer takes only images."""
    if steps is not None:
        return (steps, inputs)
    return (1, *image) if image and any(args.takes == (IMAGE,) for args in layers) else (inputs,)


@dataclass(frozen=True, kw_only=True)
class PlacedLayer:
    """A layer in a list: its settings, its input and output size, and the error if it cannot take that input."""

    args: LayerArgs
    before: Size
    after: Size
    wrong: str | None = None


def place_layers(layers: tuple[LayerArgs, ...], begin: Size, *, is_image: bool = False) -> Iterator[PlacedLayer]:
    """The layers with their sizes; a layer that cannot take its input passes the size on unchanged."""
    size = begin
    for args in layers:
        wrong = wrong_with(args, size, is_image=is_image)
        after = args.after(size) if wrong is None else size
        yield PlacedLayer(args=args, before=size, after=after, wrong=wrong)
        size = after
