import math

import pytest
import torch

from fitdash.errors import SettingError
from fitdash.nn.registry import layers_of, make, parameter_count
from fitdash.spec.network import NetworkArgs, parameters_of


@pytest.mark.parametrize(
    ("ending", "units", "expected"), [("linear", 1, -5.0), ("sigmoid", 1, 1 / (1 + math.exp(5))), ("softmax", 4, 0.25)]
)
def test_the_last_activation_is_the_one_asked_for(ending, units, expected):
    module = make(NetworkArgs(width=8), 4, units, ending)
    torch.nn.init.zeros_(module.output.weight)
    torch.nn.init.constant_(module.output.bias, -5.0)

    out = module(torch.randn(5, 4)).detach()

    assert torch.allclose(out, torch.full((5, units), expected))


def test_layers_are_listed_with_shapes_and_parameters():
    layers = layers_of(NetworkArgs(width=8, depth=1, dropout=0.5), 4, 3, "softmax")

    assert [(layer.name, layer.kind, layer.shape, layer.parameters) for layer in layers] == [
        ("hidden_1", "Linear", (8,), 40),
        ("relu_1", "ReLU", (8,), 0),
        ("dropout_1", "Dropout", (8,), 0),
        ("output", "Linear", (3,), 27),
        ("softmax", "Softmax", (3,), 0),
    ]


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu", "silu", "elu", "linear"])
def test_every_activation_of_the_declaration_can_be_built(activation):
    module = make(NetworkArgs(activation=activation, width=3, depth=2), 2, 1)

    assert module(torch.ones(1, 2)).shape == (1, 1)
    assert len(module) == (3 if activation == "linear" else 5)


def test_without_hidden_layers_the_network_is_linear():
    module = make(NetworkArgs(depth=0), 4, 2)

    assert [name for name, _ in module.named_parameters()] == ["output.weight", "output.bias"]


def test_counting_draws_nothing_from_the_global_generator():
    network = NetworkArgs(width=1000, depth=30)
    before = torch.get_rng_state()

    count = parameter_count(network, 64, 10)
    layers = layers_of(network, 64, 10, "softmax")

    assert torch.equal(before, torch.get_rng_state())
    assert count == parameters_of(network, 64, 10) == sum(layer.parameters for layer in layers)


def test_a_network_nobody_knows_is_refused():
    with pytest.raises(SettingError, match="Unknown kind of network 'mpl'. Did you mean 'mlp'"):
        make(NetworkArgs(kind="mpl"), 1, 1)
