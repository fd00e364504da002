"""What goes into a network and comes out of it, and which networks fit."""

from dataclasses import dataclass

from fitdash.settings.data_facts import DataFacts


@dataclass(frozen=True, kw_only=True)
class NetworkShape:
    """Numbers of one sample.

    Attributes:
        inputs: What goes in; of a step, where there are steps; over all inputs, where there are several.
        units: What comes out; of a step, where there are steps; of each output, where there are several.
        steps: How many steps a sample has, None where it has none.
        image: Height and width, where the inputs are pixels.
        parts: Name and numbers of each input, where there are several.
        outputs: Name of each output, where there are several.
    """

    inputs: int
    units: int
    steps: int | None = None
    image: tuple[int, int] | None = None
    parts: tuple[tuple[str, int], ...] = ()
    outputs: tuple[str, ...] = ()


def shape_of(facts: DataFacts | None, units: int | None = None) -> NetworkShape:
    """The shape for data; what is not known of it counts as 1.

    Args:
        facts: The data.
        units: What the loss wants of each output; None: one for each class.
    """
    if facts is None:
        return NetworkShape(inputs=1, units=units or 1)
    return NetworkShape(
        inputs=facts.inputs or 1,
        units=units or facts.class_count or 1,
        steps=facts.steps,
        image=facts.image,
        parts=facts.parts,
        outputs=facts.outputs,
    )


def network_kinds_for(shape: DataFacts | NetworkShape | None) -> tuple[str, ...]:
    """The kinds of network that fit; the first is what "auto" means."""
    if shape is None:
        return ("mlp", "cnn", "gru", "lstm", "branches", "heads", "layers")
    if shape.parts:
        return ("branches",)
    if shape.outputs:
        return ("heads",)
    if shape.steps:
        return ("gru", "lstm", "mlp", "layers")
    return ("mlp", "cnn", "layers") if shape.image else ("mlp", "layers")


def describe_data_kind(facts: DataFacts) -> str:
    """What decides about the network, in words."""
    if facts.parts:
        return "data with several inputs"
    if facts.outputs:
        return "data with several targets"
    if facts.steps:
        return "data with a label per step"
    return "images" if facts.image else "data without images, steps or several inputs"
