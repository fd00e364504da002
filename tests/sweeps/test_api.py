"""Sweeps that train: from code, in this process and in others, cut and gone on with."""

import os
import signal
import sys

import pytest

import fitdash
from fitdash.errors import SettingError, StoreError
from fitdash.runs.checkpoints import prediction_files
from fitdash.runs.record import sweeps
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import Writer
from fitdash.runs.scheduling.failures import RunEndedElsewhere
from fitdash.runs.scheduling.worker_pool import WorkerPool
from fitdash.settings.experiment import Experiment
from fitdash.settings.search_space import with_value
from fitdash.sweeps.executors import InlineExecutor, make_executor
from fitdash.sweeps.results import Sweep
from tests.forked import Processes

EXPERIMENT = {
    "data": {"name": "iris"},
    "fit": {"epochs": 3, "validation_data": {"kind": "stratified", "share": 0.2}},
}
SPACE = {"compile.learning_rate": "1e-3..1e-1 log", "network.width": [4, 8]}

TRAINS = f"""
import fitdash

def told(trial):
    if trial.state == "finished":
        print(trial.number, flush=True)

fitdash.sweep({EXPERIMENT!r}, {SPACE!r}, trials=1000, workers=0, pruner="none", listener=told)
"""


def test_a_sweep_from_code_gives_a_frame_and_the_best_experiment():
    found = fitdash.sweep(EXPERIMENT, SPACE, trials=4, workers=0, name="first")

    frame = found.frame()
    assert frame["trial"].tolist() == [1, 2, 3, 4]
    assert frame["val_loss"].min() == found.best.value
    assert found.state == "finished"
    assert found.store.run(found.best.run).name.startswith("first ")


def test_a_trial_trained_again_alone_gives_the_same_numbers():
    found = fitdash.sweep(EXPERIMENT, SPACE, trials=2, workers=0, pruner="none")

    again = found.rerun(1)

    assert again.history == found.history(1).history
    assert found.rerun(1, seed=7).history != again.history
    assert len(found.trials()) == 2


def test_a_sweep_goes_on_from_code_by_its_uid():
    found = fitdash.sweep(EXPERIMENT, SPACE, trials=2, workers=0)

    more = fitdash.sweep(resume=found.uid, trials=4, workers=0)

    assert more.uid == found.uid
    assert len(more.trials()) == 4


def test_after_kill_9_a_sweep_goes_on_where_it_was(home):
    with Processes.Popen([sys.executable, "-c", TRAINS], stdout=Processes.PIPE) as process:
        done = [int(process.stdout.readline()) for _ in range(30)]
        process.kill()
        process.wait()
    with Store() as store:
        before = {run.uid: run.state for run in store.runs()}
        (cut,) = sweeps.all_sweeps(store)
    trained = len(before)

    found = fitdash.sweep(resume=cut.uid, trials=trained + 1, workers=0, seconds=600)

    assert len(set(done)) == 30
    trials = found.trials()
    assert len({trial.number for trial in trials}) == trained + 1
    assert {trial.state for trial in trials} == {"finished"}
    kept = [trial.run for trial in trials if before.get(trial.run) == "finished"]
    assert len(kept) >= 10  # the last ones may not have been written yet
    cut = [run for run in found.store.runs() if run.state == "interrupted"]
    assert len(cut) == trained - len(kept)


def test_trials_train_in_processes_of_their_own_and_give_the_same_numbers():
    here = fitdash.sweep(EXPERIMENT, SPACE, trials=3, workers=0, sampler="quasi-random", pruner="none")

    there = fitdash.sweep(EXPERIMENT, SPACE, trials=3, workers=1, sampler="quasi-random", pruner="none")

    assert [one.values for one in there.trials()] == [one.values for one in here.trials()]
    assert [one.value for one in there.trials()] == [one.value for one in here.trials()]


