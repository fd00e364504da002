"""The settings of a network preset, and its size."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from fitdash.spec.arg import Arg, Settings
from fitdash.spec.facts import Facts

MOST_PARAMETERS = 100_000_000  # with gradients and two moments each, 1.6 GB


@dataclass(frozen=True, kw_only=True)
class NetworkArgs(Settings):
    """Which network is built, and how large."""

    section: ClassVar[str] = "network"

    kind: Annotated[
        Literal["mlp"],
        Arg(help="The family of networks: mlp is a stack of fully connected layers.", plain="family"),
    ] = "mlp"
    width: Annotated[
        int,
        Arg(
            help="Units in each hidden layer.",
            plain="units per layer",
            minimum=1,
            maximum=65_536,
            soft=(1, 512),
            step=1,
            vary=True,
        ),
    ] = 64
    depth: Annotated[
        int,
        Arg(
            help="Number of hidden layers; with 0 the network is linear.",
            plain="hidden layers",
            minimum=0,
            maximum=1000,
            soft=(0, 10),
            step=1,
            vary=True,
        ),
    ] = 2
    activation: Annotated[
        Literal["relu", "tanh", "sigmoid", "gelu", "silu", "elu", "linear"],
        Arg(
            help="What each hidden unit does to its sum; linear makes the whole network linear.",
            plain="bend of each unit",
            vary=True,
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
            needs=("depth",),
            slides=True,
        ),
    ] = 0.0

    def faults(self, facts: Facts | None) -> Iterator[tuple[str, str]]:
        """A network that would not fit into memory."""
        inputs, outputs = (facts.inputs or 1, facts.class_count or 1) if facts is not None else (1, 1)
        count = parameters_of(self, inputs, outputs)
        if count > MOST_PARAMETERS:
            most = f"{MOST_PARAMETERS:,} parameters"
            yield "width", f"width and depth must give at most {most}, got {count:,}. Lower one of them."


def parameters_of(network: NetworkArgs, inputs: int, outputs: int) -> int:
    """Parameters of the network: weights and biases of all its layers."""
    sizes = [inputs, *[network.width] * network.depth, outputs]
    return sum((before + 1) * after for before, after in zip(sizes, sizes[1:], strict=False))
