import pytest

from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import inert_in, problems_in, settings_of
from fitdash.settings.fit import FIT_ARGUMENTS, FitArgs, count_split_rows
from fitdash.settings.validation_data import HoldOut

IRIS = DataFacts(
    rows=150,
    classes=("setosa", "versicolor", "virginica"),
    counts=(50, 50, 50),
    columns=("length", "width", "trust"),
    weights=("length", "trust"),
)
PRICES = DataFacts(rows=100, task="regression", columns=("area",), weights=("area",))
REFERENCE = (
    *("object", "x", "y", "batch_size", "epochs", "verbose", "callbacks", "view_metrics", "validation_split"),
    *("validation_data", "shuffle", "class_weight", "sample_weight", "initial_epoch", "steps_per_epoch"),
    *("validation_steps", "..."),
)


def texts(fit, facts=None):
    return [problem.text for problem in problems_in(fit, facts)]


def test_every_argument_of_the_reference_is_there_in_its_order_with_help():
    names = tuple(argument.name for argument in FIT_ARGUMENTS)

    assert names == (*REFERENCE, "validation_batch_size", "validation_freq")
    assert all(argument.help.endswith(".") for argument in FIT_ARGUMENTS)


def test_the_arguments_that_fit_declares_are_its_settings():
    assert [a.name for a in FIT_ARGUMENTS if a.part == "fit"] == list(settings_of(FitArgs))
    assert {a.name: a.part for a in FIT_ARGUMENTS if a.part != "fit"} == {
        "object": "network",
        "x": "data",
        "y": "data",
        "callbacks": "callbacks",
        "...": "unused",
    }


def test_the_defaults_are_those_of_the_reference():
    assert FitArgs() == FitArgs(
        batch_size=None,
        epochs=10,
        verbose=None,
        view_metrics=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    )


def test_each_argument_stands_in_one_of_the_four_groups():
    groups = {}
    for name, setting in settings_of(FitArgs).items():
        groups.setdefault(setting.arg.group, []).append(name)

    assert groups == {
        "Time": ["batch_size", "epochs", "initial_epoch", "steps_per_epoch"],
        "Watching": ["verbose", "view_metrics"],
        "Validation": [
            *("validation_split", "validation_data", "validation_steps", "validation_batch_size", "validation_freq"),
        ],
        "Weighting and order": ["shuffle", "class_weight", "sample_weight"],
    }


def test_every_setting_has_a_plain_name_and_tells_what_none_means():
    for setting in [*settings_of(FitArgs).values(), *settings_of(HoldOut).values()]:
        assert setting.arg.plain
        assert bool(setting.arg.unset) == setting.optional


def test_only_batch_size_and_epochs_of_fit_change_while_a_run_is_on():
    assert [name for name, setting in settings_of(FitArgs).items() if setting.arg.live] == ["batch_size", "epochs"]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0."),
        ({"batch_size": 2.5}, "batch_size must be an integer or None, got 2.5."),
        ({"epochs": 0}, "epochs must be at least 1, got 0."),
        ({"epochs": "10"}, "epochs must be an integer, got '10'."),
        ({"epochs": True}, "epochs must be an integer, got True."),
        ({"verbose": 3}, "verbose must be 0, 1, 2, 'auto' or None, got 3."),
        ({"verbose": True}, "verbose must be 0, 1, 2, 'auto' or None, got True."),
        ({"view_metrics": "on"}, "view_metrics must be 'auto', True, False or None, got 'on'."),
        ({"validation_split": 1.0}, "validation_split must be below 1, got 1.0."),
        ({"validation_split": -0.1}, "validation_split must be at least 0, got -0.1."),
        ({"validation_split": float("nan")}, "validation_split must be finite, got nan."),
        ({"validation_data": HoldOut(share=1.0)}, "validation_data share must be below 1, got 1.0."),
        ({"validation_data": 0.2}, "validation_data must be a HoldOut or None, got 0.2."),
        ({"shuffle": "Batch"}, "shuffle must be True, False or 'batch', got 'Batch'."),
        ({"class_weight": "balance"}, "class_weight must be a table of class indices and weights, 'balanced' or None"),
        ({"initial_epoch": 10}, "initial_epoch must be below epochs (10), got 10. Raise epochs or lower initial_epoch"),
        ({"initial_epoch": -1}, "initial_epoch must be at least 0, got -1."),
        ({"steps_per_epoch": 0}, "steps_per_epoch must be at least 1, got 0."),
        ({"validation_steps": 0}, "validation_steps must be at least 1, got 0."),
        ({"validation_batch_size": 0}, "validation_batch_size must be at least 1, got 0."),
        ({"validation_freq": 0}, "validation_freq must be at least 1, got 0."),
    ],
)
def test_what_stops_a_run_without_knowing_the_data(given, text):
    (found,) = texts(FitArgs(**given))

    assert found.startswith(text)


