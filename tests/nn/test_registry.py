import math
import subprocess
import sys

import pytest
import torch

from fitdash.errors import SettingError
from fitdash.nn.registry import layers_of, make_network, parameter_count
from fitdash.settings.network import NetworkArgs, parameters_of
from fitdash.settings.network_shape import NetworkShape

DIGITS = NetworkShape(inputs=64, units=10, image=(8, 8))
STEPS = NetworkShape(inputs=2, units=3, steps=9)
HALVES = NetworkShape(inputs=10, units=4, parts=(("upper", 7), ("lower", 3)))
TARGETS = NetworkShape(inputs=3, units=1, outputs=("Weight", "Waist", "Pulse"))
FITTING = [
    ("mlp", NetworkShape(inputs=4, units=3)),
    ("cnn", DIGITS),
    ("cnn", NetworkShape(inputs=35, units=10, image=(5, 7))),
    ("gru", STEPS),
    ("lstm", STEPS),
    ("mlp", STEPS),
    ("branches", HALVES),
    ("heads", TARGETS),
]


@pytest.mark.parametrize(
    ("ending", "units", "expected"), [("linear", 1, -5.0), ("sigmoid", 1, 1 / (1 + math.exp(5))), ("softmax", 4, 0.25)]
)
def test_the_last_activation_is_the_one_asked_for(ending, units, expected):
    module = make_network(NetworkArgs(width=8), NetworkShape(inputs=4, units=units), ending)
    torch.nn.init.zeros_(module.output.weight)
    torch.nn.init.constant_(module.output.bias, -5.0)

    out = module(torch.randn(5, 4)).detach()

    assert torch.allclose(out, torch.full((5, units), expected))


def test_layers_are_listed_with_shapes_and_parameters():
    layers = layers_of(NetworkArgs(width=8, depth=1, dropout=0.5), NetworkShape(inputs=4, units=3), "softmax")

    assert [(layer.name, layer.kind, layer.shape, layer.parameters) for layer in layers] == [
        ("hidden_1", "Linear", (8,), 40),
        ("relu_1", "ReLU", (8,), 0),
        ("dropout_1", "Dropout", (8,), 0),
        ("output", "Linear", (3,), 27),
        ("softmax", "Softmax", (3,), 0),
    ]


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu", "silu", "elu", "linear"])
def test_every_activation_of_the_declaration_can_be_built(activation):
    module = make_network(NetworkArgs(activation=activation, width=3, depth=2), NetworkShape(inputs=2, units=1))

    assert module(torch.ones(1, 2)).shape == (1, 1)
    assert len(module) == (3 if activation == "linear" else 5)


def test_without_hidden_layers_the_network_is_linear():
    module = make_network(NetworkArgs(depth=0), NetworkShape(inputs=4, units=2))

    assert [name for name, _ in module.named_parameters()] == ["output.weight", "output.bias"]


@pytest.mark.parametrize("depth", [0, 1, 2, 4])
@pytest.mark.parametrize(("kind", "shape"), FITTING)
def test_the_declaration_counts_the_parameters_of_every_kind(kind, shape, depth):
    network = NetworkArgs(kind=kind, width=5, depth=depth, dropout=0.5)

    count = parameter_count(network, shape)

    assert count == parameters_of(network, shape) == sum(layer.parameters for layer in layers_of(network, shape))


@pytest.mark.parametrize(
    ("shape", "kind"),
    [(NetworkShape(inputs=4, units=3), "mlp"), (STEPS, "gru"), (HALVES, "branches"), (TARGETS, "heads")],
)
def test_auto_is_the_kind_that_fits(shape, kind):
    auto, named = (parameter_count(NetworkArgs(kind=one), shape) for one in ("auto", kind))

    assert auto == named


def test_a_convolution_halves_the_image_while_it_can():
    layers = layers_of(NetworkArgs(kind="cnn", width=4, depth=3), DIGITS)

    shapes = [layer.shape for layer in layers if layer.kind == "Conv2d"]
    assert shapes == [(4, 8, 8), (4, 4, 4), (4, 2, 2)]
    assert next(layer.shape for layer in layers if layer.name == "flat") == (16,)


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_a_recurrent_network_gives_a_value_per_step_and_sees_only_the_steps_before(kind):
    module = make_network(NetworkArgs(kind=kind, width=6), STEPS, "softmax").eval()
    x = torch.randn(4, 9, 2)
    changed = x.clone()
    changed[:, 5:] += 1

    with torch.no_grad():
        before, after = module(x), module(changed)

    assert before.shape == (4, 9, 3)
    assert torch.allclose(before[:, :5], after[:, :5])
    assert not torch.allclose(before[:, 5:], after[:, 5:])


def test_every_branch_takes_part():
    module = make_network(NetworkArgs(width=6), HALVES)
    given = {"upper": torch.randn(2, 7), "lower": torch.randn(2, 3)}

    module(**given).sum().backward()

    assert all(parameter.grad.abs().sum() > 0 for parameter in module.parameters())


def test_every_head_has_the_name_of_its_target():
    found = make_network(NetworkArgs(width=6), TARGETS)(torch.randn(5, 3))

    assert {name: tuple(part.shape) for name, part in found.items()} == dict.fromkeys(TARGETS.outputs, (5, 1))


def test_counting_draws_nothing_from_the_global_generator():
    network = NetworkArgs(width=1000, depth=30)
    before = torch.get_rng_state()

    parameter_count(network, DIGITS)
    layers_of(network, DIGITS, "softmax")

    assert torch.equal(before, torch.get_rng_state())


def test_listing_a_small_network_does_not_wait_for_the_compiler_of_torch():
    program = """if True:
        import sys
        from fitdash.nn.registry import layers_of
        from fitdash.settings.network import NetworkArgs
        from fitdash.settings.network_shape import NetworkShape

        layers_of(NetworkArgs(), NetworkShape(inputs=64, units=10, image=(8, 8)), "softmax")
        sys.exit("torch._dynamo" in sys.modules)
    """

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_large_network_is_listed_without_memory():
    network = NetworkArgs(width=4096, depth=3)

    (first, *_, last) = layers_of(network, DIGITS, "softmax")

    assert first.parameters == 65 * 4096
    assert last.shape == (10,)


def test_a_network_nobody_knows_is_refused():
    with pytest.raises(SettingError, match="Unknown kind of network 'mpl'. Did you mean 'mlp'"):
        make_network(NetworkArgs(kind="mpl"), NetworkShape(inputs=1, units=1))
