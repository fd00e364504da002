"""The environment of the processes that fitdash starts."""

import os
from pathlib import Path

from fitdash.runs.protocol.paths import home


def child_environment() -> dict[str, str]:
    """This process's environment, changed so that `python -m fitdash` is this installation on this store."""
    package = Path(__file__).parents[3]
    search = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "FITDASH_HOME": str(home()), "PYTHONPATH": search}
