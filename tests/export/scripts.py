"""Run scripts in one process of their own and give the histories: `python -m tests.export.scripts FOLDER`.

Every file of the folder is run by itself; what it left in `history` is printed as JSON, floats to the last bit.
"""

import json
import os
import sys
from pathlib import Path

from tests.forked import Processes

ROOT = Path(__file__).parents[2]


def histories(folder, scripts):
    """What each script's `history` holds, by its name."""
    for name, text in scripts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "FITDASH_HOME": str(folder / "home"),
        "PYTHONWARNINGS": "error",
    }
    command = [sys.executable, "-m", "tests.export.scripts"]
    done = Processes.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _all():
    found = {}
    for path in sorted(Path().glob("*.py")):
        space = {}
        exec(compile(path.read_text(encoding="utf-8"), path.name, "exec"), space)
        found[path.stem] = space["history"].history
    return found


if __name__ == "__main__":
    print(json.dumps(_all()))
