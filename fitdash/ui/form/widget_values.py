"""Converts widget values to settings and back; read before anything is drawn, so that widgets can depend on each other.

A widget that has never been drawn has no value yet and stands for its default.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from fitdash import options
from fitdash.settings.callbacks import CALLBACKS, CallbackArgs
from fitdash.settings.declaration import Setting, Settings, settings_of
from fitdash.settings.experiment import SECTIONS, Experiment
from fitdash.settings.layers import LAYERS
from fitdash.settings.network import LAYER_LIST, NetworkArgs
from fitdash.settings.validation_data import HoldOut
from fitdash.settings.weight_expressions import (
    EXPRESSIONS,
    FILE_EXPRESSIONS,
    WeightExpression,
    format_weight_expression,
    parse_weight_expression,
)

S = TypeVar("S", bound=Settings)
Get = Callable[[str, Any], Any]
"""The value of a widget by its key, else the default passed: `st.session_state.get`."""

UNSET = "not set"
EXPRESSION = "an expression …"
FILES = dict(zip(FILE_EXPRESSIONS, ("a file of rows …", "a file of steps …"), strict=True))
"""Choices of sample_weight beside a column; the file choices by expression."""


def read_experiment(get: Get) -> Experiment:
    """The draft that the widgets hold now."""
    parts: dict[str, Any] = {name: read_settings(cls, name, get) for name, cls in SECTIONS.items()}
    if parts["network"].kind == LAYER_LIST:
        slots = read_slots(get, "layers")
        layers = tuple(read_settings(LAYERS[kind_of(slot)], f"layers.{slot}", get) for slot in slots)
        parts["network"] = NetworkArgs(kind=LAYER_LIST, layers=layers)
    return Experiment(**parts, callbacks=read_callbacks(get), seed=get("seed", 0))


def read_settings(cls: type[S], where: str, get: Get) -> S:
    """One part of the draft."""
    return cls(**{name: _read(setting, f"{where}.{name}", get) for name, setting in settings_of(cls).items()})


def read_callbacks(get: Get) -> tuple[CallbackArgs, ...]:
    """Settings of the callbacks, in the order of the cards."""
    return tuple(read_settings(CALLBACKS[kind_of(slot)], f"callbacks.{slot}", get) for slot in read_slots(get))


def read_slots(get: Get, key: str = "callbacks") -> list[str]:
    """Name of each card, in order: its kind, with a number if there is another card of that kind.

    Args:
        get: Gives the value of a widget.
        key: "callbacks" or "layers".
    """
    slots = get(key, ()) or ()
    return [slot for slot in dict.fromkeys(slots) if kind_of(slot) in CARDS[key]]


def kind_of(slot: str) -> str:
    """The kind of callback or layer of a card."""
    return str(slot).partition("~")[0]


def free_slot(kind: str, taken: Collection[str]) -> str:
    """A name for one more card of this kind."""
    names = (kind, *(f"{kind}~{count}" for count in range(2, len(taken) + 2)))
    return next(name for name in names if name not in taken)


def initial_value(setting: Setting, key: str) -> Any:
    """What a widget shows first: the option of `fitdash.options` if the setting has one, else the default."""
    return OPTIONS[key]() if key in OPTIONS else setting.default


def _read(setting: Setting, key: str, get: Get) -> Any:
    """One value; None if it equals its option in `fitdash.options`, as in a call without the argument."""
    if key in OPTIONS:
        value = get(key, OPTIONS[key]())
        return None if value == OPTIONS[key]() else value
    if setting.listed:
        return _read_numbers(get(key, str(setting.default)))
    reader = READERS.get(key) or READERS.get(setting.base)
    return reader(setting, key, get) if reader else get(key, setting.default)


def _read_numbers(text: Any) -> Any:
    """One whole number, or several between commas; any other text is kept, so that a problem can quote it."""
    words = [word for word in str(text).replace(" ", ",").split(",") if word]
    if not words or not all(word.lstrip("-").isdecimal() for word in words):
        return text
    numbers = tuple(int(word) for word in words)
    return numbers[0] if len(numbers) == 1 else numbers


def _read_names(setting: Setting, key: str, get: Get) -> Any:
    """Names in the order they were chosen; None if none is chosen and the setting is optional; "auto" only if alone."""
    words = [setting.default] if isinstance(setting.default, str) else []
    chosen = get(key, words)
    if not chosen:
        return None if setting.optional else ()
    if list(chosen) == words:
        return setting.default
    return tuple(name for name in chosen if name not in words)


def _read_weights(setting: Setting, key: str, get: Get) -> Any:
    """None, a word, or the numbers of the classes that do not weigh 1."""
    kind = get(key, UNSET)
    if kind != "custom":
        return None if kind == UNSET else kind
    given = {index: get(f"{key}.{index}", 1.0) for index in range(get(f"{key}.count", 0))}
    return {index: weight for index, weight in given.items() if weight not in (None, 1)} or None


def _read_shares(setting: Setting, key: str, get: Get) -> Any:
    """None, or the numbers of the outputs that do not weigh 1."""
    if get(key, UNSET) != "custom":
        return None
    given = {name: get(f"{key}.{name}", 1.0) for name in get(f"{key}.names", ())}
    return {name: weight for name, weight in given.items() if weight not in (None, 1)} or None


def _read_hold_out(setting: Setting, key: str, get: Get) -> HoldOut | None:
    """The hold-out that the widgets set; None if not set."""
    kind = get(key, UNSET)
    if kind == UNSET:
        return None
    given = {name: _read(one, f"{key}.{name}", get) for name, one in settings_of(HoldOut).items() if name != "kind"}
    return HoldOut(kind=kind, **given)


CARDS: dict[str, Mapping[str, type[Settings]]] = {"callbacks": CALLBACKS, "layers": LAYERS}


def _read_weighing(setting: Setting, key: str, get: Get) -> Any:
    """A column by its name, or the expression of the widgets beneath."""
    chosen = get(key, setting.default)
    forms = {word: form for form, word in FILES.items()} | {EXPRESSION: get(f"{key}.form", WeightExpression().form)}
    if chosen not in forms:
        return chosen
    names = [name for name in settings_of(WeightExpression) if name != "form"]
    given = {name: _read(settings_of(WeightExpression)[name], f"{key}.{name}", get) for name in names}
    return format_weight_expression(WeightExpression(form=forms[chosen], **given))


READERS = {
    "fit.sample_weight": _read_weighing,
    "names": _read_names,
    "weights": _read_weights,
    "shares": _read_shares,
    "settings": _read_hold_out,
}
OPTIONS: dict[str, Callable[[], Any]] = {
    "fit.verbose": lambda: options.fit_verbose,
    "fit.view_metrics": lambda: options.view_metrics,
}


def to_widget_values(experiment: Experiment) -> dict[str, Any]:
    """Widget values for this experiment, by key; the inverse of `read_experiment`."""
    values: dict[str, Any] = {"seed": experiment.seed}
    for name in SECTIONS:
        values |= _written(getattr(experiment, name), name)
    network = experiment.network
    return (
        values
        | _cards_of("callbacks", experiment.callbacks)
        | _cards_of("layers", network.layers if network.kind == LAYER_LIST else ())
    )


def _cards_of(key: str, parts: Sequence[Any]) -> dict[str, Any]:
    """Widget values of the cards: their order, and the settings of each."""
    values: dict[str, Any] = {}
    slots: list[str] = []
    for args in parts:
        slots.append(free_slot(args.kind, slots))
        values |= _written(args, f"{key}.{slots[-1]}")
    return values | {key: slots}


def _written(settings: Settings, where: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, setting in settings_of(type(settings)).items():
        key, value = f"{where}.{name}", getattr(settings, name)
        if key in OPTIONS:
            values[key] = OPTIONS[key]() if value is None else value
        elif setting.listed:
            values[key] = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        elif writer := WRITERS.get(key) or WRITERS.get(setting.base):
            values |= writer(setting, key, value)
        else:
            is_float = setting.base == "float" and isinstance(value, int) and not isinstance(value, bool)
            values[key] = float(value) if is_float else value
    return values


def _write_names(setting: Setting, key: str, value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {key: [value]}
    return {key: list(value or ())}


def _write_weights(setting: Setting, key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {key: UNSET if value is None else value}
    numbers = {f"{key}.{index}": float(weight) for index, weight in value.items()}
    return {key: "custom", f"{key}.count": max(value, default=-1) + 1, **numbers}


def _write_shares(setting: Setting, key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {key: UNSET}
    return {key: "custom", f"{key}.names": list(value)} | {f"{key}.{name}": float(w) for name, w in value.items()}


def _write_hold_out(setting: Setting, key: str, value: Any) -> dict[str, Any]:
    return {key: UNSET} if value is None else _written(value, key) | {key: value.kind}


def _write_weighing(setting: Setting, key: str, value: Any) -> dict[str, Any]:
    meant = parse_weight_expression(value)
    if meant is None:
        return {key: value}
    own = {name: getattr(meant, name) for name in EXPRESSIONS[meant.form]}
    form = {} if meant.form in FILES else {"form": meant.form}
    return {key: FILES.get(meant.form, EXPRESSION)} | {f"{key}.{name}": one for name, one in (form | own).items()}


WRITERS = {
    "fit.sample_weight": _write_weighing,
    "names": _write_names,
    "weights": _write_weights,
    "shares": _write_shares,
    "settings": _write_hold_out,
}