@pytest.mark.parametrize(
    ("given", "where", "text"),
    [
        (
            {"validation_split": 0.995},
            "fit.validation_split",
            "validation_split must leave rows in both parts, got 0.995 of 150 samples, which leaves none for training.",
        ),
        (
            {"validation_data": HoldOut(kind="last", share=0.999)},
            "fit.validation_data",
            "validation_data must leave rows in both parts, got 0.999 of 150 samples, which leaves none for training.",
        ),
        (
            {"class_weight": {0: 1.0, 3: 2.0, -1: 1.0}},
            "fit.class_weight",
            "class_weight must name classes from 0 to 2, got 3, -1.",
        ),
        (
            {"sample_weight": "trusty"},
            "fit.sample_weight",
            "sample_weight must name a column of numbers from 0 up, got 'trusty'. Known: length, trust.",
        ),
    ],
)
def test_what_stops_a_run_on_this_data(given, where, text):
    problems = problems_in(FitArgs(**given), IRIS)

    assert [(problem.where, problem.text) for problem in problems] == [(where, text)]
    assert problems_in(FitArgs(**given)) == []


def test_validation_data_overrides_validation_split_except_for_its_range():
    held = HoldOut(share=0.5)

    assert problems_in(FitArgs(validation_split=0.999, validation_data=held), IRIS) == []
    assert inert_in(FitArgs(validation_split=0.3, validation_data=held))["fit.validation_split"] == (
        "No effect while validation_data is set."
    )
    assert texts(FitArgs(validation_split=1.0, validation_data=held), IRIS) == [
        "validation_split must be below 1, got 1.0."
    ]


def test_shuffle_is_without_effect_while_steps_per_epoch_is_set():
    assert inert_in(FitArgs(steps_per_epoch=5, validation_split=0.2)) == {
        "fit.shuffle": "No effect while steps_per_epoch is set."
    }


def test_arguments_of_validation_need_one():
    reason = "No effect without validation: set validation_split or validation_data."
    names = ("validation_steps", "validation_batch_size", "validation_freq")

    assert inert_in(FitArgs()) == {f"fit.{name}": reason for name in names}
    assert inert_in(FitArgs(validation_split=0.1)) == {}
    held = inert_in(FitArgs(validation_data=HoldOut()))
    assert [where for where in held if not where.startswith("fit.validation_data.")] == ["fit.validation_split"]


def test_class_weight_needs_classes():
    inert = inert_in(FitArgs(validation_split=0.1), PRICES)

    assert list(inert) == ["fit.class_weight"]
    assert "task is regression" in inert["fit.class_weight"]


def test_data_in_batches_switches_off_what_needs_rows():
    feed = DataFacts(rows=0, has_feed=True)

    inert = inert_in(FitArgs(validation_split=0.1), feed)

    assert list(inert) == ["fit.batch_size", "fit.validation_split", "fit.shuffle", "fit.sample_weight"]
    assert problems_in(FitArgs(validation_split=0.1), feed) == []


@pytest.mark.parametrize(
    ("rows", "split", "parts"),
    [(10, 0.0, (10, 0)), (10, 0.25, (7, 3)), (10, 0.33, (6, 4)), (10, 0.8, (1, 9)), (10, 0.9, (0, 10))],
)
def test_11_1_validation_split_cuts_by_floor_in_floating_point(rows, split, parts):
    assert count_split_rows(rows, FitArgs(validation_split=split)) == parts


@pytest.mark.parametrize(("kind", "parts"), [("stratified", (80, 22)), ("random", (81, 21)), ("last", (81, 21))])
def test_held_out_rows_are_counted_by_their_kind(kind, parts):
    fit = FitArgs(validation_data=HoldOut(kind=kind, share=0.2))

    assert count_split_rows(102, fit, counts=(51, 51)) == parts
