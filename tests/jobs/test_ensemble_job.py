"""Trials that train together in one program: the record, the ends of each, and one of them alone."""

import numpy as np
import pytest

import fitdash
from fitdash.engine.ensemble import train as ensemble_training
from fitdash.jobs.job_spec import job_from_spec, make_ensemble_spec
from fitdash.runs.callbacks.recorder import Recorder
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.events import Began, Changed, EpochEnded, Told
from fitdash.runs.protocol.member_control import MemberControl
from fitdash.runs.scheduling.worker_pool import WorkerPool
from fitdash.settings.compile import OPTIMIZERS
from fitdash.settings.experiment import Experiment
from fitdash.settings.search_space import with_value

EXPERIMENT = {
    "data": {"name": "iris"},
    "fit": {"epochs": 6, "validation_data": {"kind": "stratified", "share": 0.2}},
}
SPACE = {
    "compile.learning_rate": "1e-3..1e-1 log",
    "compile.weight_decay": [None, 0.01],
    "fit.class_weight": [None, "balanced", {"0": 2.0}],
    "seed": "0..3",
}


def several(count=8, **settings):
    """Experiments by uid, with their own learning rates."""
    base = Experiment.from_dict(EXPERIMENT)
    for address, value in settings.items():
        base = with_value(base, address.replace("__", "."), value)
    return {f"run{place}": with_value(base, "compile.learning_rate", 0.01 * (place + 1)) for place in range(count)}


def train(runs, control=None, put=None):
    """What happens when these are trained together."""
    events = []
    take = put or (lambda event: None)

    def both(event):
        events.append(event)
        take(event)

    job_from_spec(make_ensemble_spec(runs))(Recorder("run0", both), control or Control())
    return events


def ends(events):
    return {event.uid: event.state for event in events if isinstance(event, Changed)}


def test_trials_of_a_sweep_agree_with_the_same_trials_alone():
    several = fitdash.sweep(EXPERIMENT, SPACE, trials=16, workers=0, sampler="random", pruner="none")
    alone = fitdash.sweep(EXPERIMENT, SPACE, trials=16, workers=0, sampler="random", pruner="none", together=False)

    assert [one.values for one in several.trials()] == [one.values for one in alone.trials()]
    for number in range(16):
        ours, theirs = several.history(number), alone.history(number)
        assert list(ours.history) == list(theirs.history)
        for name, values in theirs.history.items():
            np.testing.assert_allclose(ours.history[name], values, rtol=1e-4, atol=1e-7)


def test_a_run_says_that_it_was_one_of_several_and_alone_it_is_exact():
    found = fitdash.sweep(EXPERIMENT, SPACE, trials=8, workers=0, sampler="random", pruner="none")

    again = found.rerun(3)

    run = found.store.run(found.trials()[3].run)
    assert run.params["stepper"].endswith("together with 7 others")
    assert again.params["stepper"] in ("recorded", "eager: too few steps to gain from recording")
    experiment = found.experiment(3)
    exact = fitdash.sweep(experiment.to_dict(), {"seed": [experiment.seed]}, trials=1, workers=0, sampler="grid")
    assert again.history == exact.history(0).history


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_trials_of_every_optimizer_train_together(optimizer):
    events = train(several(3, compile__optimizer=optimizer))

    assert ends(events) == {f"run{place}": "finished" for place in range(3)}
    said = {event.uid: event.params.get("stepper", "") for event in events if isinstance(event, Began)}
    assert all(one.endswith("together with 2 others") for one in said.values())


def test_what_one_has_learned_is_kept_as_if_it_had_been_alone():
    from fitdash.jobs.warm_start import load_warm_start

    found = fitdash.sweep(EXPERIMENT, SPACE, trials=8, workers=0, sampler="random", pruner="none")

    run = found.trials()[0].run
    content = load_warm_start(run, None).content

    assert content["epoch"] == 6
    assert set(content["weights"]) == {"hidden_1.weight", "hidden_1.bias", *_others(content)}


def _others(content):
    return {name for name in content["weights"] if not name.startswith("hidden_1.")}


