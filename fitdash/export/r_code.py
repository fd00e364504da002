"""Writes an experiment in R for the package keras, with the arguments that R's reference page of `fit` has."""

from collections.abc import Sequence

from fitdash.export.code_format import format_call, format_r_keywords, r_literal
from fitdash.export.network_keras import KerasLayer, hidden_layers, output_layer, sequential_layers
from fitdash.export.resolved_experiment import ResolvedExperiment, resolve_experiment
from fitdash.export.schedules import r_schedule
from fitdash.export.script_parts import (
    callback_settings,
    fit_settings,
    has_validation_file,
    hold_out_arguments,
    load_settings,
)
from fitdash.settings.callbacks import CallbackArgs, LearningRateSchedulerArgs
from fitdash.settings.compile import optimizer_settings
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.experiment import Experiment
from fitdash.settings.weight_expressions import weighs_steps

CALLBACKS = {
    "EarlyStopping": "callback_early_stopping",
    "ReduceLROnPlateau": "callback_reduce_lr_on_plateau",
    "LearningRateScheduler": "callback_learning_rate_scheduler",
    "ModelCheckpoint": "callback_model_checkpoint",
    "TerminateOnNaN": "callback_terminate_on_naan",
    "CSVLogger": "callback_csv_logger",
}
LAYERS = {
    "Dense": "layer_dense",
    "Dropout": "layer_dropout",
    "Reshape": "layer_reshape",
    "Conv2D": "layer_conv_2d",
    "MaxPooling2D": "layer_max_pooling_2d",
    "Flatten": "layer_flatten",
    "GRU": "layer_gru",
    "LSTM": "layer_lstm",
    "Activation": "layer_activation",
    "BatchNormalization": "layer_batch_normalization",
    "LayerNormalization": "layer_layer_normalization",
}


def r_code(experiment: Experiment, facts: DataFacts) -> str:
    """An R script for the package keras, which loads its data from fitdash through reticulate.

    Args:
        experiment: The experiment, without problems.
        facts: Facts about its data.
    """
    recipe = resolve_experiment(experiment, facts)
    return (
        "\n\n".join(
            [
                'library(keras)\nfitdash <- reticulate::import("fitdash")  # the data alone',
                "\n".join(_data(recipe)),
                f"tensorflow::set_random_seed({r_literal(experiment.seed)})",
                network(recipe),
                f"model %>% {_call('compile', compile_arguments(recipe))}",
                f"history <- model %>% {_call('fit', fit_arguments(recipe))}",
            ]
        )
        + "\n"
    )


def network(recipe: ResolvedExperiment) -> str:
    """Lines that define `model`."""
    if recipe.kind == "branches":
        return _branches(recipe)
    if recipe.kind == "heads":
        return _heads(recipe)
    first, *others = sequential_layers(recipe)
    begin = _layer(first, [f"input_shape = {_shape(recipe)}"])
    return _piped("model <- keras_model_sequential()", [begin, *map(_layer, others)])


def _branches(recipe: ResolvedExperiment) -> str:
    net, parts = recipe.experiment.network, recipe.shape.parts
    lines = [
        f"{name} <- {_call('layer_input', format_r_keywords({'shape': size, 'name': name}))}" for name, size in parts
    ]
    ends = [f"{name}_end" for name, _ in parts]
    for (name, _), end in zip(parts, ends, strict=True):
        lines.append(_piped(f"{end} <- {name}", [_layer(layer) for layer in hidden_layers(recipe, net.depth)]))
    after = [*(hidden_layers(recipe, 1) if net.depth else []), output_layer(recipe)]
    lines.append(_piped(f"answer <- layer_concatenate(list({', '.join(ends)}))", [_layer(layer) for layer in after]))
    return "\n".join([*lines, f"model <- keras_model(list({', '.join(name for name, _ in parts)}), answer)"])


def _heads(recipe: ResolvedExperiment) -> str:
    begin = f"inputs <- layer_input(shape = {_shape(recipe)})"
    trunk = _piped(
        "trunk <- inputs", [_layer(layer) for layer in hidden_layers(recipe, recipe.experiment.network.depth)]
    )
    heads = [
        f"{name} = trunk %>% {_layer(output_layer(recipe), format_r_keywords({'name': name}))}"
        for name in recipe.shape.outputs
    ]
    return "\n".join([begin, trunk, f"model <- {_call('keras_model', ['inputs', _call('list', heads)])}"])


def _piped(begin: str, layers: Sequence[str]) -> str:
    return " %>%\n".join([begin, *(f"  {layer}" for layer in layers)])


def _shape(recipe: ResolvedExperiment) -> str:
    if recipe.shape.steps is not None:
        return r_literal([recipe.shape.steps, recipe.shape.inputs])
    return "ncol(x)" if recipe.inputs is None else r_literal(recipe.inputs)


def _layer(layer: KerasLayer, more: Sequence[str] = ()) -> str:
    return _call(LAYERS[layer.kind], [*format_r_keywords(layer.settings), *more])


def compile_arguments(recipe: ResolvedExperiment) -> list[str]:
    """Arguments of `compile`."""
    compiled = recipe.experiment.compile
    settings = optimizer_settings(compiled)
    chosen = (
        _call(f"optimizer_{compiled.optimizer}", format_r_keywords(settings))
        if settings
        else r_literal(compiled.optimizer)
    )
    outputs, mode = recipe.facts.outputs, compiled.sample_weight_mode
    given = [f"optimizer = {chosen}", f"loss = {r_literal(recipe.concrete_loss)}"]
    for argument, names in (("metrics", recipe.metrics), ("weighted_metrics", compiled.weighted_metrics)):
        text = r_literal(names)
        text = _call("list", [f"{output} = {text}" for output in outputs]) if outputs else text
        given += [f"{argument} = {text}"] if names else []
    if compiled.loss_weights is not None:
        weights = format_r_keywords({output: float(compiled.loss_weights.get(output, 1.0)) for output in outputs})
        given.append(_call("loss_weights = list", weights))
    return given + ([] if mode is None else format_r_keywords({"sample_weight_mode": mode}))


