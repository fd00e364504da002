"""Rows, and fits on them that end alike whatever kind of data holds the rows."""

import numpy as np
import torch

from tests.contract.networks import linear, parameters, xy

X, Y = xy(10)
REFERENCE = X.astype("float64")


def trained(x, y, **arguments):
    """Losses and parameters after two epochs from equal parameters."""
    torch.manual_seed(1)
    model = linear()
    logs = model.fit(x, y, **{"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0} | arguments).history
    return logs["loss"], *parameters(model)


def assert_trains_alike(x, y, **arguments):
    for a, b in zip(trained(x, y, **arguments), trained(X, Y), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
