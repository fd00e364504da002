"""An experiment as code says it: what has an effect and nothing else, every name resolved."""

from dataclasses import dataclass, replace
from typing import Any

from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import inert_in, replace_invalid_values, settings_of
from fitdash.settings.experiment import SECTIONS, Experiment
from fitdash.settings.losses_and_metrics import OutputSpec, full_name, output_of, resolved_loss, resolved_metrics
from fitdash.settings.network import resolved_network_kind
from fitdash.settings.network_shape import NetworkShape, shape_of
from fitdash.settings.weight_expressions import shorten_sample_weight


@dataclass(frozen=True, kw_only=True)
class ResolvedExperiment:
    """What is written down.

    Attributes:
        experiment: Without effect is what stands at its default.
        facts: The data in numbers.
        output: What the last layer gives.
        loss, metrics: Their names; nothing is left to "auto".
    """

    experiment: Experiment
    facts: DataFacts
    output: OutputSpec
    loss: str
    metrics: tuple[str, ...]

    @property
    def concrete_loss(self) -> str:
        """The loss by a name that Keras has too: crossentropy is one of two."""
        if full_name(self.loss) != "crossentropy":
            return self.loss
        return "binary_crossentropy" if self.facts.class_count == 2 else "sparse_categorical_crossentropy"

    @property
    def inputs(self) -> int | None:
        """Numbers that the network receives for a sample, where they are known before the columns are learned."""
        experiment = self.experiment
        is_certain = experiment.data.name != "upload" and experiment.fit.sample_weight not in self.facts.features
        return self.facts.inputs if is_certain else None

    @property
    def shape(self) -> NetworkShape:
        """What goes into the network and comes out of it."""
        return shape_of(self.facts, self.output.units)

    @property
    def kind(self) -> str:
        """The network; nothing is left to "auto"."""
        return resolved_network_kind(self.experiment.network.kind, self.facts)


def resolve_experiment(experiment: Experiment, facts: DataFacts) -> ResolvedExperiment:
    """What code has to say of an experiment; a value that cannot be counts as its default."""
    effective = without_inert(experiment, facts)
    if effective.fit.sample_weight is not None:
        effective = replace(
            effective, fit=replace(effective.fit, sample_weight=shorten_sample_weight(effective.fit.sample_weight))
        )
    compiled = effective.compile
    return ResolvedExperiment(
        experiment=effective,
        facts=facts,
        output=output_of(facts.task, facts.class_count, compiled.loss),
        loss=resolved_loss(facts.task, facts.class_count, compiled.loss),
        metrics=resolved_metrics(facts.task, compiled.metrics),
    )


def without_inert(experiment: Experiment, facts: DataFacts) -> Experiment:
    """The experiment with the default in place of whatever is without effect."""
    inert = inert_in(experiment, facts)

    def cleaned(where: str, part: Any) -> Any:
        declared = settings_of(type(part))
        defaults = {name: declared[name].default for name in declared if f"{where}.{name}" in inert}
        return replace(replace_invalid_values(part), **defaults)

    parts = {name: cleaned(name, getattr(experiment, name)) for name in SECTIONS}
    if (held := parts["fit"].validation_data) is not None:
        inert |= inert_in(held, facts)
        parts["fit"] = replace(parts["fit"], validation_data=cleaned(held.section, held))
    callbacks = tuple(cleaned(f"callbacks.{place}", args) for place, args in enumerate(experiment.callbacks))
    return replace(experiment, **parts, callbacks=callbacks)
