"""Seeds, reads and restores the global random generators of Python, NumPy and torch."""

import random
from collections.abc import Mapping
from typing import Any

import numpy as np


def set_random_seed(seed: int) -> None:
    """Seed Python's, NumPy's and torch's global generators, so that equal fits give equal numbers on CPU.

    Args:
        seed: From 0 to 2³² − 1.

    Source: Keras 3 `keras.utils.set_random_seed`.
    """
    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  torch and users' code draw from the global generators
    torch.manual_seed(seed)


def random_states() -> dict[str, Any]:
    """The states of the global generators of torch, NumPy and Python."""
    import torch

    kind, keys, place, has_normal, normal = np.random.get_state()  # noqa: NPY002
    version, words, normal_of_python = random.getstate()
    states: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "numpy": [kind, torch.from_numpy(np.asarray(keys).view(np.int32)), place, has_normal, normal],
        "python": [version, words, normal_of_python],
    }
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def set_random_states(states: Mapping[str, Any]) -> None:
    """Restore states that `random_states` gave, so that the same numbers follow."""
    import torch

    torch.set_rng_state(states["torch"])
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, keys.numpy().view(np.uint32), *rest))  # noqa: NPY002
    version, words, normal = states["python"]
    random.setstate((version, tuple(words), normal))
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"])
