"""A network made again from its weights."""

import numpy as np
import pytest
import torch

from fitdash.nn.rebuild import compute_outputs, rebuild_network
from fitdash.nn.registry import make_network
from fitdash.settings.network import NetworkArgs
from fitdash.settings.network_shape import NetworkShape

NETWORK = NetworkArgs(width=5, depth=2, dropout=0.5)
SHAPE = NetworkShape(inputs=4, units=3)
X = np.random.default_rng(0).standard_normal((7, 4)).astype(np.float32)


def weights_of(module):
    return {name: value.numpy().copy() for name, value in module.state_dict().items()}


def test_it_gives_what_the_trained_one_gives_and_draws_nothing():
    trained = make_network(NETWORK, SHAPE, "softmax").eval()
    state = torch.get_rng_state()

    given = compute_outputs(rebuild_network(NETWORK, SHAPE, "softmax", weights_of(trained)), X)

    assert given == pytest.approx(trained(torch.from_numpy(X)).detach().numpy())
    assert torch.equal(torch.get_rng_state(), state)


def test_weights_of_another_network_are_refused():
    with pytest.raises(RuntimeError):
        rebuild_network(NetworkArgs(width=6), SHAPE, "softmax", weights_of(make_network(NETWORK, SHAPE, "softmax")))
