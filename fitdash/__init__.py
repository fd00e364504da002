"""fitdash: the `fit()` of Keras, on PyTorch, live in the browser.

Names are imported on first use, so that code that needs no torch starts without importing it.
"""

import importlib
from typing import TYPE_CHECKING, Any

from fitdash.version import __version__ as __version__

if TYPE_CHECKING:
    from fitdash import callbacks, optimizers, options
    from fitdash.data.tables.loaded_dataset import load_dataset
    from fitdash.engine.callbacks.base import Callback
    from fitdash.engine.callbacks.history import History
    from fitdash.errors import BusyError, DataError, FitdashError, NotCompiledError, SettingError, StoreError
    from fitdash.model.builders import keras_model, keras_model_sequential, multi_gpu_model
    from fitdash.model.model import Model
    from fitdash.random_state import set_random_seed
    from fitdash.settings.experiment import Experiment
    from fitdash.sweeps.api import sweep

__all__ = [
    "BusyError",
    "Callback",
    "DataError",
    "Experiment",
    "FitdashError",
    "History",
    "Model",
    "NotCompiledError",
    "SettingError",
    "StoreError",
    "callbacks",
    "keras_model",
    "keras_model_sequential",
    "load_dataset",
    "multi_gpu_model",
    "optimizers",
    "options",
    "set_random_seed",
    "sweep",
]


_HOMES = {
    "BusyError": "fitdash.errors",
    "Callback": "fitdash.engine.callbacks.base",
    "DataError": "fitdash.errors",
    "Experiment": "fitdash.settings.experiment",
    "FitdashError": "fitdash.errors",
    "History": "fitdash.engine.callbacks.history",
    "Model": "fitdash.model.model",
    "NotCompiledError": "fitdash.errors",
    "SettingError": "fitdash.errors",
    "StoreError": "fitdash.errors",
    "keras_model": "fitdash.model.builders",
    "keras_model_sequential": "fitdash.model.builders",
    "load_dataset": "fitdash.data.tables.loaded_dataset",
    "multi_gpu_model": "fitdash.model.builders",
    "set_random_seed": "fitdash.random_state",
    "sweep": "fitdash.sweeps.api",
}


def __getattr__(name: str) -> Any:
    if name in ("callbacks", "optimizers", "options"):
        return importlib.import_module(f"fitdash.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'fitdash' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
