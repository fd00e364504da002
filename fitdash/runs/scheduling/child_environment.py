"""What a process of fitdash gives another one that it starts."""

import os
from pathlib import Path

from fitdash.runs.protocol.paths import home


def child_environment() -> dict[str, str]:
    """This process's environment, in which `python -m fitdash` is this fitdash on this store."""
    package = Path(__file__).parents[3]
    search = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "FITDASH_HOME": str(home()), "PYTHONPATH": search}
