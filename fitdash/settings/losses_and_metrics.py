"""Losses and metrics by name, what "auto" means for a task, and what they require of the last layer and the targets."""

from dataclasses import dataclass
from typing import Any, Literal

from fitdash.settings.data_facts import Task

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
SHORT_NAMES = {
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
class OutputSpec:
    """What a task and a loss require of the last layer and the targets.

    Attributes:
        units: Outputs of the network for a sample.
        activation: Activation of the last layer.
        target: The form of y for fit: the number itself, the class index, or one column per class.
    """

    units: int
    activation: Literal["linear", "sigmoid", "softmax"]
    target: Literal["number", "index", "one_hot"]


def full_name(name: str) -> str:
    """The long name of a loss or metric: mse is mean_squared_error."""
    return SHORT_NAMES.get(name, name)


def resolved_loss(task: Task, classes: int | None = None, loss: str = "auto") -> str:
    """The loss that "auto" means for a task; any other name is returned."""
    if loss != "auto":
        return loss
    if task == "regression":
        return "mean_squared_error"
    return "binary_crossentropy" if classes == 2 else "sparse_categorical_crossentropy"


def resolved_metrics(task: Task, metrics: tuple[str, ...] | str = "auto") -> tuple[str, ...]:
    """The metrics that "auto" means for a task; any others are returned."""
    if isinstance(metrics, tuple):
        return metrics
    return ("mean_absolute_error", "r2_score") if task == "regression" else ("accuracy",)


def resolved_learning_rate(optimizer: str, learning_rate: float | None = None) -> float:
    """The learning rate at the start of training, the optimizer's default for None."""
    return learning_rate if learning_rate is not None else 0.01 if optimizer == "sgd" else 0.001


def output_of(task: Task, classes: int | None, loss: str = "auto") -> OutputSpec:
    """Units and activation of the last layer and form of the targets, so that the loss compares matching shapes."""
    name = full_name(resolved_loss(task, classes, loss))
    if task == "regression" or classes is None:
        return OutputSpec(units=1, activation="linear", target="number")
    if name in INDEX_LOSSES and not (name == "crossentropy" and classes == 2):
        return OutputSpec(units=classes, activation="softmax", target="index")
    if classes == 2 and name not in ONE_HOT_LOSSES:
        return OutputSpec(units=1, activation="sigmoid", target="index")
    activation: Any = "sigmoid" if name in SIGN_LOSSES else "softmax"
    return OutputSpec(units=classes, activation=activation, target="one_hot")


def metric_fault(name: str, output: OutputSpec, *, metric: str, loss: str) -> str | None:
    """Why a metric cannot be computed with these targets; None if it can."""
    if name in ("accuracy", "crossentropy"):
        return None
    by_index = output.target == "index" and output.units > 1
    if name in INDEX_METRICS and not by_index:
        return f"{metric!r} needs sparse_categorical_crossentropy, got {loss!r}."
    if name not in INDEX_METRICS and by_index:
        one_hot = "Use accuracy, or the loss categorical_crossentropy."
        return f"{metric!r} needs one column per class, got {loss!r}. {one_hot}"
    if name in ("categorical_accuracy", "top_k_categorical_accuracy") and output.units == 1:
        return f"{metric!r} needs one column per class, got {loss!r}. Use accuracy."
    return None
