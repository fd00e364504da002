from dataclasses import replace

import pytest

from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import inert_in, problems_in, settings_of
from fitdash.settings.network import NetworkArgs, parameters_of, resolved_network_kind
from fitdash.settings.network_shape import NetworkShape, shape_of

DIGITS = DataFacts(rows=1797, classes=tuple("0123456789"), inputs=64)
IMAGES = replace(DIGITS, image=(8, 8))
STEPS = DataFacts(rows=600, classes=("calm", "fast", "slow"), inputs=1, steps=30)
HALVES = replace(DIGITS, parts=(("upper", 32), ("lower", 32)))
TARGETS = DataFacts(rows=20, task="regression", inputs=3, outputs=("Weight", "Waist", "Pulse"))


def test_parameters_are_the_weights_and_biases_of_all_layers():
    assert parameters_of(NetworkArgs(width=64, depth=2), shape_of(DIGITS)) == 65 * 64 + 65 * 64 + 65 * 10
    assert parameters_of(NetworkArgs(depth=0), NetworkShape(inputs=4, units=3)) == 15


@pytest.mark.parametrize(
    ("facts", "kinds", "what"),
    [
        (DIGITS, ("mlp", "layers"), "data without images, steps or several inputs"),
        (IMAGES, ("mlp", "cnn", "layers"), "images"),
        (STEPS, ("gru", "lstm", "mlp", "layers"), "data with a label per step"),
        (HALVES, ("branches",), "data with several inputs"),
        (TARGETS, ("heads",), "data with several targets"),
    ],
)
def test_a_kind_that_does_not_fit_the_data_is_a_problem_in_words(facts, kinds, what):
    for kind in ("mlp", "cnn", "gru", "lstm", "branches", "heads", "layers"):
        problems = [problem.text for problem in problems_in(NetworkArgs(kind=kind), facts)]
        fitting = " or ".join(f"'{one}'" for one in ("auto", *kinds))
        assert problems == ([] if kind in kinds else [f"kind must be {fitting} for {what}, got '{kind}'."])
    assert problems_in(NetworkArgs(), facts) == []
    assert resolved_network_kind("auto", facts) == kinds[0]


def test_recurrent_units_have_bends_of_their_own():
    reason = "No effect: kind is recurrent, and its units have bends of their own."

    assert inert_in(NetworkArgs(), STEPS) == {"network.activation": reason}
    assert inert_in(NetworkArgs(kind="mlp"), STEPS) == {}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"width": 0}, "width must be at least 1, got 0."),
        ({"depth": -1}, "depth must be at least 0, got -1."),
        (
            {"kind": "crnn"},
            "kind must be 'auto', 'mlp', 'cnn', 'gru', 'lstm', 'branches', 'heads' or 'layers', got 'crnn'.",
        ),
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
