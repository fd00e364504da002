"""`fitdash settings`, and a dashboard whose settings cannot be."""

import json

import pytest
from click.testing import CliRunner

from fitdash.cli import commands
from fitdash.runs.scheduling.server_settings import settings_path
from fitdash.settings.declaration import settings_of
from fitdash.settings.server import ServerArgs


def call(*words):
    return CliRunner().invoke(commands.main, words)


def test_every_setting_is_told_with_its_value_its_origin_and_its_meaning(home, monkeypatch):
    home.mkdir()
    settings_path().write_text("rows = 5_000\n")
    monkeypatch.setenv("FITDASH_SHARED", "on")

    lines = call("settings").output.splitlines()

    assert f"rows = 5_000  ({settings_path()})" in lines
    assert "shared = true  (FITDASH_SHARED)" in lines
    assert "runs_at_once = not set → one less than the cores, at least 1  (default)" in lines
    assert all(f"    FITDASH_{name.upper()}" in lines for name in settings_of(ServerArgs))
    assert json.loads(call("settings", "--json").output)["rows"] == {"value": 5000, "from": str(settings_path())}


@pytest.mark.parametrize("words", [["settings"], ["dashboard"]])
def test_what_cannot_be_in_force_is_said_before_anything_is_served(home, monkeypatch, words):
    served = []
    monkeypatch.setattr(commands, "_serve", served.append)
    monkeypatch.setenv("FITDASH_ROWS", "-3")

    result = call(*words)

    assert (result.exit_code, served) == (1, [])
    assert result.stderr == "Error: FITDASH_ROWS: rows must be at least 2, got -3.\n"
