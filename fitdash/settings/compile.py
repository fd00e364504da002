"""The arguments of `compile`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import Arg, Condition, Settings, describe_unknown_name, inert_in, non_default_settings
from fitdash.settings.losses_and_metrics import (
    LOSSES,
    METRICS,
    NUMBER_LOSSES,
    SHORT_NAMES,
    full_name,
    metric_fault,
    output_of,
    resolved_loss,
)
from fitdash.settings.type_checks import short_repr

OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam")
CLIPS = ("clipnorm", "global_clipnorm", "clipvalue")
OPTIMIZER_SETTINGS = ("learning_rate", "weight_decay", "momentum", "nesterov", "rho", "beta_1", "beta_2", *CLIPS)


def _of_optimizers(name: str, *optimizers: str) -> Condition:
    """Condition that the optimizer is one of these, which have the setting."""
    return Condition(
        holds=lambda args, facts: args.optimizer in optimizers,
        otherwise=f"No effect: only {', '.join(optimizers[:-1])} and {optimizers[-1]} have a {name} to set.",
    )


@dataclass(frozen=True, kw_only=True)
class CompileArgs(Settings):
    """The arguments of `compile`: optimizer, loss, metrics."""

    section: ClassVar[str] = "compile"
    conditions: ClassVar[Mapping[str, Condition]] = {
        "momentum": _of_optimizers("momentum", "sgd", "rmsprop"),
        "nesterov": Condition(
            holds=lambda args, facts: args.optimizer == "sgd" and args.momentum > 0,
            otherwise="No effect: optimizer must be sgd and momentum above 0 for it.",
        ),
        "rho": _of_optimizers("rho", "rmsprop", "adadelta"),
        "betas": _of_optimizers("beta", "adam", "adamw", "adamax", "nadam"),
        "outputs": Condition(
            holds=lambda args, facts: facts is None or bool(facts.outputs),
            otherwise="No effect: the data has one target, so there is one loss.",
        ),
        "steps": Condition(
            holds=lambda args, facts: facts is None or facts.steps is not None,
            otherwise="No effect: y has no steps that could be weighed.",
        ),
    }

    optimizer: Annotated[
        str,
        Arg(
            help="The rule that turns gradients into changes of the weights.",
            plain="how weights move",
            choices=OPTIMIZERS,
            vary=True,
        ),
    ] = "adam"
    learning_rate: Annotated[
        float | None,
        Arg(
            help="Size of each change. Too small learns slowly, too large never settles.",
            plain="step size",
            more_than=0,
            maximum=1000,
            soft=(0.00001, 1),
            vary=True,
            live=True,
            unset="0.01 for sgd, 0.001 for the others",
            handy=(0.0001, 0.001, 0.01, 0.1),
        ),
    ] = None
    weight_decay: Annotated[
        float | None,
        Arg(
            help="Share of every weight that is taken away at each step, times the learning rate: keeps weights small.",
            plain="shrinking of weights",
            minimum=0,
            maximum=1000,
            soft=(0, 0.1),
            vary=True,
            live=True,
            unset="0.004 for adamw, none for the others",
            rare=True,
        ),
    ] = None
    momentum: Annotated[
        float,
        Arg(
            help="Share of the last step that is taken again.",
            plain="inertia",
            minimum=0,
            maximum=1,
            soft=(0, 0.99),
            step=0.01,
            needs=("momentum",),
            vary=True,
            rare=True,
        ),
    ] = 0.0
    nesterov: Annotated[
        bool,
        Arg(
            help="Whether the gradient is taken where the momentum leads.",
            plain="look ahead",
            needs=("nesterov",),
            vary=True,
            rare=True,
        ),
    ] = False
    rho: Annotated[
        float | None,
        Arg(
            help="How long squared gradients are remembered: the share that is kept at each step.",
            plain="memory of squares",
            minimum=0,
            less_than=1,
            soft=(0.5, 0.999),
            step=0.01,
            needs=("rho",),
            vary=True,
            unset="0.9 for rmsprop, 0.95 for adadelta",
            rare=True,
        ),
    ] = None
    beta_1: Annotated[
        float | None,
        Arg(
            help="How long gradients are remembered: the share that is kept at each step.",
            plain="memory of gradients",
            minimum=0,
            less_than=1,
            soft=(0, 0.99),
            step=0.01,
            needs=("betas",),
            vary=True,
            unset="0.9",
            rare=True,
        ),
    ] = None
    beta_2: Annotated[
        float | None,
        Arg(
            help="How long squared gradients are remembered: the share that is kept at each step.",
            plain="memory of squares",
            minimum=0,
            less_than=1,
            soft=(0.9, 0.9999),
            step=0.001,
            needs=("betas",),
            vary=True,
            unset="0.999",
            rare=True,
        ),
    ] = None
    clipnorm: Annotated[
        float | None,
        Arg(
            help="Longest gradient of one tensor of weights; a longer one is made as long as this.",
            plain="longest gradient",
            more_than=0,
            soft=(0.1, 10),
            vary=True,
            unset="any length",
            rare=True,
        ),
    ] = None
    global_clipnorm: Annotated[
        float | None,
        Arg(
            help="Longest gradient of all weights together; longer ones are made as long as this.",
            plain="longest gradient over all",
            more_than=0,
            soft=(0.1, 10),
            vary=True,
            unset="any length",
            rare=True,
        ),
    ] = None
    clipvalue: Annotated[
        float | None,
        Arg(
            help="Largest number in a gradient, up or down; larger ones are cut off there.",
            plain="largest number in a gradient",
            more_than=0,
            soft=(0.1, 10),
            vary=True,
            unset="any size",
            rare=True,
        ),
    ] = None
    loss: Annotated[
        str,
        Arg(
            help="What training makes small. auto takes crossentropy for classes and the squared error for numbers.",
            plain="what is minimised",
            choices=("auto", *LOSSES, *(name for name in SHORT_NAMES if name != "acc")),
            vary=True,
        ),
    ] = "auto"
    metrics: Annotated[
        tuple[str, ...] | Literal["auto"],
        Arg(
            help="What is measured beside the loss, unweighted. auto takes accuracy for classes, the absolute error "
            "and R² for numbers.",
            plain="what is measured",
            choices=(*METRICS, *SHORT_NAMES),
        ),
    ] = "auto"
    loss_weights: Annotated[
        Mapping[str, float] | None,
        Arg(
            help="How much the loss of each output counts in the loss that is minimised; an output left out counts 1.",
            plain="weight of each output",
            minimum=0,
            soft=(0, 10),
            step=0.1,
            needs=("outputs",),
            unset="every output counts 1",
            rare=True,
        ),
    ] = None
    weighted_metrics: Annotated[
        tuple[str, ...],
        Arg(
            help="What is measured with sample_weight and class_weight; without them it is what metrics measures.",
            plain="what is measured with weights",
            choices=(*METRICS, *SHORT_NAMES),
            rare=True,
        ),
    ] = ()
    sample_weight_mode: Annotated[
        Literal["temporal"] | None,
        Arg(
            help="temporal asks for a sample_weight of each step of a sequence and refuses one of each row. Weights "
            "of steps work without it too.",
            plain="weights of rows or steps",
            needs=("steps",),
            unset="as sample_weight is",
            rare=True,
        ),
    ] = None

    def faults(self, facts: DataFacts | None) -> Iterator[tuple[str, str]]:
        """Losses and metrics that do not fit the targets, settings that exclude each other."""
        named = {"metrics": self.metrics if self.metrics != "auto" else (), "weighted_metrics": self.weighted_metrics}
        for name, metrics in named.items():
            if len(set(metrics)) < len(metrics):
                yield name, f"{name} must name each metric once, got {', '.join(metrics)}."
        clips = [name for name in CLIPS if getattr(self, name) is not None]
        if len(clips) > 1:
            yield clips[-1], f"{clips[-1]} must not be set beside {clips[0]}. Only one of {', '.join(CLIPS)} may be."
        if facts is None:
            return
        loss = resolved_loss(facts.task, facts.class_count, self.loss)
        if facts.task == "regression" and full_name(loss) not in (*NUMBER_LOSSES, "cosine_similarity"):
            yield "loss", f"loss must compare numbers for a regression, got {loss!r}. Use 'mean_squared_error'."
            return
        target = output_of(facts.task, facts.class_count, self.loss)
        for name, metrics in named.items():
            for reason in (metric_fault(full_name(metric), target, metric=metric, loss=loss) for metric in metrics):
                if reason is not None:
                    yield name, f"{name} must fit the loss: {reason}"
        if self.loss_weights and facts.outputs:
            for output in self.loss_weights.keys() - set(facts.outputs):
                yield "loss_weights", describe_unknown_name("output in loss_weights,", output, facts.outputs)
            if not any(self.loss_weights.get(output, 1) for output in facts.outputs):
                yield (
                    "loss_weights",
                    f"loss_weights must be above 0 for one output, got {short_repr(self.loss_weights)}.",
                )


def optimizer_settings(args: CompileArgs) -> dict[str, Any]:
    """The settings of the optimizer that are set and have an effect, by the names that it takes."""
    inert = inert_in(args)
    changed = non_default_settings(args)
    return {name: changed[name] for name in OPTIMIZER_SETTINGS if name in changed and f"compile.{name}" not in inert}
