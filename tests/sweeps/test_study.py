"""The search made anew from what was tried."""

import pytest

from fitdash.sweeps.config import make_sweep_config
from fitdash.sweeps.study import PastTrial, Study
from tests.sweeps.conftest import BASE, SPACE


def seen(rate, value=None, width=16, ended="complete"):
    values = {"compile.learning_rate": rate, "network.width": width}
    return PastTrial(values=values, curve={} if value is None else {0: 2.0, 1: value}, ended=ended)


def test_trials_are_known_with_their_curves_and_how_they_ended():
    before = [seen(0.01, 0.3), seen(0.02, 0.5, ended="pruned"), seen(0.03, ended="failed"), seen(0.04)]

    trials = Study(make_sweep_config(BASE, SPACE), before).optuna.trials

    assert [trial.state.name for trial in trials] == ["COMPLETE", "PRUNED", "FAIL", "FAIL"]
    assert trials[0].value == 0.3
    assert trials[1].intermediate_values == {0: 2.0, 1: 0.5}


def test_a_trial_outside_the_space_is_left_out():
    study = Study(make_sweep_config(BASE, SPACE), [seen(0.01, 0.3, width=64), seen(7.0, 0.2)])

    assert study.optuna.trials == []


def test_pruning_works_on_a_study_that_was_made_anew():
    study = Study(make_sweep_config(BASE, SPACE), [seen(0.01 + place / 1000, 0.3) for place in range(5)])
    asked = study.ask()

    verdicts = [study.report(asked, epoch, 9.0) for epoch in range(2)]

    assert verdicts == [False, True]


def test_a_search_that_learned_tries_what_was_good():
    good = [seen(0.0002 + place / 1e5, 0.1 + place / 1000) for place in range(8)]
    bad = [seen(0.05 + place / 1000, 5.0) for place in range(24)]
    study = Study(make_sweep_config(BASE, SPACE), good + bad)

    rates = [study.ask().values["compile.learning_rate"] for _ in range(10)]

    assert sum(rate < 0.005 for rate in rates) >= 8


def test_cma_es_begins_where_ten_trials_were_good():
    space = SPACE | {"network.dropout": "0..0.5"}
    recipe = make_sweep_config(BASE, space, sampler="cma-es")
    before = []
    for place in range(20):
        one = seen(10 ** (-4 + place / 7), 1.0 + place)
        before.append(
            PastTrial(values={**one.values, "network.dropout": 0.1}, curve={0: 1.0 + place}, ended="complete")
        )

    rates = [Study(recipe, before).ask().values["compile.learning_rate"] for _ in range(5)]

    assert max(rates) < 0.002


def test_values_of_every_kind_come_back_as_they_were_given():
    space = {
        "fit.class_weight": [None, "balanced", {"0": 1.0, "1": 2.0}],
        "fit.shuffle": [True, False, "batch"],
        "fit.batch_size": [None, 16],
        "network.width": "8..64 log",
        "compile.weight_decay": "0..0.1 step 0.03",
    }
    recipe = make_sweep_config(BASE, space, sampler="random")
    study = Study(recipe)

    values = [study.ask().values for _ in range(40)]

    assert {str(one["fit.class_weight"]) for one in values} == {"None", "balanced", "{0: 1.0, 1: 2.0}"}
    assert {one["fit.shuffle"] for one in values} == {True, False, "batch"}
    assert {one["fit.batch_size"] for one in values} == {None, 16}
    assert all(type(one["network.width"]) is int for one in values)
    assert {round(one["compile.weight_decay"], 9) for one in values} == {0.0, 0.03, 0.06, 0.09}
    again = Study(recipe, [PastTrial(values=one, curve={0: 1.0}, ended="complete") for one in values])
    assert [again.again(one).values for one in values] == values
    assert len(again.optuna.trials) == 80


def test_optuna_says_nothing_of_its_own(capsys, caplog):
    study = Study(make_sweep_config(BASE, SPACE))
    asked = study.ask()
    study.tell(asked, seen(0.1, 0.2))

    assert capsys.readouterr() == ("", "")
    assert caplog.text == ""


@pytest.mark.parametrize("pruner", ["median", "hyperband", "none"])
def test_a_number_that_is_none_is_not_reported(pruner):
    study = Study(make_sweep_config(BASE, SPACE, pruner=pruner))

    assert study.report(study.ask(), 0, float("nan")) is False
