"""Keras 3 on JAX in a process of its own, because a process has one backend: trains once per line of its input.

Needs no torch, so that its interpreter may be another one. Each line is a JSON object with the arguments of `trained`;
the answer is a line with its result. `benchmarks.keras_jax` starts this process.
"""

import functools
import importlib.metadata
import json
import os
import sys
import time
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false " + os.environ.get("XLA_FLAGS", "")
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # before XLA counts the cores for its threads

import keras  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks.keras_networks import channels_last, network  # noqa: E402


def main() -> None:
    answer(f"keras {keras.__version__}, jax {importlib.metadata.version('jax')}")
    for line in sys.stdin:
        answer(trained(**json.loads(line)))


def answer(said: Any) -> None:
    print(json.dumps(said), flush=True)


def trained(data: str, kind: str, layers: list[int], classes: int, batch: int, epochs: int, at_once: int) -> Any:
    """Wall seconds, CPU seconds and the accuracy on the last fifth of the rows.

    Args:
        data: File with the arrays x and y.
        kind, layers, classes: The network, see `network`.
        batch, epochs: As in `fit`.
        at_once: Steps per call; 0: one, in a network that is made and compiled anew.
    """
    x, y = rows(data)
    model = None if at_once == 0 else warm(data, kind, tuple(layers), classes, batch, at_once)
    wall, cpu = time.perf_counter(), time.process_time()
    if model is None:
        model = network(x.shape[1:], kind, tuple(layers), classes, 1)
    history = model.fit(x, y, batch_size=batch, epochs=epochs, validation_split=0.2, verbose=0).history
    return time.perf_counter() - wall, time.process_time() - cpu, history["val_accuracy"][-1]


@functools.lru_cache(maxsize=1)
def rows(data: str) -> tuple[Any, Any]:
    arrays = np.load(data)
    return channels_last(arrays["x"]), arrays["y"]


def warm(data: str, kind: str, layers: tuple[int, ...], classes: int, batch: int, at_once: int) -> Any:
    """A network with its initial weights, whose steps an earlier epoch has compiled."""
    model, begin, state = _kept(data, kind, layers, classes, batch, at_once)
    model.set_weights(begin)
    for variable, value in zip(model.optimizer.variables, state, strict=True):
        variable.assign(value)
    return model


@functools.lru_cache(maxsize=2)
def _kept(data: str, kind: str, layers: tuple[int, ...], classes: int, batch: int, at_once: int) -> Any:
    x, y = rows(data)
    model = network(x.shape[1:], kind, layers, classes, at_once)
    begin, state = model.get_weights(), [keras.ops.convert_to_numpy(variable) for variable in model.optimizer.variables]
    model.fit(x, y, batch_size=batch, epochs=1, validation_split=0.2, verbose=0)
    return model, begin, state


if __name__ == "__main__":
    main()
