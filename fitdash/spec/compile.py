"""The arguments of `compile`, and what "auto" means for a task."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from fitdash.spec.arg import Arg, Condition, Settings
from fitdash.spec.facts import Facts, Task

OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam")
NUMBER_LOSSES = (
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
    "poisson",
)
ONE_HOT_LOSSES = ("categorical_crossentropy", "categorical_hinge", "kl_divergence", "cosine_similarity")
INDEX_LOSSES = ("sparse_categorical_crossentropy", "crossentropy")
SIGN_LOSSES = ("binary_crossentropy", "hinge", "squared_hinge")
LOSSES = (*NUMBER_LOSSES, *SIGN_LOSSES, *INDEX_LOSSES, *ONE_HOT_LOSSES)
SHORT = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "kld": "kl_divergence",
    "bce": "binary_crossentropy",
    "ce": "crossentropy",
    "acc": "accuracy",
}
INDEX_METRICS = (
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "sparse_categorical_crossentropy",
)
CLASS_METRICS = (
    "accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "top_k_categorical_accuracy",
    *INDEX_METRICS[:2],
    "precision",
    "recall",
    "auc",
    "f1_score",
    "true_positives",
    "false_positives",
    "true_negatives",
    "false_negatives",
)
METRICS = (*CLASS_METRICS, "r2_score", "root_mean_squared_error", *LOSSES)


@dataclass(frozen=True, kw_only=True)
class Output:
    """What the last layer and the targets have to be for a task and a loss.

    Attributes:
        units: Numbers that the network gives for a sample.
        activation: Last activation.
        target: How y is handed to fit: the number itself, the class index, or one column per class.
    """

    units: int
    activation: Literal["linear", "sigmoid", "softmax"]
    target: Literal["number", "index", "one_hot"]


@dataclass(frozen=True, kw_only=True)
class CompileArgs(Settings):
    """What `compile` is told."""

    section: ClassVar[str] = "compile"
    conditions: ClassVar[Mapping[str, Condition]] = {
        "sgd": Condition(
            holds=lambda args, facts: args.optimizer == "sgd",
            otherwise="No effect: optimizer is not sgd, and only sgd has a momentum to set.",
        )
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
            needs=("sgd",),
            vary=True,
            rare=True,
        ),
    ] = 0.0
    loss: Annotated[
        str,
        Arg(
            help="What training makes small. auto takes crossentropy for classes and the squared error for numbers.",
            plain="what is minimised",
            choices=("auto", *LOSSES, *(name for name in SHORT if name != "acc")),
            vary=True,
        ),
    ] = "auto"
    metrics: Annotated[
        tuple[str, ...] | Literal["auto"],
        Arg(
            help="What is measured beside the loss, unweighted. auto takes accuracy for classes, the absolute error "
            "and R² for numbers.",
            plain="what is measured",
            choices=(*METRICS, *SHORT),
        ),
    ] = "auto"

    def faults(self, facts: Facts | None) -> Iterator[tuple[str, str]]:
        """Losses and metrics that the targets do not fit."""
        if self.metrics != "auto" and len(set(self.metrics)) < len(self.metrics):
            yield "metrics", f"metrics must name each metric once, got {', '.join(self.metrics)}."
        if facts is None:
            return
        loss = resolved_loss(facts.task, facts.class_count, self.loss)
        if facts.task == "regression" and full_name(loss) not in (*NUMBER_LOSSES, "cosine_similarity"):
            yield "loss", f"loss must compare numbers for a regression, got {loss!r}. Use 'mean_squared_error'."
            return
        target = output_of(facts.task, facts.class_count, self.loss)
        for metric in self.metrics if self.metrics != "auto" else ():
            reason = _misfit(full_name(metric), target)
            if reason is not None:
                yield "metrics", reason.format(metric=metric, loss=loss)


def full_name(name: str) -> str:
    """The long name of a loss or metric: mse is mean_squared_error."""
    return SHORT.get(name, name)


def resolved_loss(task: Task, classes: int | None = None, loss: str = "auto") -> str:
    """The loss that "auto" means for a task; any other name is itself."""
    if loss != "auto":
        return loss
    if task == "regression":
        return "mean_squared_error"
    return "binary_crossentropy" if classes == 2 else "sparse_categorical_crossentropy"


def resolved_metrics(task: Task, metrics: tuple[str, ...] | str = "auto") -> tuple[str, ...]:
    """The metrics that "auto" means for a task; any others are themselves."""
    if isinstance(metrics, tuple):
        return metrics
    return ("mean_absolute_error", "r2_score") if task == "regression" else ("accuracy",)


def resolved_learning_rate(optimizer: str, learning_rate: float | None = None) -> float:
    """The learning rate that is in force when training starts."""
    return learning_rate if learning_rate is not None else 0.01 if optimizer == "sgd" else 0.001


def output_of(task: Task, classes: int | None, loss: str = "auto") -> Output:
    """What the last layer gives and how the targets are handed over, so that the loss compares like with like."""
    name = full_name(resolved_loss(task, classes, loss))
    if task == "regression" or classes is None:
        return Output(units=1, activation="linear", target="number")
    if name in INDEX_LOSSES and not (name == "crossentropy" and classes == 2):
        return Output(units=classes, activation="softmax", target="index")
    if classes == 2 and name not in ONE_HOT_LOSSES:
        return Output(units=1, activation="sigmoid", target="index")
    activation: Any = "sigmoid" if name in SIGN_LOSSES else "softmax"
    return Output(units=classes, activation=activation, target="one_hot")


def _misfit(metric: str, output: Output) -> str | None:
    """Why a metric cannot be computed with these targets, as a pattern; None if it can."""
    if metric in ("accuracy", "crossentropy"):
        return None
    by_index = output.target == "index" and output.units > 1
    if metric in INDEX_METRICS and not by_index:
        return "metrics must fit the loss: {metric!r} needs sparse_categorical_crossentropy, got {loss!r}."
    if metric not in INDEX_METRICS and by_index:
        return (
            "metrics must fit the loss: {metric!r} needs one column per class, got {loss!r}. "
            "Use accuracy, or the loss categorical_crossentropy."
        )
    if metric in ("categorical_accuracy", "top_k_categorical_accuracy") and output.units == 1:
        return "metrics must fit the loss: {metric!r} needs one column per class, got {loss!r}. Use accuracy."
    return None