def test_a_worker_that_is_killed_costs_its_trial_a_start_and_nothing_else(home):
    from fitdash.sweeps.api import begin_sweep, run_sweep
    from fitdash.sweeps.config import Budget, make_sweep_config

    workers, killed = WorkerPool(most=2), []

    def told(trial):
        if trial.number == 1 and trial.epochs == 2 and not killed:
            killed.append(workers._busy[0].pid)
            os.kill(killed[0], signal.SIGKILL)

    experiment = Experiment.from_dict({**EXPERIMENT, "fit": {**EXPERIMENT["fit"], "epochs": 40}})
    with Store() as store:
        writer = Writer(store)
        recipe = make_sweep_config(experiment, SPACE, sampler="random", pruner="none")
        record = begin_sweep(store, recipe, Budget(trials=4), writer=writer)
        try:
            state = run_sweep(record, writer, place=workers, listener=told, together=False)
        finally:
            workers.close()
            writer.close()

        assert (state, len(killed)) == ("finished", 1)
        assert [trial.state for trial in Sweep(store, record.uid).trials()] == ["finished"] * 4
        lost = [run for run in store.runs() if run.state == "interrupted"]
        assert len(lost) == 1
        assert "SIGKILL" in lost[0].error


def test_what_happens_on_a_cluster_comes_back_as_it_happens_here():
    from fitdash.jobs.job_spec import make_job_spec
    from fitdash.runs.protocol.events import EpochEnded
    from fitdash.sweeps.ray_executor import RayActor, forward_events

    post, events = RayActor(), []
    experiment = Experiment.from_dict(EXPERIMENT)
    post.train(make_job_spec(experiment), "here")

    forward_events(post.take, "here", events.append)

    assert [event.epoch for event in events if isinstance(event, EpochEnded)] == [0, 1, 2]
    broken = RayActor()
    broken.train(make_job_spec(with_value(experiment, "data.features", ("nowhere",))), "there")
    with pytest.raises(RunEndedElsewhere) as raised:
        forward_events(broken.take, "there", events.append)
    assert raised.value.change.state == "failed"


def test_what_is_wrong_is_told_before_anything_is_written(home):
    with pytest.raises(SettingError, match="Did you mean 'compile.learning_rate'"):
        fitdash.sweep(EXPERIMENT, {"learning_rate": "0.1, 0.2"}, trials=2)
    with pytest.raises(SettingError, match="trials or seconds must be given"):
        fitdash.sweep(EXPERIMENT, SPACE)
    with pytest.raises(StoreError, match="must know the sweep, got 'none'"):
        fitdash.sweep(resume="none", trials=3)
    with pytest.raises(StoreError, match="must know the run to include it, got 'none'"):
        fitdash.sweep(EXPERIMENT, SPACE, trials=2, include=("none",))

    with Store() as store:
        assert sweeps.all_sweeps(store) == []


@pytest.mark.parametrize("workers", [-1, 2.5, True])
def test_a_number_of_workers_that_cannot_be_is_refused(workers):
    with pytest.raises(SettingError, match="workers must be an integer from 0, None or the address of a Ray cluster"):
        make_executor(workers)


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)

    with pytest.raises(SettingError, match=r"pip install 'fitdash\[ray\]'"):
        make_executor("ray")


def test_workers_that_cannot_be_are_refused_before_anything_is_written():
    found = fitdash.sweep(EXPERIMENT, SPACE, trials=1, workers=0)

    with pytest.raises(SettingError):
        fitdash.sweep(resume=found.uid, trials=2, workers=-1)
    with pytest.raises(SettingError):
        fitdash.sweep(EXPERIMENT, SPACE, trials=2, workers=-1)

    assert Sweep(found.store, found.uid).state == "finished"
    assert len(sweeps.all_sweeps(found.store)) == 1


def test_no_worker_means_this_process():
    assert isinstance(make_executor(0), InlineExecutor)


def test_trials_keep_what_they_have_learned_at_their_end_alone(home):
    found = fitdash.sweep(EXPERIMENT, SPACE, trials=2, workers=0, pruner="none")

    kept = [
        prediction_files.saved_epochs(prediction_files.predictions_folder(home, trial.run)) for trial in found.trials()
    ]

    assert kept == [[2], [2]]
