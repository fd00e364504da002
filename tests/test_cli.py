"""The command line."""

import pytest
from click.testing import CliRunner

from fitdash import __version__, cli


@pytest.fixture
def served(monkeypatch):
    """The flags that the server would be started with."""
    calls = []
    monkeypatch.setattr(cli, "_serve", calls.append)
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
    result = CliRunner().invoke(cli.main, words)

    assert (result.exit_code, served) == (0, [flags])


def test_the_version_is_told(served):
    result = CliRunner().invoke(cli.main, ["--version"])

    assert (result.output, served) == (f"fitdash, version {__version__}\n", [])


def test_an_unknown_command_is_refused_by_its_name(served):
    result = CliRunner().invoke(cli.main, ["trian"])

    assert result.exit_code == 2
    assert "trian" in result.output
    assert served == []


def test_the_entry_file_is_there():
    assert cli.app_path().is_file()
