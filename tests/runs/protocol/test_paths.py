"""Where things are kept."""

from pathlib import Path

from fitdash.runs.protocol.paths import home, store_path


def test_home_is_the_folder_that_the_environment_names(monkeypatch, tmp_path):
    monkeypatch.setenv("FITDASH_HOME", str(tmp_path / "here"))

    assert home() == tmp_path / "here"
    assert store_path() == tmp_path / "here" / "runs.db"
    assert not home().exists()


def test_home_understands_the_tilde(monkeypatch):
    monkeypatch.setenv("FITDASH_HOME", "~/runs of mine")

    assert home() == Path.home() / "runs of mine"


def test_home_is_in_the_data_folder_of_the_user_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv("FITDASH_HOME")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    assert home() == tmp_path / "fitdash"
