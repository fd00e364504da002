"""The parts that a fitdash script and a Keras script share: data, callbacks, arguments of fit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fitdash.export.code_format import format_call, format_keywords, format_list, python_literal
from fitdash.export.resolved_experiment import ResolvedExperiment
from fitdash.export.schedules import python_schedule
from fitdash.settings.callbacks import CallbackArgs, LearningRateSchedulerArgs
from fitdash.settings.declaration import non_default_settings
from fitdash.settings.validation_data import HoldOut

ALWAYS = ("filepath", "filename")  # required by their callbacks, so they are written even at their defaults
BY_HAND = ("validation_data", "class_weight", "sample_weight")


@dataclass(frozen=True, kw_only=True)
class RowIndexCode:
    """Source text that selects rows in a script.

    Attributes:
        train: Index of an array's training rows, "[train]", or "" for all rows.
        held: The same for the held-out rows; "" where `fit` splits them off, or where there are none.
        learned: Argument that names the rows from which the encoder learns the columns; "" for all rows.
    """

    train: str = ""
    held: str = ""
    learned: str = ""


def row_index_code(recipe: ResolvedExperiment) -> RowIndexCode:
    """How the script selects its rows."""
    fit = recipe.experiment.fit
    if fit.validation_data is not None:
        return RowIndexCode(train="[train]", held="[val]", learned="train=train")
    return RowIndexCode(
        learned=f"validation_split={python_literal(fit.validation_split)}" if fit.validation_split else ""
    )


def class_weight_code(recipe: ResolvedExperiment) -> str:
    """The class_weight: numbers, None, or the call that balances the classes of the training rows."""
    weight: Any = recipe.experiment.fit.class_weight
    if weight != "balanced":
        return python_literal(weight)
    learned = row_index_code(recipe).learned
    return format_call("data.balanced_weights", [learned] if learned else [])


def data_lines(recipe: ResolvedExperiment) -> list[str]:
    """Lines that load the data, hold rows out and make arrays."""
    fit, rows = recipe.experiment.fit, row_index_code(recipe)
    held, column = fit.validation_data, fit.sample_weight
    given = [rows.learned] if rows.learned else []
    given += ["one_hot=True"] if recipe.output.target == "one_hot" else []
    if has_validation_file(recipe):
        return [*_file_lines(recipe), f"x, y = {format_call('data.arrays', given)}"]
    lines = [f"data = {load(recipe)}"]
    if held is not None:
        lines.append(
            f"train, val = {format_call('data.hold_out', hold_out_arguments(recipe, held, python_literal, '='))}"
        )
    given += [] if column is None else format_keywords({"sample_weight": column})
    names = "x, y" if column is None else "x, y, weight"
    return [*lines, f"{names} = {format_call('data.arrays', given)}"]


def hold_out_arguments(recipe: ResolvedExperiment, held: HoldOut, write: Callable[[Any], str], sign: str) -> list[str]:
    """Arguments of `hold_out`: share or number of rows, kind, and the seed where the rows are drawn at random."""
    many = [write(float(held.share))] if held.rows is None else [f"rows{sign}{write(held.rows)}"]
    how: dict[str, Any] = {"kind": held.kind} | ({} if held.kind == "last" else {"seed": recipe.experiment.seed})
    return many + [f"{name}{sign}{write(value)}" for name, value in how.items()]


def has_validation_file(recipe: ResolvedExperiment) -> bool:
    """Whether the validation data is a file of its own."""
    held = recipe.experiment.fit.validation_data
    return held is not None and held.kind == "upload"


def _file_lines(recipe: ResolvedExperiment) -> list[str]:
    """Lines that load the data and append the validation file.

    Sample weights belong to the rows of the data alone, so they are read before the file is appended.
    """
    fit = recipe.experiment.fit
    held, column = fit.validation_data, fit.sample_weight
    lines = [f"data = {load(recipe)}"]
    if column in recipe.facts.weights:
        lines.append(f'weight = data.table[{python_literal(column)}].to_numpy(dtype="float32")')
    elif column is not None:
        lines.append(f"weight = data.weights({python_literal(column)})")
    weigh = None if held is None else held.sample_weight
    given = [python_literal((held.filename if held is not None else None) or "")]
    given += [] if weigh is None else format_keywords({"sample_weight": weigh})
    names = "data, train, val" if weigh is None else "data, train, val, val_weight"
    return [*lines, f"{names} = {format_call('data.with_file', given)}"]


def load(recipe: ResolvedExperiment) -> str:
    """The call that loads the data."""
    name, settings = load_settings(recipe)
    return format_call("fd.load_dataset", [python_literal(name), *format_keywords(settings)])


def load_settings(recipe: ResolvedExperiment) -> tuple[str, dict[str, Any]]:
    """Name of the dataset, and the settings that it is loaded with."""
    data, column = recipe.experiment.data, recipe.experiment.fit.sample_weight
    settings = {k: v for k, v in non_default_settings(data).items() if k not in ("name", "content", "filename")}
    if has_validation_file(recipe) and column in recipe.facts.features:
        settings["features"] = tuple(name for name in recipe.facts.features if name != column)
    return (data.filename or "") if data.name == "upload" else data.name, settings


def training_weight(recipe: ResolvedExperiment) -> str:
    """Source text of the sample weights of the training rows."""
    return "weight" if has_validation_file(recipe) else f"weight{row_index_code(recipe).train}"


def training_arrays(recipe: ResolvedExperiment) -> list[str]:
    """x and y of the training rows."""
    rows = row_index_code(recipe).train
    return [_part("x", rows, recipe.facts.parts), _part("y", rows, recipe.facts.outputs)]


def validation_argument(recipe: ResolvedExperiment) -> list[str]:
    """The held-out rows as an argument of `fit`, if there are any."""
    held = row_index_code(recipe).held
    if not held:
        return []
    arrays = [_part("x", held, recipe.facts.parts), _part("y", held, recipe.facts.outputs)]
    fit = recipe.experiment.fit
    if has_validation_file(recipe):
        weighs = fit.validation_data is not None and fit.validation_data.sample_weight is not None
        arrays += ["val_weight"] if weighs else []
    else:
        arrays += [] if fit.sample_weight is None else [f"weight{held}"]
    return [format_call("validation_data=", arrays)]


def _part(name: str, rows: str, parts: Sequence[Any]) -> str:
    """Some rows of an array, or of each array of a dict."""
    return f"{{name: part{rows} for name, part in {name}.items()}}" if parts and rows else f"{name}{rows}"


def metrics_arguments(recipe: ResolvedExperiment, write: Callable[[str], str]) -> list[str]:
    """Arguments of `compile` besides optimizer and loss; for several outputs as dicts by output name."""
    compiled, outputs = recipe.experiment.compile, recipe.facts.outputs
    given = []
    for argument, names in (("metrics", recipe.metrics), ("weighted_metrics", compiled.weighted_metrics)):
        text = format_list([write(name) for name in names])
        text = f"dict.fromkeys({python_literal(list(outputs))}, {text})" if outputs else text
        given += [f"{argument}={text}"] if names else []
    if compiled.loss_weights is not None:
        weights = {name: compiled.loss_weights.get(name, 1.0) for name in outputs}
        given.append(f"loss_weights={python_literal(weights)}")
    mode = compiled.sample_weight_mode
    return given + ([] if mode is None else [f"sample_weight_mode={python_literal(mode)}"])


def fit_settings(recipe: ResolvedExperiment) -> dict[str, Any]:
    """Arguments of `fit` that differ from their defaults, as declared, without those that need code (`BY_HAND`)."""
    return {name: value for name, value in non_default_settings(recipe.experiment.fit).items() if name not in BY_HAND}


def schedule_functions(recipe: ResolvedExperiment) -> list[str]:
    """Definitions of the functions that the LearningRateScheduler callbacks call."""
    experiment = recipe.experiment
    return [
        python_schedule(schedule_name(recipe, place), args, experiment)
        for place, args in enumerate(experiment.callbacks)
        if isinstance(args, LearningRateSchedulerArgs)
    ]


def schedule_name(recipe: ResolvedExperiment, place: int) -> str:
    """Name of the function for the LearningRateScheduler at this index: schedule, schedule_2, …"""
    earlier = recipe.experiment.callbacks[: place + 1]
    count = sum(isinstance(args, LearningRateSchedulerArgs) for args in earlier)
    return "schedule" if count == 1 else f"schedule_{count}"


def needs_math(recipe: ResolvedExperiment) -> bool:
    """Whether a schedule calls a function of `math`."""
    return any("math." in text for text in schedule_functions(recipe))


def callback_calls(recipe: ResolvedExperiment, module: str) -> list[str]:
    """Calls that construct the callbacks, from a module such as `fd.callbacks`."""
    return [
        _callback(args, schedule_name(recipe, place), module) for place, args in enumerate(recipe.experiment.callbacks)
    ]


def callbacks_argument(calls: list[str]) -> list[str]:
    """The callbacks as an argument of `fit`, if there are any."""
    return [f"callbacks={format_list(calls)}"] if calls else []


def _callback(args: CallbackArgs, schedule: str, module: str) -> str:
    return format_call(f"{module}.{args.kind}", callback_arguments(args, schedule))


def callback_arguments(args: CallbackArgs, schedule: str) -> list[str]:
    """Arguments of a callback; a scheduler's schedule is the name of its function."""
    given = callback_settings(args)
    if isinstance(args, LearningRateSchedulerArgs):
        return [schedule, *format_keywords({"verbose": args.verbose} if args.verbose else {})]
    return format_keywords(given)


def callback_settings(args: CallbackArgs) -> Mapping[str, Any]:
    """Settings of a callback that are written: required ones and those that differ from their defaults."""
    always = {name: getattr(args, name) for name in ALWAYS if hasattr(args, name)}
    return always | non_default_settings(args)
