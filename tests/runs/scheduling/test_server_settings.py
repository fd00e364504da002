"""The settings of a server, from a file and the environment."""

import re

import pytest

from fitdash.errors import SettingError
from fitdash.runs.scheduling.server_settings import settings_in_force, settings_path, settings_with_origins
from fitdash.settings.declaration import settings_of
from fitdash.settings.server import ServerArgs


def written(text):
    settings_path().parent.mkdir(parents=True, exist_ok=True)
    settings_path().write_text(text)


def test_without_a_file_the_defaults_are_in_force():
    assert settings_in_force({}) == ServerArgs()


def test_the_environment_goes_before_the_file():
    written("rows = 500\nshared = true\ndisk_gigabytes = 3\n")

    found = settings_with_origins(
        {"FITDASH_ROWS": "900", "FITDASH_DISK_GIGABYTES_PER_VISITOR": "0.5", "FITDASH_PARAMETERS": ""}
    )

    assert found["rows"] == (900, "FITDASH_ROWS")
    assert found["shared"] == (True, str(settings_path()))
    assert found["parameters"] == (ServerArgs().parameters, "default")
    assert settings_in_force({"FITDASH_SHARED": "off"}).shared is False
    assert settings_in_force({"FITDASH_DISK_GIGABYTES_PER_VISITOR": "0.5"}).disk_gigabytes_per_visitor == 0.5


def test_everything_that_is_wrong_is_told_at_once_with_its_place():
    written('rows = "many"\nrowz = 3\n')
    path = re.escape(str(settings_path()))

    with pytest.raises(SettingError) as error:
        settings_in_force({"FITDASH_RUNS_AT_ONCE": "0", "FITDASH_SHARED": "perhaps"})

    lines = str(error.value).splitlines()
    assert any(
        re.fullmatch(rf"{path}: Unknown setting 'rowz'. Did you mean 'rows'\? Known: .*", line) for line in lines
    )
    assert "FITDASH_RUNS_AT_ONCE: runs_at_once must be at least 1, got 0." in lines
    assert any(line.startswith("FITDASH_SHARED: shared must be") for line in lines)
    assert any(line.startswith(f"{settings_path()}: rows must be an integer, got 'many'") for line in lines)


def test_a_file_that_is_no_toml_is_refused_with_its_name():
    written("rows == 3")

    with pytest.raises(SettingError, match=re.escape(f"{settings_path()} must be TOML, got: ")):
        settings_in_force({})


def test_every_setting_says_what_it_means():
    assert all(setting.arg.help for setting in settings_of(ServerArgs).values())
