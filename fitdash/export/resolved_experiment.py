"""Prepares an experiment for export: settings without effect at their defaults, "auto" resolved."""

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
    """An experiment ready to be written as code.

    Attributes:
        experiment: With settings without effect at their defaults.
        facts: Facts about the data.
        output: Units, activation and target of the output layer.
        loss, metrics: Their names; none is "auto".
    """

    experiment: Experiment
    facts: DataFacts
    output: OutputSpec
    loss: str
    metrics: tuple[str, ...]

    @property
    def concrete_loss(self) -> str:
        """The loss by a name that Keras has too: crossentropy becomes binary or sparse categorical crossentropy."""
        if full_name(self.loss) != "crossentropy":
            return self.loss
        return "binary_crossentropy" if self.facts.class_count == 2 else "sparse_categorical_crossentropy"

    @property
    def inputs(self) -> int | None:
        """Features of a sample, or None where they are not known until the encoder has learned the columns."""
        experiment = self.experiment
        is_certain = experiment.data.name != "upload" and experiment.fit.sample_weight not in self.facts.features
        return self.facts.inputs if is_certain else None

    @property
    def shape(self) -> NetworkShape:
        """Inputs and outputs of the network."""
        return shape_of(self.facts, self.output.units)

    @property
    def kind(self) -> str:
        """The kind of network; "auto" is resolved."""
        return resolved_network_kind(self.experiment.network.kind, self.facts)


def resolve_experiment(experiment: Experiment, facts: DataFacts) -> ResolvedExperiment:
    """The experiment as code must state it; an invalid value counts as its default."""
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
    """The experiment with every setting without effect at its default."""
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
