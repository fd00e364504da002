"""Keras 3 on JAX as a contender: trains in a child process that measures its own seconds.

KERAS_JAX_PYTHON names an interpreter that has both, such as that of another virtual environment; without it, this one.
"""

import atexit
import functools
import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.workloads import Workload

_NUMBERS = itertools.count()
HAS_BOTH = "import importlib.util as u, sys; sys.exit(not (u.find_spec('keras') and u.find_spec('jax')))"


class Timed(NamedTuple):
    """Result of a contender that ran in a process of its own and measured its time there."""

    wall: float
    cpu: float
    accuracy: float


@functools.cache
def is_here() -> bool:
    """Whether the interpreter has Keras and JAX."""
    return subprocess.run([_python(), "-c", HAS_BOTH], check=False).returncode == 0


def versions() -> str:
    """Versions of Keras and JAX in the child process."""
    return str(_child()[1])


def trained(work: Workload, x: torch.Tensor, y: torch.Tensor, epochs: int, at_once: int) -> Timed:
    """Train once.

    Args:
        at_once: Steps per call of a network that was compiled before; 0: one step per call, compilation included.
    """
    task = {
        "data": str(_stored(x, y)),
        "kind": work.kind,
        "layers": list(work.layers or ()),
        "classes": work.classes,
        "batch": work.batch,
        "epochs": epochs,
        "at_once": at_once,
    }
    return Timed(*_asked(task))


def _asked(task: dict[str, Any]) -> Any:
    process, _ = _child()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(task) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("keras-jax: the child process has ended; its last words are above.")
    return json.loads(line)


def _python() -> str:
    return os.environ.get("KERAS_JAX_PYTHON") or sys.executable


@functools.cache
def _child() -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [_python(), "-m", "benchmarks.keras_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    atexit.register(process.kill)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


@functools.lru_cache(maxsize=1)
def _stored(x: torch.Tensor, y: torch.Tensor) -> Path:
    """A file with these arrays, written once per pair of tensor objects."""
    path = Path(_folder().name) / f"{next(_NUMBERS)}.npz"
    np.savez(path, x=x.numpy(), y=y.numpy())
    return path
