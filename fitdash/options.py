"""Defaults of the whole process, read by each call of `fit`, `evaluate` and `predict` when it starts.

fit_verbose: what `verbose=None` means in `fit` and `evaluate`: 0, 1, 2 or "auto".
view_metrics: what `view_metrics=None` means in `fit`: True, False or "auto".
threads: how many threads torch uses during `fit`, `evaluate` and `predict`. More than one pays only for large
    networks on idle cores; beside a browser on the same cores it is many times slower.
read_once_bytes: HDF5 data up to this size (bytes) is read into memory once when it is shuffled row by row.

The first two start from the environment: FITDASH_FIT_VERBOSE and FITDASH_VIEW_METRICS.
Source: R keras `fit`: the options keras.fit_verbose and keras.view_metrics.
"""

import os
from typing import Any


def _from_environment(name: str, default: Any) -> Any:
    """The variable as bool, int or word; an unknown word is refused by the call that uses it."""
    text = os.environ.get(name, "").strip()
    words = {"": default, "true": True, "false": False}
    return words.get(text.lower(), int(text) if text.lstrip("-").isdigit() else text)


fit_verbose: Any = _from_environment("FITDASH_FIT_VERBOSE", 1)
view_metrics: Any = _from_environment("FITDASH_VIEW_METRICS", "auto")
threads: int = 1
read_once_bytes: int = 1_000_000_000
