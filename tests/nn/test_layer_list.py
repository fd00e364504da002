"""Networks of listed layers."""

import pytest
import torch

from fitdash.nn.registry import layers_of, make_network, parameter_count
from fitdash.settings.layer_list import as_layer_list
from fitdash.settings.network import NetworkArgs, parameters_of
from fitdash.settings.network_shape import NetworkShape
from tests.export.recipes import LISTED

SHAPES = {
    "digits": NetworkShape(inputs=64, units=10, image=(8, 8)),
    "regimes": NetworkShape(inputs=1, units=3, steps=30),
    "iris": NetworkShape(inputs=4, units=3),
    "wine": NetworkShape(inputs=13, units=3),
}


@pytest.mark.parametrize("name", LISTED)
def test_the_declaration_counts_the_parameters(name):
    data, network = LISTED[name]

    count = parameter_count(network, SHAPES[data])

    assert count == parameters_of(network, SHAPES[data])
    assert count == sum(layer.parameters for layer in layers_of(network, SHAPES[data]))


@pytest.mark.parametrize(
    ("kind", "data"), [("mlp", "iris"), ("cnn", "digits"), ("gru", "regimes"), ("lstm", "regimes")]
)
def test_a_preset_as_layers_has_the_same_modules_and_first_weights(kind, data):
    network, shape = NetworkArgs(kind=kind, width=5, depth=3, dropout=0.1, activation="tanh"), SHAPES[data]

    torch.manual_seed(0)
    preset = make_network(network, shape, "softmax")
    torch.manual_seed(0)
    layers = make_network(as_layer_list(network, shape), shape, "softmax")

    assert list(map(repr, preset)) == list(map(repr, layers))
    assert all(map(torch.equal, preset.parameters(), layers.parameters()))


def test_layers_stand_under_their_names_and_the_output_behind_them():
    network = LISTED["listed_image"][1]

    assert [(layer.name, layer.shape) for layer in layers_of(network, SHAPES["digits"], "softmax")] == [
        ("image", (1, 8, 8)),
        ("convolution_1", (3, 8, 8)),
        ("relu_1", (3, 8, 8)),
        ("batch_normalization_2", (3, 8, 8)),
        ("pool_3", (3, 4, 4)),
        ("convolution_4", (4, 3, 3)),
        ("gelu_4", (4, 3, 3)),
        ("flatten_5", (36,)),
        ("dense_6", (8,)),
        ("relu_6", (8,)),
        ("output", (10,)),
        ("softmax", (10,)),
    ]
