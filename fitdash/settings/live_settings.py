"""Live settings: those declared to be changeable during a run, and the checks of a change."""

from collections.abc import Mapping
from typing import Any

from fitdash.settings.compile import CompileArgs
from fitdash.settings.declaration import Problem, Settings, describe_unknown_name, settings_of, value_fault
from fitdash.settings.fit import FitArgs
from fitdash.settings.network import NetworkArgs

PARTS: tuple[type[Settings], ...] = (CompileArgs, FitArgs, NetworkArgs)


def live_settings() -> dict[str, type[Settings]]:
    """Name of each live setting, and the class that declares it."""
    return {name: part for part in PARTS for name, setting in settings_of(part).items() if setting.arg.live}


def live_problems(changes: Mapping[str, Any], current_epoch: int | None = None) -> list[Problem]:
    """All problems of these changes of live settings.

    Args:
        changes: New value by name.
        current_epoch: Index of the running epoch, before which training cannot end; None before training.
    """
    known = live_settings()
    problems = []
    for name, value in changes.items():
        if name not in known:
            problems.append(Problem(where=name, text=describe_unknown_name("live setting", name, tuple(known))))
        elif value is None:
            problems.append(Problem(where=name, text=f"{name} must be a number while a run is on, got None."))
        else:
            text = value_fault(settings_of(known[name])[name], value)
            problems += [] if text is None else [Problem(where=f"{known[name].section}.{name}", text=text)]
    epochs = changes.get("epochs")
    if not problems and epochs is not None and current_epoch is not None and epochs < current_epoch + 1:
        text = f"epochs must be at least {current_epoch + 1}, the epoch that trains now, got {epochs}."
        problems.append(Problem(where="fit.epochs", text=text))
    return problems