def test_each_is_told_under_its_own_uid_and_ends_by_itself():
    events = train(several())

    assert ends(events) == {f"run{place}": "finished" for place in range(8)}
    epochs = [event.uid for event in events if isinstance(event, EpochEnded)]
    assert {uid: epochs.count(uid) for uid in epochs} == {f"run{place}": 6 for place in range(8)}


def test_one_is_stopped_and_the_others_go_on():
    control = Control()

    def put(event):
        if isinstance(event, EpochEnded) and event.uid == "run3" and event.epoch == 2:
            MemberControl(control, "run3").stop("pruned")

    events = train(several(), control, put)

    assert ends(events) == {f"run{place}": "finished" for place in range(8)} | {"run3": "stopped"}
    assert max(event.epoch for event in events if isinstance(event, EpochEnded) and event.uid == "run3") == 2
    told = [event.facts for event in events if isinstance(event, Told) and event.uid == "run3"]
    assert {"epoch": 2, "kind": "pruned"} in told


def test_what_is_wanted_of_all_of_them_ends_all():
    control = Control()

    def put(event):
        if isinstance(event, EpochEnded) and event.epoch == 1:
            control.stop("interrupted")

    events = train(several(), control, put)

    assert set(ends(events).values()) == {"interrupted"}


def test_a_wrong_experiment_fails_and_the_others_train():
    runs = several()
    runs["run2"] = with_value(runs["run2"], "data.features", ("nowhere",))

    found = ends(train(runs))

    assert found == {f"run{place}": "finished" for place in range(8)} | {"run2": "failed"}


def test_what_cannot_be_one_of_several_trains_by_itself():
    events = train(several(3, network__dropout=0.5))

    assert ends(events) == {f"run{place}": "finished" for place in range(3)}


def test_where_it_does_not_work_together_each_trains_by_itself_and_it_is_told(monkeypatch):
    def broken(*arguments):
        raise RuntimeError("not today")

    monkeypatch.setattr(ensemble_training._Joint, "epoch", broken)

    events = train(several(3))

    assert ends(events) == {f"run{place}": "finished" for place in range(3)}
    told = [event.facts for event in events if isinstance(event, Told) and event.facts["kind"] == "alone"]
    assert [one["reason"] for one in told] == ["RuntimeError: not today"] * 3


def test_trials_are_pruned_out_of_a_group():
    space = {
        "compile.learning_rate": [1e-6 * (place + 1) for place in range(16)]
        + [0.01 + place / 1000 for place in range(32)]
    }
    found = fitdash.sweep(EXPERIMENT, space, trials=48, workers=0, sampler="grid", pruner="hyperband")

    states = found.frame()["state"].value_counts()

    assert states["pruned"] > 0
    assert states["finished"] > 0
    assert all(trial.epochs < 6 for trial in found.trials() if trial.state == "pruned")


def test_a_worker_trains_several_and_heeds_a_stop_of_one():
    workers = WorkerPool(most=1)
    control, events = Control(), []

    def put(event):
        events.append(event)
        if isinstance(event, EpochEnded) and event.uid == "run1" and event.epoch == 0:
            control.stop_one("run1", "pruned")

    try:
        workers.train(make_ensemble_spec(several(8, fit__epochs=300)), "run0", put, control)
    finally:
        workers.close()

    assert ends(events) == {f"run{place}": "finished" for place in range(8)} | {"run1": "stopped"}
    assert max(event.epoch for event in events if isinstance(event, EpochEnded) and event.uid == "run1") < 299


def test_a_sweep_in_groups_is_the_same_here_and_in_a_process():
    settings = {"trials": 20, "sampler": "quasi-random", "pruner": "none"}

    here = fitdash.sweep(EXPERIMENT, SPACE, workers=0, **settings)
    there = fitdash.sweep(EXPERIMENT, SPACE, workers=1, **settings)

    assert [trial.value for trial in there.trials()] == [trial.value for trial in here.trials()]
    assert {trial.state for trial in there.trials()} == {"finished"}
