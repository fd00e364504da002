"""The command line. `fitdash.cli:main` is what console scripts import."""

from fitdash.cli.commands import main

__all__ = ["main"]
