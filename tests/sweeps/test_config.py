"""What a sweep is told, and what is wrong with it."""

import pytest

from fitdash.errors import SettingError
from fitdash.settings.experiment import Experiment
from fitdash.sweeps.config import (
    SweepConfig,
    SweepObjective,
    budget_of,
    make_sweep_config,
    parse_sweep_toml,
    plan_sweep,
)
from tests.sweeps.conftest import BASE, SPACE


def test_a_recipe_comes_back_from_plain_data():
    recipe = make_sweep_config(BASE, SPACE, objective="val_accuracy", sampler="random", seed=3)

    assert SweepConfig.from_dict(recipe.to_dict()) == recipe
    assert recipe.objective == SweepObjective(name="val_accuracy", mode="max")


def test_what_counts_is_the_validation_loss_or_the_loss_where_nothing_is_held_out():
    assert make_sweep_config(BASE, SPACE).objective.name == "val_loss"
    assert make_sweep_config(Experiment(), SPACE).objective.name == "loss"


def test_every_mistake_is_told_at_once():
    with pytest.raises(SettingError) as raised:
        make_sweep_config(
            BASE,
            {"network.widht": [1]},
            objective="val_acuracy",
            sampler="tpee",
            pruner="medain",
            mode="up",
            which="first",
            seed=-1,
        )

    starts = [line.partition(" Known")[0] for line in str(raised.value).splitlines()]
    assert starts == [
        "Unknown setting of a search space, 'network.widht'. Did you mean 'network.width'?",
        "Unknown objective 'val_acuracy'. Did you mean 'val_accuracy'?",
        "Unknown mode 'up'.",
        "Unknown which 'first'.",
        "Unknown sampler 'tpee'. Did you mean 'tpe'?",
        "Unknown pruner 'medain'. Did you mean 'median'?",
        "seed must be an integer from 0 to 4294967295, got -1.",
    ]


def test_a_sampler_that_cannot_search_the_space_says_so():
    with pytest.raises(SettingError, match="'cma-es' must have two ranges of numbers or more, got 1"):
        make_sweep_config(BASE, SPACE, sampler="cma-es")
    with pytest.raises(SettingError, match="ranges without end: compile.learning_rate"):
        make_sweep_config(BASE, SPACE, sampler="grid")


@pytest.mark.parametrize(
    ("trials", "seconds", "message"),
    [
        (None, None, "trials or seconds must be given, or the sweep would never end, got neither."),
        (0, None, "trials must be an integer from 1 or None, got 0."),
        (2.5, None, "trials must be an integer from 1 or None, got 2.5."),
        (None, 0, "seconds must be above 0 or None, got 0."),
        (None, float("nan"), "seconds must be above 0 or None, got nan."),
    ],
)
def test_a_budget_that_never_ends_or_never_begins_is_refused(trials, seconds, message):
    with pytest.raises(SettingError) as raised:
        budget_of(trials, seconds, sampler="tpe")

    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("objective", "value"),
    [
        (SweepObjective(name="val_loss", mode="min"), 1.0),
        (SweepObjective(name="val_loss", mode="min", which="last"), 2.0),
        (SweepObjective(name="val_accuracy", mode="max"), 3.0),
    ],
)
def test_the_best_or_the_last_epoch_counts(objective, value):
    assert objective.of({0: 3.0, 1: 1.0, 2: 2.0, 3: float("nan")}) == value
    assert objective.of({0: float("nan")}) is None


def test_a_file_gives_the_experiment_the_space_and_the_rest(tmp_path):
    (tmp_path / "base.json").write_text(BASE.to_json())
    text = f"""
        name = "first"
        trials = 20
        sampler = "random"
        experiment_file = '{tmp_path / "base.json"}'
        [experiment.network]
        depth = 3
        [space]
        "network.width" = [8, 16]
    """

    experiment, arguments = parse_sweep_toml(text)

    assert (experiment.network.depth, experiment.fit) == (3, BASE.fit)
    assert arguments == {"name": "first", "trials": 20, "sampler": "random", "space": {"network.width": [8, 16]}}


def test_everything_that_is_wrong_in_a_file_is_told_at_once():
    text = """
        trails = 3
        trials = true
        objective = 3
        workers = 1.5
        together = "no"
        [experiment.fit]
        epoch = 3
    """

    with pytest.raises(SettingError) as raised:
        parse_sweep_toml(text)

    unknown_name, *others, no_space, experiment = str(raised.value).splitlines()
    assert unknown_name.startswith("Unknown name in a sweep's file, 'trails'. Did you mean 'trials'?")
    assert others == [
        "objective must be a text, got 3.",
        "trials must be an integer, got True.",
        "workers must be an integer or the address of a Ray cluster, got 1.5.",
        "together must be true or false, got 'no'.",
    ]
    assert no_space == 'A sweep\'s file must have a table "space", got none.'
    assert "Did you mean 'epochs'?" in experiment


def test_a_search_and_its_budget_are_judged_together():
    with pytest.raises(SettingError) as raised:
        plan_sweep(BASE, SPACE, trials=0, seconds=None, sampler="tp", objective=3)

    objective, sampler, trials = str(raised.value).splitlines()
    assert objective.startswith("Unknown objective 3.")
    assert sampler.startswith("Unknown sampler 'tp'. Did you mean 'tpe'?")
    assert trials == "trials must be an integer from 1 or None, got 0."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trials = ", "A sweep's file must be TOML"),
        ("trails = 3\n[space]\n", "Unknown name in a sweep's file, 'trails'. Did you mean 'trials'?"),
        ("trials = 3", 'A sweep\'s file must have a table "space", got none.'),
        ('experiment_file = "/nowhere.json"\n[space]\n', "experiment_file must be a file that can be read"),
    ],
)
def test_a_file_that_cannot_be_is_refused_in_words(text, message):
    with pytest.raises(SettingError, match="^" + message.replace("(", r"\(")):
        parse_sweep_toml(text)
