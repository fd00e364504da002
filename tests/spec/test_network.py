import pytest

from fitdash.spec.arg import inert_in, problems_in, settings_of
from fitdash.spec.facts import Facts
from fitdash.spec.network import NetworkArgs, parameters_of

DIGITS = Facts(rows=1797, classes=tuple("0123456789"), inputs=64)


def test_parameters_are_the_weights_and_biases_of_all_layers():
    assert parameters_of(NetworkArgs(width=64, depth=2), 64, 10) == 65 * 64 + 65 * 64 + 65 * 10
    assert parameters_of(NetworkArgs(depth=0), 4, 3) == 15


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"width": 0}, "width must be at least 1, got 0."),
        ({"depth": -1}, "depth must be at least 0, got -1."),
        ({"kind": "cnn"}, "kind must be 'mlp', got 'cnn'."),
        (
            {"activation": "step"},
            "activation must be 'relu', 'tanh', 'sigmoid', 'gelu', 'silu', 'elu' or 'linear', got",
        ),
        ({"dropout": 1}, "dropout must be below 1, got 1."),
        (
            {"width": 60_000},
            "width and depth must give at most 100,000,000 parameters, got 3,604,560,010. Lower one of them.",
        ),
    ],
)
def test_what_stops_a_run(given, text):
    (problem,) = problems_in(NetworkArgs(**given), DIGITS)

    assert problem.where == f"network.{next(iter(given))}"
    assert problem.text.startswith(text)


def test_a_network_too_large_is_found_without_the_data_too():
    assert len(problems_in(NetworkArgs(width=60_000))) == 1


def test_dropout_needs_a_hidden_layer():
    assert inert_in(NetworkArgs(depth=0)) == {"network.dropout": "No effect while depth is 0."}


def test_dropout_changes_while_a_run_is_on():
    assert [name for name, setting in settings_of(NetworkArgs).items() if setting.arg.live] == ["dropout"]
