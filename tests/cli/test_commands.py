"""The command line."""

import pytest
from click.testing import CliRunner

from fitdash import __version__
from fitdash.cli import commands


@pytest.fixture
def served(monkeypatch):
    """The flags that the server would be started with."""
    calls = []
    monkeypatch.setattr(commands, "_serve", calls.append)
    return calls


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        ([], []),
        (["--server.port=8600"], ["--server.port=8600"]),
        (["--server.port", "8600"], ["--server.port", "8600"]),
        (["dashboard", "--server.headless=true"], ["--server.headless=true"]),
    ],
)
def test_the_dashboard_opens_and_streamlits_flags_are_passed_on(served, words, flags):
    result = CliRunner().invoke(commands.main, words)

    assert (result.exit_code, served) == (0, [flags])


def test_the_version_is_told(served):
    result = CliRunner().invoke(commands.main, ["--version"])

    assert (result.output, served) == (f"fitdash, version {__version__}\n", [])


def test_an_unknown_command_is_refused_by_its_name(served):
    result = CliRunner().invoke(commands.main, ["trian"])

    assert result.exit_code == 2
    assert "trian" in result.output
    assert served == []


def test_the_entry_file_is_there():
    assert commands.app_path().is_file()


def test_old_console_scripts_find_main():
    from fitdash.cli import main as of_the_package
    from fitdash.cli.commands import main

    assert of_the_package is main
