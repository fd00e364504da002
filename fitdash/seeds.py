"""The random generators of a process."""

import random

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
