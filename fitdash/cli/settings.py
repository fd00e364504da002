"""`fitdash settings`: the settings of this server, and where each comes from."""

import textwrap

import click

from fitdash.errors import SettingError
from fitdash.runs.record.run_text import to_strict_json
from fitdash.runs.scheduling.server_settings import environment_variable, settings_path, settings_with_origins
from fitdash.settings.declaration import Setting, settings_of
from fitdash.settings.server import ServerArgs


@click.command()
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
def settings(is_json: bool) -> None:
    """Tell the settings of this server, and where each comes from.

    They stand in fitdash.toml in the data folder, one `name = value` a line; a variable of the environment goes before
    the file. A server reads them when it starts.
    """
    found = load_settings()
    if is_json:
        click.echo(to_strict_json({name: {"value": value, "from": origin} for name, (value, origin) in found.items()}))
        return
    lines = [f"From {settings_path()} and the environment.", ""]
    for name, setting in settings_of(ServerArgs).items():
        value, origin = found[name]
        lines += [f"{name} = {_shown(setting, value)}  ({origin})"]
        lines += textwrap.wrap(setting.arg.help, 100, initial_indent="    ", subsequent_indent="    ")
        lines += [f"    {environment_variable(name)}"]
    click.echo("\n".join(lines))


def load_settings() -> dict[str, tuple[object, str]]:
    """Value and origin of each setting; an invalid one ends the command with its error message."""
    try:
        return dict(settings_with_origins())
    except SettingError as error:
        raise click.ClickException(str(error)) from error


def _shown(setting: Setting, value: object) -> str:
    """The value in the syntax of TOML."""
    if value is None:
        return f"not set → {setting.arg.unset}"
    return str(value).lower() if isinstance(value, bool) else f"{value:_}" if isinstance(value, int) else str(value)
