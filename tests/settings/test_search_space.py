"""Search spaces: what may be varied, over what, and what is wrong with it."""

import json
from dataclasses import replace

import pytest

from fitdash.errors import SettingError
from fitdash.settings.callbacks import EarlyStoppingArgs
from fitdash.settings.compile import CompileArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.network import NetworkArgs
from fitdash.settings.search_dimension import Choices, Range
from fitdash.settings.search_space import (
    parse_search_space,
    sweepable_settings,
    value_at,
    with_value,
)
from fitdash.settings.validation_data import HoldOut

BASE = Experiment(callbacks=(EarlyStoppingArgs(),), fit=FitArgs(validation_data=HoldOut()))


@pytest.mark.parametrize(
    ("address", "text", "dimension"),
    [
        ("compile.learning_rate", "1e-4..1e-1 log", Range(low=1e-4, high=1e-1, log=True)),
        ("compile.learning_rate", "0.1, 0.01, 3e-4", Choices(values=(0.1, 0.01, 3e-4))),
        ("compile.learning_rate", "not set, 0.1", Choices(values=(None, 0.1))),
        ("network.dropout", "0 to 0.5", Range(low=0.0, high=0.5)),
        ("network.dropout", "0..0.5 5 points", Range(low=0.0, high=0.5, points=5)),
        ("network.width", "16..128 step 16", Range(low=16, high=128, step=16)),
        ("network.width", "16, 32", Choices(values=(16, 32))),
        ("network.width", "1..512 log, 4 points", Range(low=1, high=512, log=True, points=4)),
        ("network.activation", "relu, tanh", Choices(values=("relu", "tanh"))),
        ("fit.shuffle", "true, false, batch", Choices(values=(True, False, "batch"))),
        ("fit.sample_weight", "not set, age, recency()", Choices(values=(None, "age", "recency()"))),
        ("fit.sample_weight", "above(length (cm), 4, 3), age", Choices(values=("above(length (cm), 4, 3)", "age"))),
        (
            "fit.sample_weight",
            '"a, b", equal(city, "Paris), Texas", 2), "not set", 5" pipe',
            Choices(values=("a, b", 'equal(city, "Paris), Texas", 2)', "not set", '5" pipe')),
        ),
        ("fit.validation_data.share", "0.1..0.3", Range(low=0.1, high=0.3)),
        ("callbacks.0.patience", "0..9", Range(low=0, high=9)),
        ("seed", "0..4", Range(low=0, high=4)),
    ],
)
def test_a_line_of_text_says_what_a_setting_may_be(address, text, dimension):
    space = parse_search_space({address: text}, BASE)

    assert space.dimensions == {address: dimension}
    assert parse_search_space(space.to_text(), BASE) == space


def test_weights_of_rows_are_no_range():
    with pytest.raises(SettingError) as caught:
        parse_search_space({"fit.sample_weight": "0..1"}, BASE)

    assert str(caught.value) == "fit.sample_weight must be varied by a list of values, got a range."


def test_tables_lists_and_ranges_mean_the_same_as_text():
    given = {
        "compile.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
        "network.width": [16, 32],
        "network.depth": {"choices": [1, 2]},
        "fit.class_weight": [None, "balanced", {"0": 1.0, "1": 4.0}],
        "network.dropout": Range(low=0, high=0.5),
    }

    space = parse_search_space(given, BASE)

    assert space.dimensions["compile.learning_rate"] == Range(low=1e-4, high=1e-1, log=True)
    assert space.dimensions["fit.class_weight"].values == (None, "balanced", {0: 1.0, 1: 4.0})
    assert parse_search_space(json.loads(json.dumps(space.to_dict())), BASE) == space


def test_dotted_names_and_tables_within_tables_give_the_same_space():
    dotted = {"compile.learning_rate": "1e-4..1e-1 log", "network.width": [16, 32]}
    tables = {"compile": {"learning_rate": "1e-4..1e-1 log"}, "network": {"width": [16, 32]}}

    assert parse_search_space(dotted, BASE) == parse_search_space(tables, BASE)
    assert parse_search_space({"network": {"depth": {"low": 1, "high": 3}}}, BASE).dimensions == {
        "network.depth": Range(low=1, high=3)
    }


def test_every_mistake_is_told_at_once():
    given = {
        "learning_rate": "0.1, 0.01",
        "network.widht": [1],
        "network.kind": ["mlp"],
        "network.dropout": "0..1",
        "network.depth": "1, two",
        "fit.batch_size": "8..8",
    }

    with pytest.raises(SettingError) as raised:
        parse_search_space(given, BASE)

    assert str(raised.value).splitlines() == [
        "Unknown setting of a search space, 'learning_rate'. Did you mean 'compile.learning_rate'?",
        "Unknown setting of a search space, 'network.widht'. Did you mean 'network.width'? Known: "
        + ", ".join(sweepable_settings(BASE))
        + ".",
        "network.kind must be a setting that may vary, got one that is fixed. Known: "
        + ", ".join(sweepable_settings(BASE))
        + ".",
        "network.dropout must be below 1, got 1.0.",
        "network.depth must be an integer, got 'two'.",
        "fit.batch_size must have low below high, got 8.0 and 8.0.",
    ]


