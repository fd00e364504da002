"""Writes an experiment as a script for Keras 3 on any backend, with comments where Keras behaves differently."""

from collections.abc import Iterator
from dataclasses import replace

from fitdash.export.code_format import format_call, format_keywords, join_script, python_literal
from fitdash.export.network_keras import keras_network
from fitdash.export.resolved_experiment import ResolvedExperiment, resolve_experiment
from fitdash.export.script_parts import (
    callback_arguments,
    callbacks_argument,
    class_weight_code,
    data_lines,
    fit_settings,
    metrics_arguments,
    needs_math,
    row_index_code,
    schedule_functions,
    schedule_name,
    training_arrays,
    training_weight,
    validation_argument,
)
from fitdash.settings.batch_size import DEFAULT_BATCH_SIZE
from fitdash.settings.callbacks import CallbackArgs, ModelCheckpointArgs
from fitdash.settings.compile import optimizer_settings
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.losses_and_metrics import full_name
from fitdash.settings.network import LAYER_LIST
from fitdash.settings.validation_data import HoldOut
from fitdash.settings.weight_expressions import weighs_steps

OPTIMIZERS = {
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
    "adadelta": "Adadelta",
    "adamax": "Adamax",
    "nadam": "Nadam",
}
BY_ANY_SHAPE = {"accuracy", "binary_accuracy", "precision", "recall", "auc", "mean_squared_error"}
ONLY_LOSSES = ("huber", "log_cosh", "kld")
"""Losses whose names Keras does not accept as metrics."""


def keras_code(experiment: Experiment, facts: DataFacts) -> str:
    """A Python script for Keras 3, which takes only its data from fitdash.

    Args:
        experiment: The experiment, without problems.
        facts: Facts about its data.
    """
    recipe = resolve_experiment(_split_by_hand(experiment, facts), facts)
    product = _needs_product(recipe)
    imports = [*(["import math", ""] if needs_math(recipe) else []), "import keras", *(["import numpy"] * product)]
    return join_script(
        imports=[*imports, "", "import fitdash as fd  # the data alone"],
        functions=schedule_functions(recipe),
        sections=[
            [*data_lines(recipe), *_column(recipe), *_steps(recipe)],
            [
                "# Keras draws other first weights, orders and dropout: the numbers are alike, not equal.",
                f"keras.utils.set_random_seed({experiment.seed})",
                *keras_network(recipe),
                format_call("model.compile", compile_arguments(recipe)),
            ],
            [*(f"# {text}" for text in differences(recipe)), *_product_lines(recipe)]
            + [f"history = {format_call('model.fit', fit_arguments(recipe))}"],
        ],
    )


def compile_arguments(recipe: ResolvedExperiment) -> list[str]:
    """Arguments of `compile`; the optimizer always, because Keras has another default."""
    compiled = recipe.experiment.compile
    settings = optimizer_settings(compiled)
    name = f"keras.optimizers.{OPTIMIZERS[compiled.optimizer]}"
    return [
        f"optimizer={format_call(name, format_keywords(settings)) if settings else python_literal(compiled.optimizer)}",
        f"loss={_loss(recipe)}",
        *(one for one in _measured(recipe) if not one.startswith("sample_weight_mode")),
    ]


def _measured(recipe: ResolvedExperiment) -> list[str]:
    return metrics_arguments(recipe, lambda name: metric(name, recipe))


def metric(name: str, recipe: ResolvedExperiment) -> str:
    """A metric by its Keras name, or as a call that gives it the computation and the name that it has in fitdash."""
    full, output = full_name(name), recipe.output
    if full == "f1_score":
        threshold = {"threshold": 0.5} if output.units == 1 else {}
        return format_call("keras.metrics.F1Score", format_keywords({"average": "macro", **threshold, "name": name}))
    if full == "crossentropy":
        by_index = "binary_crossentropy" if output.units == 1 else "sparse_categorical_crossentropy"
        full = "categorical_crossentropy" if output.target == "one_hot" else by_index
    elif name not in ONLY_LOSSES:
        return python_literal(name)
    return format_call("keras.metrics.MeanMetricWrapper", [f"keras.losses.{full}", *format_keywords({"name": name})])


def fit_arguments(recipe: ResolvedExperiment) -> list[str]:
    """Arguments of `fit`; those with another default in Keras are always written."""
    fit = recipe.experiment.fit
    settings = {"epochs": fit.epochs} | fit_settings(recipe)
    settings.pop("view_metrics", None)
    if fit.steps_per_epoch is not None:
        settings |= {"batch_size": fit.batch_size or DEFAULT_BATCH_SIZE, "shuffle": False}
    order = list(FitArgs.__dataclass_fields__)
    settings = {name: settings[name] for name in sorted(settings, key=order.index)}
    calls = [_callback(args, schedule_name(recipe, i)) for i, args in enumerate(recipe.experiment.callbacks)]
    return [
        *training_arrays(recipe),
        *format_keywords(settings),
        *callbacks_argument(calls),
        *validation_argument(recipe),
        *_weights(recipe),
    ]


