"""The command line: `fitdash` opens the dashboard."""

import os
import subprocess
import sys
from pathlib import Path

import click

from fitdash import __version__


class DashboardFirst(click.Group):
    """Commands, where none and unknown flags mean the dashboard."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = ("--help", "--version")
        is_flag = bool(args) and args[0].startswith("-") and args[0] not in own
        return super().parse_args(ctx, ["dashboard", *args] if is_flag or not args else args)


@click.group(cls=DashboardFirst)
@click.version_option(__version__, prog_name="fitdash")
def main() -> None:
    """The fit() of Keras, on PyTorch, live in the browser.

    Without a command it opens the dashboard. Streamlit's own flags and environment are left in force:
    `fitdash --server.port=8600`.
    """


@main.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
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
