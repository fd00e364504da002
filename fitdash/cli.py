"""The command line: `fitdash` opens the dashboard."""

import os
import subprocess
import sys
from pathlib import Path

import click

from fitdash import __version__

_PASSED_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": ["-h", "--help"]}


@click.group(invoke_without_command=True, context_settings=_PASSED_ON)
@click.version_option(__version__, prog_name="fitdash")
@click.pass_context
def main(context: click.Context) -> None:
    """The fit() of Keras, on PyTorch, live in the browser.

    Without a command it opens the dashboard. Streamlit's own flags and environment are left in force:
    `fitdash --server.port=8600`.
    """
    if context.invoked_subcommand is None:
        _serve(context.args)


@main.command(context_settings=_PASSED_ON)
@click.pass_context
def dashboard(context: click.Context) -> None:
    """Open the dashboard; Streamlit's flags are passed on."""
    _serve(context.args)


def app_path() -> Path:
    """The dashboard's entry file: inside the installed package, or at the root of a checkout."""
    here = Path(__file__).parent
    installed = here / "_app" / "app.py"
    return installed if installed.exists() else here.parent / "app.py"


def _serve(flags: list[str]) -> None:
    """Become the Streamlit server, so that signals reach it directly."""
    command = [sys.executable, "-m", "streamlit", "run", str(app_path()), *flags]
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(sys.executable, command)
    sys.exit(subprocess.call(command))
