"""The settings in force on this server: fitdash.toml beside the store, overridden by environment variables.

    # fitdash.toml
    shared = true
    runs_at_once = 3

The same in the environment: FITDASH_SHARED=true, FITDASH_RUNS_AT_ONCE=3.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fitdash.errors import SettingError
from fitdash.runs.protocol.paths import home
from fitdash.settings.declaration import Setting, describe_unknown_name, problems_in, settings_of
from fitdash.settings.server import ServerArgs

WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def settings_path() -> Path:
    """The path of fitdash.toml, which need not exist."""
    return home() / "fitdash.toml"


def settings_in_force(environment: Mapping[str, str] = os.environ) -> ServerArgs:
    """The settings of this server.

    Raises:
        SettingError: the file or a variable has an invalid setting; every problem, one per line.
    """
    return ServerArgs(**{name: value for name, (value, _) in settings_with_origins(environment).items()})


def settings_with_origins(environment: Mapping[str, str] = os.environ) -> dict[str, tuple[Any, str]]:
    """Each setting's value and its origin: "default", the name of the variable or the path of the file.

    Raises:
        SettingError: as `settings_in_force`.
    """
    path = settings_path()
    found = {name: (setting.default, "default") for name, setting in settings_of(ServerArgs).items()}
    wrong = []
    for name, value in _in_file(path).items():
        if name not in found:
            wrong.append(f"{path}: {describe_unknown_name('setting', name, tuple(found))}")
        else:
            found[name] = (value, str(path))
    for name, setting in settings_of(ServerArgs).items():
        text = environment.get(environment_variable(name), "").strip()
        if text:
            found[name] = (_read(setting, text), environment_variable(name))
    settings = ServerArgs(**{name: value for name, (value, _) in found.items()})
    wrong += [f"{found[p.where.partition('.')[2]][1]}: {p.text}" for p in problems_in(settings)]
    if wrong:
        raise SettingError("\n".join(wrong))
    return found


def environment_variable(name: str) -> str:
    """The name of the environment variable of this setting."""
    return f"FITDASH_{name.upper()}"


def _in_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise SettingError(f"{path} must be TOML, got: {error}.") from error


def _read(setting: Setting, text: str) -> Any:
    """The value of a variable's text; an unreadable text is returned as it is, for the checks to refuse."""
    if setting.base == "bool":
        return WORDS.get(text.lower(), text)
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
