"""The same experiment in R: only what the reference page of `fit` has, and the data from fitdash."""

from typing import Any

from fitdash.export.recipe import Recipe, recipe_of
from fitdash.export.schedules import r_schedule
from fitdash.export.script import callback_settings, fit_settings
from fitdash.export.writing import call, r, r_named
from fitdash.spec.arg import changed_in
from fitdash.spec.callbacks import CallbackArgs, LearningRateSchedulerArgs
from fitdash.spec.compile import optimizer_settings
from fitdash.spec.experiment import Experiment
from fitdash.spec.facts import Facts

CALLBACKS = {
    "EarlyStopping": "callback_early_stopping",
    "ReduceLROnPlateau": "callback_reduce_lr_on_plateau",
    "LearningRateScheduler": "callback_learning_rate_scheduler",
    "ModelCheckpoint": "callback_model_checkpoint",
    "TerminateOnNaN": "callback_terminate_on_naan",
    "CSVLogger": "callback_csv_logger",
}


def r_code(experiment: Experiment, facts: Facts) -> str:
    """R for the package keras; fitdash gives the data, through reticulate.

    Args:
        experiment: What is to run, without problems.
        facts: Its data.
    """
    recipe = recipe_of(experiment, facts)
    return (
        "\n\n".join(
            [
                'library(keras)\nfitdash <- reticulate::import("fitdash")  # the data alone',
                "\n".join(_data(recipe)),
                f"tensorflow::set_random_seed({r(experiment.seed)})",
                "model <- keras_model_sequential() %>%\n" + " %>%\n".join(f"  {one}" for one in layers(recipe)),
                f"model %>% {_call('compile', compile_arguments(recipe))}",
                f"history <- model %>% {_call('fit', fit_arguments(recipe))}",
            ]
        )
        + "\n"
    )


def layers(recipe: Recipe) -> list[str]:
    """The layers of the network in their order."""
    net, output = recipe.experiment.network, recipe.output
    bend = {} if net.activation == "linear" else {"activation": net.activation}
    ending = {} if output.activation == "linear" else {"activation": output.activation}
    shape = [f"input_shape = {'ncol(x)' if recipe.inputs is None else r(recipe.inputs)}"]
    written = []
    for place in range(net.depth):
        written.append(_call("layer_dense", [*r_named({"units": net.width} | bend), *([] if place else shape)]))
        written += [_call("layer_dropout", r_named({"rate": net.dropout}))] if net.dropout else []
    last = [*r_named({"units": output.units} | ending), *([] if net.depth else shape)]
    return [*written, _call("layer_dense", last)]


def compile_arguments(recipe: Recipe) -> list[str]:
    """What `compile` is given."""
    compiled = recipe.experiment.compile
    settings = optimizer_settings(compiled)
    chosen = _call(f"optimizer_{compiled.optimizer}", r_named(settings)) if settings else r(compiled.optimizer)
    given = [f"optimizer = {chosen}", f"loss = {r(recipe.concrete_loss)}"]
    return given + ([f"metrics = {r(recipe.metrics)}"] if recipe.metrics else [])


def fit_arguments(recipe: Recipe) -> list[str]:
    """What `fit` is given, in the words of its page."""
    fit = recipe.experiment.fit
    held, weight, column = fit.validation_data, fit.class_weight, fit.sample_weight
    callbacks = [_callback(args, recipe.experiment) for args in recipe.experiment.callbacks]
    return [
        *_rows(recipe, "train"),
        *r_named(fit_settings(recipe)),
        *([_call("callbacks = list", callbacks)] if callbacks else []),
        *([_call("validation_data = list", _rows(recipe, "val", weight=column))] if held else []),
        *([] if weight is None else [f"class_weight = {_balanced(recipe) if weight == 'balanced' else r(weight)}"]),
        *([] if column is None else [f"sample_weight = {'weight[train]' if held else 'weight'}"]),
    ]


def _data(recipe: Recipe) -> list[str]:
    """Load the data, hold rows out, make arrays; R counts rows from 1."""
    experiment = recipe.experiment
    data, held, column = experiment.data, experiment.fit.validation_data, experiment.fit.sample_weight
    name = data.filename if data.name == "upload" else data.name
    settings = {key: value for key, value in changed_in(data).items() if key not in ("name", "content", "filename")}
    lines = [f"data <- {_call('fitdash$load_dataset', [r(name), *r_named(settings)])}"]
    if held is not None:
        how: dict[str, Any] = {"kind": held.kind} | ({} if held.kind == "last" else {"seed": experiment.seed})
        lines.append(f"rows <- {_call('data$hold_out', [r(float(held.share)), *r_named(how)])}")
    given = _learned(recipe)
    given += ["one_hot = TRUE"] if recipe.output.target == "one_hot" else []
    given += [] if column is None else r_named({"sample_weight": column})
    lines += [f"arrays <- {_call('data$arrays', given)}", "x <- arrays[[1]]", "y <- arrays[[2]]"]
    lines += [] if column is None else ["weight <- arrays[[3]]"]
    return lines + (["train <- rows[[1]] + 1L", "val <- rows[[2]] + 1L"] if held is not None else [])


def _rows(recipe: Recipe, part: str, *, weight: str | None = None) -> list[str]:
    """x and y of a part of the rows."""
    if recipe.experiment.fit.validation_data is None:
        return ["x", "y"]
    is_flat = recipe.output.target == "index"
    y = f"y[{part}]" if is_flat else f"y[{part}, , drop = FALSE]"
    return [f"x[{part}, , drop = FALSE]", y, *([] if weight is None else [f"weight[{part}]"])]


def _learned(recipe: Recipe) -> list[str]:
    fit = recipe.experiment.fit
    if fit.validation_data is not None:
        return ["train = rows[[1]]"]
    return r_named({"validation_split": fit.validation_split}) if fit.validation_split else []


def _balanced(recipe: Recipe) -> str:
    return _call("data$balanced_weights", _learned(recipe))


def _callback(args: CallbackArgs, experiment: Experiment) -> str:
    settings = callback_settings(args)
    if isinstance(args, LearningRateSchedulerArgs):
        given = [r_schedule(args, experiment), *r_named({"verbose": args.verbose} if args.verbose else {})]
        return _call(CALLBACKS[args.kind], given)
    return _call(CALLBACKS[args.kind], r_named(settings))


def _call(name: str, arguments: list[str]) -> str:
    return call(name, arguments, last="", by=2)
