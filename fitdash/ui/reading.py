"""From the values of widgets to settings: read before anything is drawn, so that controls can depend on each other.

A widget that was never drawn has no value yet and stands for its default.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from fitdash import options
from fitdash.spec.arg import Setting, Settings, settings_of
from fitdash.spec.callbacks import CALLBACKS, CallbackArgs
from fitdash.spec.experiment import SECTIONS, Experiment
from fitdash.spec.fit import HoldOut

S = TypeVar("S", bound=Settings)
Get = Callable[[str, Any], Any]
"""The value of a widget by its key, or what is given where it has none: `st.session_state.get`."""

UNSET = "not set"


def read_experiment(get: Get) -> Experiment:
    """The draft: what the form says now."""
    parts: dict[str, Any] = {name: read_settings(cls, name, get) for name, cls in SECTIONS.items()}
    return Experiment(**parts, callbacks=read_callbacks(get), seed=get("seed", 0))


def read_settings(cls: type[S], where: str, get: Get) -> S:
    """One part of the draft."""
    return cls(**{name: _read(setting, f"{where}.{name}", get) for name, setting in settings_of(cls).items()})


def read_callbacks(get: Get) -> tuple[CallbackArgs, ...]:
    """Settings of the chosen callbacks, in the order in which they were chosen."""
    chosen = [CALLBACKS[kind] for kind in get("callbacks", []) or [] if kind in CALLBACKS]
    return tuple(read_settings(cls, f"callbacks.{cls.kind}", get) for cls in chosen)


def start_of(setting: Setting, key: str) -> Any:
    """What a control shows first: the library's option where the reference has one, else the default."""
    return OPTIONS[key]() if key in OPTIONS else setting.default


def _read(setting: Setting, key: str, get: Get) -> Any:
    """One value; what stands at the library's option is not set, as in a call without the argument."""
    if key in OPTIONS:
        value = get(key, OPTIONS[key]())
        return None if value == OPTIONS[key]() else value
    reader = READERS.get(setting.base)
    return reader(setting, key, get) if reader else get(key, setting.default)


def _read_names(setting: Setting, key: str, get: Get) -> Any:
    """Names in the order they were chosen; nothing chosen is None where None is a value, "auto" only alone."""
    words = [setting.default] if isinstance(setting.default, str) else []
    chosen = get(key, words)
    if not chosen:
        return None if setting.optional else ()
    if list(chosen) == words:
        return setting.default
    return tuple(name for name in chosen if name not in words)


def _read_weights(setting: Setting, key: str, get: Get) -> Any:
    """None, a word, or a number per class that differs from 1."""
    kind = get(key, UNSET)
    if kind != "custom":
        return None if kind == UNSET else kind
    count = get(f"{key}.count", 0)
    given = {index: get(f"{key}.{index}", 1.0) for index in range(count)}
    return {index: 1.0 if weight is None else weight for index, weight in given.items()}


def _read_hold_out(setting: Setting, key: str, get: Get) -> HoldOut | None:
    """None, or which rows and how many."""
    kind = get(key, UNSET)
    share = get(f"{key}.share", settings_of(HoldOut)["share"].default)
    return None if kind == UNSET else HoldOut(kind=kind, share=share)


READERS = {"names": _read_names, "weights": _read_weights, "settings": _read_hold_out}
OPTIONS: dict[str, Callable[[], Any]] = {
    "fit.verbose": lambda: options.fit_verbose,
    "fit.view_metrics": lambda: options.view_metrics,
}
