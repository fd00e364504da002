"""Which experiments are trained together, and in what groups."""

from dataclasses import replace

import pytest

from fitdash.settings.callbacks import EarlyStoppingArgs, TerminateOnNaNArgs
from fitdash.settings.compile import CompileArgs
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.ensemble_rules import (
    best_ensemble_size,
    count_distinct_experiments,
    group_experiments,
    shared_settings_key,
)
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.network import NetworkArgs
from fitdash.settings.search_space import parse_search_space

BASE = Experiment()
FACTS = DataFacts(rows=1000, classes=("a", "b"), counts=(500, 500), inputs=20)


def test_experiments_that_differ_in_numbers_alone_share_the_rest():
    other = replace(
        BASE,
        seed=3,
        compile=CompileArgs(learning_rate=0.1, weight_decay=0.01),
        fit=FitArgs(class_weight={0: 2.0}),
        callbacks=(EarlyStoppingArgs(),),
    )

    assert shared_settings_key(other) == shared_settings_key(BASE)
    assert shared_settings_key(replace(BASE, network=NetworkArgs(width=8))) != shared_settings_key(BASE)
    assert shared_settings_key(replace(BASE, compile=CompileArgs(optimizer="sgd"))) != shared_settings_key(BASE)


@pytest.mark.parametrize(
    "experiment",
    [
        replace(BASE, network=NetworkArgs(dropout=0.1)),
        replace(BASE, fit=FitArgs(steps_per_epoch=5)),
        replace(BASE, callbacks=(TerminateOnNaNArgs(),)),
    ],
)
def test_some_experiments_are_trained_alone(experiment):
    assert shared_settings_key(experiment) is None
    assert best_ensemble_size(experiment, FACTS) == 1


@pytest.mark.parametrize(
    ("network", "batch_size", "together"),
    [
        (NetworkArgs(), 32, True),
        (NetworkArgs(width=128), 32, True),
        (NetworkArgs(width=256), 32, False),
        (NetworkArgs(width=128), 256, False),
        (NetworkArgs(width=32), 1024, True),
    ],
)
def test_only_small_networks_gain_from_it(network, batch_size, together):
    experiment = replace(BASE, network=network, fit=FitArgs(batch_size=batch_size))

    assert (best_ensemble_size(experiment, FACTS) > 1) is together


def test_images_and_sequences_are_trained_alone():
    assert best_ensemble_size(replace(BASE, network=NetworkArgs(kind="gru")), FACTS) == 1


def test_kinds_are_counted_by_what_is_no_number():
    def kinds(space):
        return count_distinct_experiments(parse_search_space(space, BASE))

    assert kinds({"compile.learning_rate": "1e-4..1e-1 log", "seed": "0..9"}) == 1
    assert kinds({"compile.learning_rate": "1e-4..1e-1 log", "network.depth": [1, 2]}) == 2
    assert kinds({"network.width": "8..64"}) is None


@pytest.mark.parametrize(
    ("shared", "places", "sizes"),
    [
        (["a"] * 40, 1, [20, 20]),
        (["a"] * 17, 2, [9, 8]),
        (["a"] * 9, 2, [8, 1]),
        (["a"] * 40, 2, [20, 20]),
        (["a"] * 8, 4, [8]),
        (["a"] * 7, 1, [1] * 7),
        (["a", None] * 8, 1, [8] + [1] * 8),
        ([], 1, []),
    ],
)
def test_groups_are_neither_too_small_nor_too_large(shared, places, sizes):
    groups = group_experiments(shared, places=places)

    assert sorted(map(len, groups), reverse=True) == sizes
    assert sorted(place for group in groups for place in group) == list(range(len(shared)))
