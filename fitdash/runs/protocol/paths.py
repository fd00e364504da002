"""Paths of the user's fitdash folder, its run store, and the folder of each run."""

import os
import sys
from pathlib import Path


def home() -> Path:
    """The folder of runs and uploads: FITDASH_HOME, or fitdash's place in the user's data folder."""
    chosen = os.environ.get("FITDASH_HOME", "").strip()
    return Path(chosen).expanduser().absolute() if chosen else _data_folder() / "fitdash"


def store_path() -> Path:
    """The file of the run store."""
    return home() / "runs.db"


def run_folder(uid: str) -> Path:
    """The folder of a run: its checkpoints, the files that its callbacks wrote, and its encoders (`columns.json`)."""
    return home() / "runs" / uid


def _data_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
