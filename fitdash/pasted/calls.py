"""Reads settings by address from the calls of a pasted program, and notes what was not understood."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fitdash.pasted.network import LayerCollector
from fitdash.pasted.schedules import match_schedule
from fitdash.pasted.syntax_tree import Argument, Call, Items, Name, Other, quote_value, resolve_variable
from fitdash.pasted.values import NotUnderstood, extract_name, match_name, value_for
from fitdash.settings.callbacks import CALLBACKS, CallbackArgs
from fitdash.settings.compile import OPTIMIZERS, CompileArgs
from fitdash.settings.dataset import DATASETS, DatasetArgs
from fitdash.settings.declaration import Setting, Settings, problems_in, settings_of
from fitdash.settings.fit import FIT_ARGUMENTS, FitArgs
from fitdash.settings.losses_and_metrics import LOSSES, METRICS, SHORT_NAMES
from fitdash.settings.validation_data import HoldOut

FIT, COMPILE, DATA = settings_of(FitArgs), settings_of(CompileArgs), settings_of(DatasetArgs)
FIT_ORDER = [one.name for one in FIT_ARGUMENTS if one.name not in ("...", "validation_freq", "validation_batch_size")]
COMPILE_ORDER = ["optimizer", "loss", "metrics", "loss_weights", "weighted_metrics", "sample_weight_mode"]
OLDER = {"nb_epoch": "epochs", "lr": "learning_rate", "object": "object", "class.weight": "class_weight"}
NAMED_HERE = ("x", "y", "generator")
OTHER_FITS = re.compile("scaler|encoder|tokeni|vectori|imputer|binarizer|pca|transform", re.IGNORECASE)
"""Objects whose `fit` is not that of a network."""
CALLBACK_NAMES = {"terminate_on_naan": "TerminateOnNaN", "reduce_lr_on_plateau": "ReduceLROnPlateau"}


@dataclass
class SettingsReader:
    """Collects settings while a pasted program is read.

    Attributes:
        language: "Python" or "R".
        own: Whether the program is written for fitdash, whose defaults then apply instead of Keras'.
        known: Values by the variables that the program assigns them to.
        settings: Values by address, such as "fit.epochs".
        callbacks: None where the program does not set them.
        sections: Parts of an experiment that a call sets as a whole.
        not_understood: Sentences about what was not understood.
        layers: Layers of the network.
        weights_column: The column that holds the sample weights.
    """

    language: str
    own: bool = False
    known: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    callbacks: tuple[CallbackArgs, ...] | None = None
    sections: set[str] = field(default_factory=set)
    not_understood: list[str] = field(default_factory=list)
    layers: LayerCollector = field(default_factory=LayerCollector)
    weights_column: str | None = None

    def take(self, call: Call) -> bool:
        """Reads a call; false if it is none that this form has settings for."""
        known = CALL_READERS.get(call.name)
        if known is None or OTHER_FITS.search(quote_value(call.on)):
            return self.layers.add(call, self.known)
        known(self, call)
        return True

    def value(self, value: Any, depth: int = 5) -> Any:
        """A value with its variables replaced by the values assigned to them, inside lists too."""
        value = resolve_variable(value, self.known)
        if isinstance(value, Items) and depth:
            return Items(tuple(Argument(one.name, self.value(one.value, depth - 1)) for one in value.given[:1000]))
        return value

    def forget(self, section: str) -> None:
        """Drops the settings of an earlier call of the same kind; not the hold-out, which another call sets."""
        kept = {key: value for key, value in self.settings.items() if not key.startswith(f"{section}.")}
        held = {key: self.settings[key] for key in ("fit.validation_data",) if key in self.settings}
        self.settings = kept | held

    def note(self, where: str, text: Any) -> None:
        self.not_understood.append(f"{where}: {text}")

    def set(self, where: str, section: str, setting: Setting, value: Any) -> None:
        """Stores the value of a setting, or notes why it is refused."""
        try:
            self.settings[f"{section}.{setting.name}"] = value_for(setting, value)
        except NotUnderstood as reason:
            self.note(where, reason)


def arguments(reading: SettingsReader, call: Call, order: Sequence[str], where: str) -> dict[str, Any]:
    """Arguments of a call by name; positional ones take their names from `order`."""
    places = [one.value for one in call.given if one.name is None]
    if call.on is None and places and order[:1] != ["object"] and isinstance(places[0], Name) and len(places) > 1:
        order = ["object", *order]  # fit(model, x, y): the model comes first
    elif call.on is not None and order[:1] == ["object"]:
        order = order[1:]
    found = dict(zip(order, places, strict=False))
    for extra in places[len(order) :]:
        reading.note(where, quote_value(extra))
    for one in call.given:
        if one.name is not None:
            found[OLDER.get(str(one.name), str(one.name))] = one.value
    return {name: reading.value(value) for name, value in found.items()}


def read_fit(reading: SettingsReader, call: Call) -> None:
    """Reads `fit(…)`: arguments that it leaves out are at their defaults; the last call counts."""
    reading.forget("fit")
    order = FIT_ORDER if reading.language == "R" or reading.own else [n for n in FIT_ORDER if n != "view_metrics"]
    given = arguments(reading, call, order[1:] if reading.language == "Python" else order, "fit")
    reading.sections.add("fit")
    reading.callbacks = ()
    if not reading.own and reading.language == "Python":
        reading.settings["fit.epochs"] = 1
    _read_fit_arguments(reading, given)


def read_arguments(reading: SettingsReader, call: Call) -> None:
    """Reads arguments that were pasted without their call: all other settings stay as they are."""
    given = {str(one.name): reading.value(one.value) for one in call.given if one.name is not None}
    fit = {OLDER.get(name, name): value for name, value in given.items()}
    compiled = {name: fit.pop(name) for name in list(fit) if name in COMPILE and name not in FIT}
    _read_fit_arguments(reading, fit)
    _read_compile_arguments(reading, compiled)


def _read_fit_arguments(reading: SettingsReader, given: Mapping[str, Any]) -> None:
    data: dict[str, Any] = {}
    for name, value in given.items():
        if name == "object" or value is None and name in (*NAMED_HERE, "validation_data", "callbacks"):
            continue
        if name in BY_HAND:
            BY_HAND[name](reading, value)
        elif name in NAMED_HERE:
            data[name] = value
        elif name in FIT:
            reading.set("fit", "fit", FIT[name], value)
        else:
            reading.note("fit", f"{name} = {quote_value(value)}")
    if data and "data" not in reading.sections:
        named = ", ".join(f"{name} = {quote_value(value)}" for name, value in data.items())
        reading.note("fit", f"{named}: the data of the form is trained on")


def _read_callbacks(reading: SettingsReader, value: Any) -> None:
    listed = value.values if isinstance(value, Items) else [value]
    found = [_read_callback(reading, reading.value(one)) for one in listed]
    reading.callbacks = tuple(one for one in found if one is not None)


def _read_callback(reading: SettingsReader, value: Any) -> CallbackArgs | None:
    name = extract_name(value, "callback_") or ""
    kind = CALLBACK_NAMES.get(name) or match_name(name, tuple(CALLBACKS))
    if kind is None:
        reading.note("callbacks", quote_value(value))
        return None
    cls = CALLBACKS[kind]
    taken: dict[str, Any] = {}
    declared = settings_of(cls)
    call = value if isinstance(value, Call) else Call(name)
    order = ["schedule_function"] if kind == "LearningRateScheduler" else list(declared)
    for name, one in arguments(reading, replace(call, on=Name("here")), order, kind).items():
        if name in ("schedule", "schedule_function"):
            function = reading.known.get(one.text) if isinstance(one, Name) else one
            course = match_schedule(function.text) if isinstance(function, Other) else None
            if course is None:
                reading.note(kind, f"schedule = {quote_value(one)}")
            taken |= course or {}
        elif name in declared:
            _keep(reading, kind, declared[name], one, taken)
        else:
            reading.note(kind, f"{name} = {quote_value(one)}")
    return _without_invalid(reading, cls, taken)


def _keep(reading: SettingsReader, where: str, setting: Setting, value: Any, taken: dict[str, Any]) -> None:
    try:
        taken[setting.name] = value_for(setting, value)
    except NotUnderstood as reason:
        reading.note(where, reason)


def _without_invalid(reading: SettingsReader, cls: type[CallbackArgs], taken: Mapping[str, Any]) -> CallbackArgs:
    """The callback without settings that are invalid here, such as a file in another folder."""
    problems = {problem.where.rpartition(".")[2]: problem.text for problem in problems_in(cls(**taken))}
    for text in problems.values():
        reading.note(cls.kind, text)
    return cls(**{name: value for name, value in taken.items() if name not in problems})


def _read_validation_data(reading: SettingsReader, value: Any) -> None:
    if isinstance(value, str):
        reading.set("fit", "fit", FIT["validation_data"], value)
    elif "fit.validation_data" not in reading.settings:
        reading.note("fit", f"validation_data = {quote_value(value)}: hold rows of the data out instead")


def _read_class_weight(reading: SettingsReader, value: Any) -> None:
    if isinstance(value, Call) and value.name == "balanced_weights":
        value = "balanced"
    reading.set("fit", "fit", FIT["class_weight"], value)


def _read_sample_weight(reading: SettingsReader, value: Any) -> None:
    if reading.weights_column is not None and not isinstance(value, str | None):
        value = reading.weights_column
    reading.set("fit", "fit", FIT["sample_weight"], value)


BY_HAND: dict[str, Callable[[SettingsReader, Any], None]] = {
    "callbacks": _read_callbacks,
    "validation_data": _read_validation_data,
    "class_weight": _read_class_weight,
    "sample_weight": _read_sample_weight,
}


def read_compile(reading: SettingsReader, call: Call) -> None:
    """Reads `compile(…)`: arguments that it leaves out are at their defaults."""
    order = COMPILE_ORDER if reading.language == "Python" else ["object", *COMPILE_ORDER]
    reading.forget("compile")
    given = arguments(reading, call, order, "compile")
    reading.sections.add("compile")
    reading.settings["compile.metrics"] = ()
    if not reading.own:
        reading.settings["compile.optimizer"] = "rmsprop"
    _read_compile_arguments(reading, {name: value for name, value in given.items() if name != "object"})


def _read_compile_arguments(reading: SettingsReader, given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if name == "optimizer":
            _read_optimizer(reading, value)
        elif value is None and name not in COMPILE:
            continue
        elif name == "loss":
            _read_loss(reading, value)
        elif name in ("metrics", "weighted_metrics") and name in COMPILE:
            _read_metrics(reading, name, value)
        elif name in COMPILE:
            reading.set("compile", "compile", COMPILE[name], value)
        else:
            reading.note("compile", f"{name} = {quote_value(value)}")


def _read_optimizer(reading: SettingsReader, value: Any) -> None:
    name = extract_name(value, "optimizer_") or ""
    known = match_name(name, OPTIMIZERS) or match_name(name.removesuffix("Optimizer"), OPTIMIZERS)
    if known is None:
        reading.note("compile", f"optimizer = {quote_value(value)}")
        return
    reading.settings["compile.optimizer"] = known
    if isinstance(value, Call):
        on = replace(value, on=Name("here"))
        for name, one in arguments(reading, on, ["learning_rate"], "optimizer").items():
            if name in COMPILE and name not in ("optimizer", "loss", "metrics"):
                reading.set("optimizer", "compile", COMPILE[name], one)
            else:
                reading.note("optimizer", f"{name} = {quote_value(one)}")


def _read_loss(reading: SettingsReader, value: Any) -> None:
    value = _of_outputs(reading, value)
    if isinstance(value, Items) and len(value.given) == 1:
        value = value.values[0]
    name = match_name(extract_name(value, "loss_") or "", ("auto", *LOSSES, *SHORT_NAMES))
    if name is None:
        reading.note("compile", f"loss = {quote_value(value)}")
        return
    reading.settings["compile.loss"] = name
    for one in value.given if isinstance(value, Call) else ():
        reading.note(
            "compile", f"loss: {one.name or ''} {quote_value(one.value)}, outputs here are probabilities".strip()
        )


def _of_outputs(reading: SettingsReader, value: Any) -> Any:
    """The value for each output, where a dict by output name has the same for all; any other value as it is."""
    if isinstance(value, Call) and value.name == "fromkeys" and len(value.given) == 2:
        return reading.value(value.given[1].value)
    if isinstance(value, Items) and value.given and all(one.name is not None for one in value.given):
        first = value.values[0]
        return first if all(one == first for one in value.values) else value
    return value


def _read_metrics(reading: SettingsReader, argument: str, value: Any) -> None:
    value = _of_outputs(reading, value)
    listed = value.values if isinstance(value, Items) else [] if value is None else [value]
    if value == "auto":
        reading.settings[f"compile.{argument}"] = "auto"
        return
    names = []
    for one in map(reading.value, listed):
        written = extract_name(one, "metric_") or ""
        name = written if written in SHORT_NAMES else match_name(written, (*METRICS, *SHORT_NAMES))
        if name is None:
            reading.note("compile", f"{argument} {quote_value(one)}")
        elif name not in names:
            names.append(name)
    reading.settings[f"compile.{argument}"] = tuple(names)


def read_data(reading: SettingsReader, call: Call) -> None:
    """Reads `load_dataset(…)`: the dataset and its settings."""
    given = arguments(reading, replace(call, on=Name("here")), ["name"], "data")
    name = given.pop("name", "digits")
    reading.sections.add("data")
    if isinstance(name, str) and name not in DATASETS:
        reading.settings |= {"data.name": "upload", "data.filename": name.rpartition("/")[2]}
    else:
        reading.set("data", "data", DATA["name"], name)
    for argument, value in given.items():
        if argument in DATA:
            reading.set("data", "data", DATA[argument], value)
        else:
            reading.note("data", f"{argument} = {quote_value(value)}")


def read_hold_out(reading: SettingsReader, call: Call) -> None:
    """Reads `data.hold_out(…)`: the rows that are held out."""
    declared: Mapping[str, Setting] = settings_of(HoldOut)
    taken: dict[str, Any] = {}
    for name, value in arguments(reading, call, ["share", "kind", "seed", "rows"], "hold_out").items():
        if name in declared:
            _keep(reading, "hold_out", declared[name], value, taken)
    held: Settings = HoldOut(**taken)
    reading.settings["fit.validation_data"] = held


def read_file(reading: SettingsReader, call: Call) -> None:
    """Reads `data.with_file(…)`: a second file as validation data."""
    given = arguments(reading, call, ["path", "sample_weight"], "with_file")
    path, column = given.get("path"), given.get("sample_weight")
    if isinstance(path, str):
        weigh = column if isinstance(column, str) else None
        name = path.rpartition("/")[2]
        reading.settings["fit.validation_data"] = HoldOut(kind="upload", filename=name, sample_weight=weigh)
    else:
        reading.note("with_file", quote_value(path))


def read_arrays(reading: SettingsReader, call: Call) -> None:
    """Reads `data.arrays(…)`: the column of sample weights."""
    column = reading.value(next((one.value for one in call.given if one.name == "sample_weight"), None))
    if isinstance(column, str):
        reading.weights_column = column


def read_weights(reading: SettingsReader, call: Call) -> None:
    """Reads `data.weights(…)`: the column or expression of sample weights."""
    weighs = reading.value(call.given[0].value) if call.given else None
    reading.weights_column = weighs if isinstance(weighs, str) else None


def read_seed(reading: SettingsReader, call: Call) -> None:
    """Reads the random seed, of fitdash, Keras, torch, NumPy or R."""
    value = reading.value(call.given[0].value) if call.given else None
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**32:
        reading.settings["seed"] = number
    else:
        reading.note(call.name, quote_value(value))


CALL_READERS: dict[str, Callable[[SettingsReader, Call], None]] = {
    "fit": read_fit,
    "fit_generator": read_fit,
    "compile": read_compile,
    "arguments": read_arguments,
    "load_dataset": read_data,
    "hold_out": read_hold_out,
    "with_file": read_file,
    "arrays": read_arrays,
    "weights": read_weights,
    **dict.fromkeys(("set_random_seed", "set_seed", "manual_seed", "set.seed", "seed"), read_seed),
}
