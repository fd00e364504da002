"""`NetworkShape`, the inputs and outputs of a network, and which kinds of network fit the data."""

from dataclasses import dataclass

from fitdash.settings.data_facts import DataFacts


@dataclass(frozen=True, kw_only=True)
class NetworkShape:
    """Inputs and outputs of a network for one sample.

    Attributes:
        inputs: Numbers that go in: of a step, if there are steps; over all inputs, if there are several.
        units: Numbers that come out: of a step, if there are steps; of each output, if there are several.
        steps: Steps of a sample; None if it has none.
        image: Height and width, if the inputs are pixels.
        parts: Name and numbers of each input, if there are several.
        outputs: Name of each output, if there are several.
    """

    inputs: int
    units: int
    steps: int | None = None
    image: tuple[int, int] | None = None
    parts: tuple[tuple[str, int], ...] = ()
    outputs: tuple[str, ...] = ()


def shape_of(facts: DataFacts | None, units: int | None = None) -> NetworkShape:
    """The network's shape for the data; unknown numbers count as 1.

    Args:
        facts: Facts of the data.
        units: Units of each output that the loss requires; None: one per class.
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
    """The kinds of network that fit the data; the first is what "auto" means."""
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
    """The property of the data that decides which kinds of network fit, in words."""
    if facts.parts:
        return "data with several inputs"
    if facts.outputs:
        return "data with several targets"
    if facts.steps:
        return "data with a label per step"
    return "images" if facts.image else "data without images, steps or several inputs"