def fit_arguments(recipe: ResolvedExperiment) -> list[str]:
    """Arguments of `fit`, named as on R's reference page."""
    fit = recipe.experiment.fit
    held, weight, column = fit.validation_data, fit.class_weight, fit.sample_weight
    callbacks = [_callback(args, recipe.experiment) for args in recipe.experiment.callbacks]
    return [
        *_rows(recipe, "train"),
        *format_r_keywords(fit_settings(recipe)),
        *([_call("callbacks = list", callbacks)] if callbacks else []),
        *([_call("validation_data = list", _validated(recipe))] if held else []),
        *(
            []
            if weight is None
            else [f"class_weight = {_balanced(recipe) if weight == 'balanced' else r_literal(weight)}"]
        ),
        *([] if column is None else [f"sample_weight = {_weight(recipe, 'train')}"]),
    ]


def _data(recipe: ResolvedExperiment) -> list[str]:
    """Lines that load the data, hold rows out and make arrays; R counts rows from 1."""
    fit = recipe.experiment.fit
    held, column = fit.validation_data, fit.sample_weight
    name, settings = load_settings(recipe)
    lines = [f"data <- {_call('fitdash$load_dataset', [r_literal(name), *format_r_keywords(settings)])}"]
    given = _learned(recipe)
    given += ["one_hot = TRUE"] if recipe.output.target == "one_hot" else []
    if held is not None and has_validation_file(recipe):
        weigh = {} if held.sample_weight is None else {"sample_weight": held.sample_weight}
        own = (
            f"data$table[[{r_literal(column)}]]"
            if column in recipe.facts.weights
            else f"data$weights({r_literal(column)})"
        )
        lines += [] if column is None else [f"weight <- {own}"]
        lines.append(f"rows <- {_call('data$with_file', [r_literal(held.filename or ''), *format_r_keywords(weigh)])}")
        lines.append("data <- rows[[1]]")
    elif held is not None:
        lines.append(f"rows <- {_call('data$hold_out', hold_out_arguments(recipe, held, r_literal, ' = '))}")
    if not has_validation_file(recipe):
        given += [] if column is None else format_r_keywords({"sample_weight": column})
    lines += [f"arrays <- {_call('data$arrays', given)}", "x <- arrays[[1]]", "y <- arrays[[2]]"]
    lines += [] if column is None or has_validation_file(recipe) else ["weight <- arrays[[3]]"]
    first = 2 if has_validation_file(recipe) else 1
    return lines + ([f"train <- rows[[{first}]] + 1L", f"val <- rows[[{first + 1}]] + 1L"] if held is not None else [])


def _validated(recipe: ResolvedExperiment) -> list[str]:
    """Validation x and y, and their sample weights if there are any."""
    fit = recipe.experiment.fit
    held = fit.validation_data
    if held is not None and has_validation_file(recipe):
        return _rows(recipe, "val") + (["rows[[4]]"] if held.sample_weight is not None else [])
    return _rows(recipe, "val") + ([_weight(recipe, "val")] if fit.sample_weight is not None else [])


def _weight(recipe: ResolvedExperiment, part: str) -> str:
    """The sample weights of the "train" or "val" rows."""
    fit, facts = recipe.experiment.fit, recipe.facts
    if fit.validation_data is None or has_validation_file(recipe):
        return "weight"
    return f"weight[{part}, ]" if weighs_steps(fit.sample_weight, facts) else f"weight[{part}]"


def _rows(recipe: ResolvedExperiment, part: str) -> list[str]:
    """x and y of the "train" or "val" rows."""
    facts = recipe.facts
    if recipe.experiment.fit.validation_data is None:
        return ["x", "y"]
    is_flat = recipe.output.target == "index" and facts.steps is None
    x = _picked("x", part, steps=facts.steps is not None, several=bool(facts.parts))
    y = f"y[{part}]" if is_flat else _picked("y", part, steps=False, several=bool(facts.outputs))
    if facts.steps is not None and recipe.output.target == "one_hot":
        y = _picked("y", part, steps=True, several=False)
    return [x, y]


def _picked(name: str, part: str, *, steps: bool, several: bool) -> str:
    """Rows of an array with two axes, or three with `steps`; with `several`, of each array in a list."""
    rows = f"[{part}, {', ' if steps else ''}, drop = FALSE]".replace(", , ,", ", , ,")
    return f"lapply({name}, function(one) one{rows})" if several else f"{name}{rows}"


def _learned(recipe: ResolvedExperiment) -> list[str]:
    fit = recipe.experiment.fit
    if fit.validation_data is not None:
        return [f"train = rows[[{2 if has_validation_file(recipe) else 1}]]"]
    return format_r_keywords({"validation_split": fit.validation_split}) if fit.validation_split else []


def _balanced(recipe: ResolvedExperiment) -> str:
    return _call("data$balanced_weights", _learned(recipe))


def _callback(args: CallbackArgs, experiment: Experiment) -> str:
    settings = callback_settings(args)
    if isinstance(args, LearningRateSchedulerArgs):
        given = [r_schedule(args, experiment), *format_r_keywords({"verbose": args.verbose} if args.verbose else {})]
        return _call(CALLBACKS[args.kind], given)
    return _call(CALLBACKS[args.kind], format_r_keywords(settings))


def _call(name: str, arguments: list[str]) -> str:
    return format_call(name, arguments, last="", by=2)
