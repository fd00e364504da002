"""An experiment with several seeds."""

import math

import pandas as pd
import pytest

from fitdash.errors import SettingError
from fitdash.runs.protocol.events import Changed, Created, EpochEnded
from fitdash.settings.search_space import with_value
from fitdash.sweeps.config import SweepObjective
from fitdash.sweeps.repeats import band, compare_groups, group_repeats, make_repeats_config, repeat, repeat_band
from tests.sweeps.conftest import BASE


def add(store, uid, seed, losses, width=64, state="finished"):
    plain = with_value(with_value(BASE, "seed", seed), "network.width", width).to_dict()
    epochs = [
        EpochEnded(uid=uid, epoch=epoch, logs={"val_loss": loss}, seconds=0.1) for epoch, loss in enumerate(losses)
    ]
    store.write([Created(uid=uid, name="", experiment=plain, writer="w"), *epochs, Changed(uid=uid, state=state)])


def test_repeats_are_a_sweep_over_seeds_that_searches_and_prunes_nothing():
    recipe = make_repeats_config(with_value(BASE, "seed", 7), 3)

    assert [cell["seed"] for cell in recipe.space.grid(recipe.experiment)] == [7, 8, 9]
    assert (recipe.sampler, recipe.pruner) == ("grid", "none")
    with pytest.raises(SettingError, match="n must be an integer from 2 to 1000, got 1"):
        make_repeats_config(BASE, 1)


def test_seeds_begin_again_at_0_after_the_largest():
    recipe = make_repeats_config(with_value(BASE, "seed", 2**32 - 1), 2)

    assert [cell["seed"] for cell in recipe.space.grid(recipe.experiment)] == [2**32 - 1, 0]


def test_repeats_train_and_the_first_is_the_experiment_itself():
    experiment = with_value(with_value(BASE, "data.name", "iris"), "fit.epochs", 2)

    found = repeat(experiment, 3, workers=0, name="noise")

    trials = found.trials()
    assert [trial.values["seed"] for trial in trials] == [0, 1, 2]
    assert len({trial.value for trial in trials}) == 3
    assert found.store.run(trials[0].run).experiment == experiment.to_dict()


def test_runs_that_differ_in_their_seed_alone_are_found_together(store):
    for seed in range(3):
        add(store, f"a{seed}", seed, [1.0])
    for seed in range(2):
        add(store, f"b{seed}", seed, [1.0], width=8)
    add(store, "alone", 0, [1.0], width=16)
    add(store, "cut", 9, [1.0], state="interrupted")

    groups = group_repeats(store.runs())

    found = sorted(sorted(run.uid for run in group) for group in groups.values())
    assert found == [["a0", "a1", "a2"], ["b0", "b1"]]


def test_a_run_and_its_repeat_with_the_same_seed_are_one_result(store):
    add(store, "repeat", 0, [1.0])
    for seed in range(3):
        add(store, f"a{seed}", seed, [1.0])

    (group,) = group_repeats(store.runs()).values()

    assert sorted(run.experiment["seed"] for run in group) == [0, 1, 2]


def test_the_band_is_a_standard_deviation_around_the_mean(store):
    add(store, "a", 0, [1.0, 2.0])
    add(store, "b", 1, [3.0, 2.0])
    add(store, "c", 2, [2.0])

    found = repeat_band(store, ["a", "b", "c"], "val_loss")

    assert found.to_dict("list") == {
        "epoch": [1, 2],
        "n": [3, 2],
        "mean": [2.0, 2.0],
        "low": [1.0, 2.0],
        "high": [3.0, 2.0],
        "min": [1.0, 2.0],
        "max": [3.0, 2.0],
    }


def test_what_is_no_number_is_left_out_of_the_band():
    found = band(pd.DataFrame({"epoch": [1, 1, 2], "value": [1.0, math.nan, math.nan]}))

    assert found["epoch"].tolist() == [1]
    assert found["n"].tolist() == [1]
    assert math.isnan(found["low"][0])


def test_two_groups_are_compared_by_what_counts(store):
    for seed in range(4):
        add(store, f"a{seed}", seed, [0.1 + seed / 100, 5.0])
        add(store, f"b{seed}", seed, [0.9, 1.0 + seed / 100], width=8)
    groups = {len(key) and group[0].uid[0]: group for key, group in group_repeats(store.runs()).items()}

    last = compare_groups(groups["a"], groups["b"], SweepObjective(name="val_loss", mode="min", which="last"))
    best = compare_groups(groups["a"], groups["b"], SweepObjective(name="val_loss", mode="min"))

    assert (last.answer, best.answer) == ("b", "a")
    assert last.n == (4, 4)
