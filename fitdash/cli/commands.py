"""The command line: `fitdash` opens the dashboard; the groups runs, settings, sweep and sweeps are added to it."""

import os
import subprocess
import sys
from pathlib import Path

import click

from fitdash.cli.command_group import DefaultCommandGroup
from fitdash.cli.runs import runs
from fitdash.cli.settings import load_settings, settings
from fitdash.cli.sweep import sweep
from fitdash.cli.sweeps import sweeps
from fitdash.version import __version__


@click.group(cls=DefaultCommandGroup, first="dashboard")
@click.version_option(__version__, prog_name="fitdash")
def main() -> None:
    """The fit() of Keras, on PyTorch, live in the browser.

    Without a command it opens the dashboard. Streamlit's own flags and environment are left in force:
    `fitdash --server.port=8600`.
    """


main.add_command(runs)
main.add_command(settings)
main.add_command(sweep)
main.add_command(sweeps)


@main.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.pass_context
def dashboard(context: click.Context) -> None:
    """Open the dashboard; Streamlit's flags are passed on."""
    load_settings()  # an invalid setting ends the command here, instead of showing on every page
    _serve(context.args)


def app_path() -> Path:
    """The dashboard's entry file: inside the installed package, or at the root of a checkout."""
    here = Path(__file__).parents[1]
    installed = here / "_app" / "app.py"
    return installed if installed.exists() else here.parent / "app.py"


def _serve(flags: list[str]) -> None:
    """Replaces this process by the Streamlit server, where the system can, so that signals reach it directly."""
    command = [sys.executable, "-m", "streamlit", "run", str(app_path()), *flags]
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(sys.executable, command)
    sys.exit(subprocess.call(command))
