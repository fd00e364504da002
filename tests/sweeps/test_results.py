"""What came of a sweep: frame, curves, importance, experiments, and files for other programs."""

import math

import pandas as pd
import pytest

from fitdash.errors import SettingError
from fitdash.sweeps.config import make_sweep_config
from fitdash.sweeps.results import Sweep, best_so_far, importance_of, trials_frame
from fitdash.sweeps.study import PastTrial
from fitdash.sweeps.trial import Trial
from tests.sweeps.conftest import BASE, SPACE, Invented, falling

RECIPE = make_sweep_config(BASE, SPACE)


def trial(number, value, state="finished"):
    values = {"compile.learning_rate": 0.1, "network.width": 8}
    return Trial(
        number=number, run=f"r{number}", values=values, state=state, value=value, epochs=4, seconds=1.0, error=None
    )


def test_the_frame_has_a_row_per_trial_with_its_values_and_words():
    frame = trials_frame(
        [trial(0, 0.5), trial(1, 0.7), trial(2, 0.1, "pruned"), trial(3, 0.2), trial(None, None)], RECIPE
    )

    assert list(frame) == [
        *("trial", "state", "val_loss", "best", "compile.learning_rate", "network.width"),
        *("epochs", "seconds", "run", "words"),
    ]
    assert list(frame["trial"])[:4] == [1, 2, 3, 4]
    assert frame["trial"].isna().tolist() == [False] * 4 + [True]
    assert frame["best"].tolist() == [0.5, 0.5, 0.5, 0.2, 0.2]


def test_a_frame_without_trials_has_its_columns():
    frame = trials_frame([], RECIPE)

    assert len(frame) == 0
    assert "network.width" in frame


def test_best_so_far_rises_where_larger_is_better():
    rising = make_sweep_config(BASE, SPACE, objective="val_accuracy")

    assert best_so_far([trial(0, 0.5), trial(1, 0.4), trial(2, 0.6)], rising) == [0.5, 0.5, 0.6]


def test_importance_finds_the_setting_that_decides_and_says_how_sure_it_is():
    seen = []
    for place in range(30):
        values = {"compile.learning_rate": 10 ** (-4 + place / 10), "network.width": [8, 16, 32][place * 7 % 3]}
        seen.append(PastTrial(values=values, curve={0: float(place)}, ended="complete"))

    found = importance_of(seen, RECIPE)

    assert list(found["setting"]) == ["compile.learning_rate", "network.width"]
    assert found["importance"].sum() == pytest.approx(1)
    assert found["importance"][0] > 0.8
    assert found["low"][0] <= found["importance"][0] <= 1
    assert found["low"][0] > found["high"][1]


def test_of_few_trials_or_equal_ones_nothing_is_said():
    few = [PastTrial(values=trial(0, 0).values, curve={0: float(place)}, ended="complete") for place in range(7)]
    equal = [PastTrial(values=trial(0, 0).values, curve={0: 1.0}, ended="complete") for _ in range(20)]

    assert importance_of(few, RECIPE).empty
    assert importance_of(equal, RECIPE).empty


def test_curves_are_those_of_the_record(store, searched):
    uid, _ = searched(Invented(falling), trials=2, pruner="none")

    curves = Sweep(store, uid).curves()

    assert curves["epoch"].tolist() == [1, 2, 3, 4] * 2
    assert curves["trial"].tolist() == [1] * 4 + [2] * 4
    assert curves["value"].is_monotonic_decreasing is False
    assert curves.groupby("trial")["value"].last().tolist() == [one.value for one in Sweep(store, uid).trials()]


def test_the_experiment_of_a_trial_is_the_one_its_run_had(store, searched):
    uid, _ = searched(Invented(falling), trials=3, pruner="none")
    sweep = Sweep(store, uid)

    assert sweep.experiment(1).to_dict() == store.run(sweep.trials()[1].run).experiment
    assert sweep.experiment().compile.learning_rate == sweep.best.values["compile.learning_rate"]
    assert sweep.history(1).history["val_loss"][-1] == sweep.trials()[1].value
    with pytest.raises(SettingError, match="must have the trial 9, got 3 trials without it"):
        sweep.experiment(9)


def test_a_sweep_without_a_result_says_so(store, searched):
    uid, _ = searched(Invented(lambda values: [math.nan] * 4), trials=1)

    sweep = Sweep(store, uid)

    assert sweep.best is None
    assert "no result yet" in repr(sweep)
    with pytest.raises(SettingError, match="must have a result, got 1 trials without it"):
        sweep.experiment()


@pytest.mark.parametrize("name", ["study.log", "study.db"])
def test_optuna_opens_what_was_exported(store, searched, tmp_path, name):
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    uid, _ = searched(Invented(falling), trials=4, pruner="none")
    sweep = Sweep(store, uid)

    study_name = sweep.to_optuna(tmp_path / name)

    file = tmp_path / name
    storage = JournalStorage(JournalFileBackend(str(file))) if name.endswith("log") else f"sqlite:///{file}"
    study = optuna.load_study(study_name=study_name, storage=storage)
    assert [one.value for one in study.trials] == [one.value for one in sweep.trials()]
    assert study.best_trial.params["network.width"] == sweep.best.values["network.width"]
    with pytest.raises(SettingError, match="must not be there yet"):
        sweep.to_optuna(file)
    with pytest.raises(SettingError, match="kind must be 'journal' or 'sqlite'"):
        sweep.to_optuna(tmp_path / "study.txt")


def test_the_frame_of_a_sweep_can_be_sorted_and_filtered(store, searched):
    uid, _ = searched(Invented(falling), trials=3, pruner="none")

    frame = Sweep(store, uid).frame()

    assert isinstance(frame, pd.DataFrame)
    assert frame.sort_values("val_loss")["run"].iloc[0] == Sweep(store, uid).best.run