@pytest.mark.parametrize(
    ("address", "given", "message"),
    [
        ("network.width", "16..65537", "network.width must be at most 65536, got 65537."),
        ("network.width", "1.5..4", "network.width must have an integer as low, got 1.5."),
        ("network.dropout", "0..0.5 log", "network.dropout must begin above 0 to be log, got 0.0."),
        ("network.width", [], "network.width must have one value or more to be varied, got none."),
        ("network.width", [8, 8], "network.width must have each value once, got 8 again."),
        ("network.dropout", "0..0.5 1 points", "network.dropout must have 2 to 1000 points, got 1."),
        (
            "network.dropout",
            "0..0.5 step 0.7",
            "network.dropout must have a step above 0 that fits the range, and no log beside it, got 0.7.",
        ),
        (
            "network.dropout",
            {"low": 0, "hihg": 1},
            "Unknown word of the range of network.dropout, 'hihg'. Did you mean 'high'? "
            "Known: low, high, log, step, points.",
        ),
        (
            "network.activation",
            "0..1",
            "network.activation must be varied by a list of values, got a range. "
            "Known: relu, tanh, sigmoid, gelu, silu, elu, linear.",
        ),
        (
            "fit.batch_size",
            7,
            'fit.batch_size must be a range or some values to be varied, got 7. Give "1e-4..1e-1 log", a list, '
            "or a table with low and high.",
        ),
    ],
)
def test_a_range_that_cannot_be_is_refused_in_words(address, given, message):
    with pytest.raises(SettingError) as raised:
        parse_search_space({address: given}, BASE)

    assert str(raised.value) == message


def test_a_share_of_rows_that_nobody_holds_out_cannot_be_varied():
    with pytest.raises(SettingError, match="must have validation_data to be varied, got None"):
        parse_search_space({"fit.validation_data.share": "0.1..0.3"}, Experiment())


def test_values_that_break_a_relation_are_told_before_anything_trains():
    base = Experiment(fit=FitArgs(epochs=10, initial_epoch=5))

    with pytest.raises(SettingError) as raised:
        parse_search_space({"fit.epochs": "2..20"}, base)

    assert str(raised.value) == ("initial_epoch must be below epochs (2), got 5. Raise epochs or lower initial_epoch.")


def test_an_empty_space_is_refused():
    with pytest.raises(SettingError, match="must vary one setting or more, got none"):
        parse_search_space({}, BASE)


def test_a_point_of_the_unit_cube_gives_values_between_the_ends():
    space = parse_search_space({"compile.learning_rate": "1e-4..1e-2 log", "network.width": "8..16 step 4"}, BASE)

    assert space.at(BASE, (0.0, 0.0)) == {"compile.learning_rate": pytest.approx(1e-4), "network.width": 8}
    assert space.at(BASE, (0.5, 0.6)) == {"compile.learning_rate": pytest.approx(1e-3), "network.width": 12}
    assert space.at(BASE, (1.0, 1.0)) == {"compile.learning_rate": pytest.approx(1e-2), "network.width": 16}


def test_a_grid_has_every_combination_and_refuses_a_range_without_end():
    space = parse_search_space(
        {"network.width": "8..16 step 4", "compile.learning_rate": "1e-3..1e-1 log 3 points"}, BASE
    )

    grid = space.grid(BASE)

    assert [cell["network.width"] for cell in grid] == [8, 8, 8, 12, 12, 12, 16, 16, 16]
    assert [cell["compile.learning_rate"] for cell in grid[:3]] == pytest.approx([1e-3, 1e-2, 1e-1])
    with pytest.raises(SettingError, match=r"ranges without end: network.dropout\. Add points"):
        parse_search_space({"network.dropout": "0..0.5"}, BASE).grid(BASE)


def test_values_are_put_into_an_experiment_and_read_from_it_again():
    space = parse_search_space(
        {"callbacks.0.patience": "1..9", "fit.validation_data.share": "0.1..0.3", "seed": "0..9"}, BASE
    )
    values = {"callbacks.0.patience": 3, "fit.validation_data.share": 0.25, "seed": 7}

    varied = space.apply(BASE, values)

    assert varied.callbacks[0].patience == 3
    assert varied.fit.validation_data.share == 0.25
    assert space.values_in(varied) == values
    assert with_value(varied, "seed", 0).seed == 0
    with pytest.raises(SettingError, match="must have the setting network.heads"):
        value_at(BASE, "network.heads")


def test_a_run_made_by_hand_is_covered_where_it_differs_in_varied_settings_alone():
    space = parse_search_space({"network.width": "8..64", "compile.learning_rate": "1e-4..1e-1 log"}, BASE)
    inside = replace(BASE, network=NetworkArgs(width=32), compile=CompileArgs(learning_rate=0.01))

    assert space.covers(BASE, inside)
    assert not space.covers(BASE, replace(inside, network=NetworkArgs(width=128)))
    assert not space.covers(BASE, replace(inside, seed=1))
    assert not space.covers(BASE, replace(inside, compile=CompileArgs()))
    steps = parse_search_space({"network.width": "8..64 step 8", "compile.learning_rate": "1e-4..1e-1 log"}, BASE)
    assert steps.covers(BASE, inside)
    assert not steps.covers(BASE, replace(inside, network=NetworkArgs(width=33)))
