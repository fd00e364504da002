"""The examples run as they stand, without a warning."""

import sys
from pathlib import Path

import pytest

from tests.forked import Processes

FOLDER = Path(__file__).parent.parent / "examples"
SAYS = {
    "fit.py": "stepper: recorded",
    "callbacks.py": "'kind': 'early_stop'",
    "sweep.py": "best: {'compile.learning_rate'",
    "dataset_csv.py": "val_r2_score: 0.9",
}
"""The file, and what it prints when all is well."""


def test_every_example_is_tested():
    assert sorted(SAYS) == sorted(path.name for path in FOLDER.glob("*.py"))


@pytest.mark.parametrize("name", SAYS)
def test_an_example_runs(name, tmp_path):
    done = Processes.run(
        [sys.executable, "-W", "error", str(FOLDER / name)], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert SAYS[name] in done.stdout