def differences(recipe: ResolvedExperiment) -> Iterator[str]:
    """Comments on what Keras does, or would do by default, differently from fitdash."""
    fit = recipe.experiment.fit
    if fit.epochs == FitArgs().epochs:
        yield "epochs: where it is not given, Keras trains 1, fitdash and R 10."
    if fit.steps_per_epoch is not None:
        yield "steps_per_epoch: alone, Keras takes other batch sizes and shuffles; where the rows end within an epoch"
        yield "it ends that epoch, and fitdash goes on with the next pass."
    if fit.shuffle == "batch":
        yield "shuffle: Keras moves rows within each batch, fitdash the batches."
    if fit.view_metrics is not None:
        yield "view_metrics: Keras has no live chart."
    layers = {args.kind for args in recipe.experiment.network.layers if recipe.kind == LAYER_LIST}
    if "BatchNormalization" in layers:
        yield "BatchNormalization: torch gathers n / (n - 1) of a batch's variance, so validation differs a little."
    if recipe.kind == "lstm" or "LSTM" in layers:
        yield "lstm: torch has two biases where Keras has one, so they move faster."
    if recipe.experiment.compile.sample_weight_mode is not None:
        yield "sample_weight_mode: Keras 3 has no such argument; weights of steps work without it."
    if "auc" in recipe.metrics:
        yield "auc: Keras counts at 200 thresholds, fitdash at all."
    if _needs_product(recipe) and fit.sample_weight is not None:
        yield "class_weight and sample_weight: Keras takes one of them, so their product is given."
    elif _needs_product(recipe):
        yield "class_weight: Keras has none for steps, so the weight of each step is given."
    if any(isinstance(args, ModelCheckpointArgs) for args in recipe.experiment.callbacks):
        yield "ModelCheckpoint: Keras knows the form of a file by its ending."


def _callback(args: CallbackArgs, schedule: str) -> str:
    if isinstance(args, ModelCheckpointArgs):
        stem = args.filepath.removesuffix(".pt").removesuffix(".keras").removesuffix(".h5").removesuffix(".weights")
        args = replace(args, filepath=stem + (".weights.h5" if args.save_weights_only else ".keras"))
    return format_call(f"keras.callbacks.{args.kind}", callback_arguments(args, schedule))


def _loss(recipe: ResolvedExperiment) -> str:
    """The loss; for several outputs as a dict by output name, which `loss_weights` needs."""
    loss, outputs = python_literal(recipe.concrete_loss), recipe.facts.outputs
    return f"dict.fromkeys({python_literal(list(outputs))}, {loss})" if outputs else loss


def _needs_product(recipe: ResolvedExperiment) -> bool:
    """Whether class_weight must be written as a weight of each row, or of each step of a sequence."""
    fit = recipe.experiment.fit
    return fit.class_weight is not None and (fit.sample_weight is not None or recipe.facts.steps is not None)


def _split_by_hand(experiment: Experiment, facts: DataFacts) -> Experiment:
    """The experiment with validation_split as an explicit hold-out, where class_weight becomes weights of rows.

    Otherwise Keras would apply these weights to the validation rows too, which class_weight never weights.
    """
    fit = experiment.fit
    weighs = fit.sample_weight is not None or facts.steps is not None
    if fit.class_weight is None or not weighs or fit.validation_data or not fit.validation_split:
        return experiment
    held = HoldOut(kind="last", share=fit.validation_split)
    return replace(experiment, fit=replace(fit, validation_data=held, validation_split=0.0))


def _steps(recipe: ResolvedExperiment) -> list[str]:
    """The line that repeats the weight of each sequence for its steps."""
    column, steps = recipe.experiment.fit.sample_weight, recipe.facts.steps
    if steps is None or column is None or weighs_steps(column, recipe.facts):
        return []
    return [f"weight = weight[:, None].repeat({steps}, axis=1)  # Keras weighs steps, not sequences"]


def _column(recipe: ResolvedExperiment) -> list[str]:
    """The line that makes targets (n, 1), where a Keras metric would compare (n,) targets with (n, 1) outputs."""
    is_column = recipe.output.units > 1 or recipe.output.target != "index"
    safe = is_column or {full_name(name) for name in recipe.metrics} <= BY_ANY_SHAPE
    return [] if safe else ["y = y[:, None]  # Keras' metrics compare columns"]


def _product_lines(recipe: ResolvedExperiment) -> list[str]:
    """Lines that look up the class weight of each row or step, where `_needs_product`."""
    if not _needs_product(recipe):
        return []
    labels = "y.argmax(axis=-1)" if recipe.output.target == "one_hot" else "y"
    if recipe.facts.steps is None:
        by_class = f"numpy.array([class_weight.get(label.item(), 1.0) for label in {labels}])"
    else:
        by_class = f"numpy.vectorize(lambda label: class_weight.get(int(label), 1.0))({labels})"
    return [f"class_weight = {class_weight_code(recipe)}", f"by_class = {by_class}"]


def _weights(recipe: ResolvedExperiment) -> list[str]:
    fit, train = recipe.experiment.fit, row_index_code(recipe).train
    if _needs_product(recipe):
        row = "" if fit.sample_weight is None else f"{training_weight(recipe)} * "
        return [f"sample_weight={row}by_class{train}"]
    if fit.sample_weight is not None:
        return [f"sample_weight={training_weight(recipe)}"]
    return [] if fit.class_weight is None else [f"class_weight={class_weight_code(recipe)}"]
