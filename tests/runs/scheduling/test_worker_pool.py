"""Runs that train in processes of their own."""

import os
import signal
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fitdash.errors import StoreError
from fitdash.jobs.build import make_job
from fitdash.jobs.job_spec import make_job_spec, make_resume_spec
from fitdash.jobs.launch import resume_run
from fitdash.jobs.warm_start import load_warm_start
from fitdash.jobs.worker import BEHIND
from fitdash.runs.checkpoints import prediction_files
from fitdash.runs.checkpoints.checkpoint_files import checkpoints_of, run_checkpoint_folder
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.events import Created, EpochEnded
from fitdash.runs.scheduling.failures import RunEndedElsewhere
from fitdash.runs.scheduling.worker_pool import Worker, WorkerPool
from fitdash.settings.callbacks import CALLBACKS
from fitdash.settings.compile import CompileArgs
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.network import NetworkArgs
from fitdash.settings.validation_data import HoldOut

SECONDS = 60
EXPERIMENT = Experiment(
    data=DatasetArgs(name="digits"),
    network=NetworkArgs(width=16, depth=1, dropout=0.3),
    compile=CompileArgs(optimizer="sgd", learning_rate=0.05, momentum=0.9),
    fit=FitArgs(epochs=6, batch_size=100, verbose=2, validation_data=HoldOut()),
    callbacks=(CALLBACKS["LearningRateScheduler"](schedule="cosine"),),
    seed=4,
)
LONG = replace(EXPERIMENT, fit=replace(EXPERIMENT.fit, epochs=100_000, verbose=0))
DIVERGES = Experiment(
    data=DatasetArgs(name="diabetes"),
    compile=CompileArgs(optimizer="sgd", learning_rate=1000.0),
    fit=FitArgs(epochs=8, verbose=0),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The folder of the store that the processes of this file know."""
    return tmp_path_factory.mktemp("workers")


@pytest.fixture(scope="module")
def warm(place):
    """One process for the tests of this file, started as for users: that takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FITDASH_HOME", str(place))
        patch.setattr("fitdash.runs.scheduling.worker_pool.subprocess", subprocess)
        worker = Worker()
    yield worker
    worker.close()


@pytest.fixture
def home(place, monkeypatch):
    monkeypatch.setenv("FITDASH_HOME", str(place))
    return place


class Away:
    """A run in a worker, followed from a thread."""

    def __init__(self, worker, writer, experiment, uid, order=None, control=None):
        self.uid, self.control, self.ended, self.events = uid, control or Control(), None, []
        self._writer = writer
        writer.put(Created(uid=uid, name="", experiment=experiment.to_dict(), writer=writer.uid, state="running"))
        self._arguments = worker, order or make_job_spec(experiment)
        self.heard = threading.Condition()
        self.thread = threading.Thread(target=self._train, daemon=True)
        self.thread.start()

    def _train(self):
        worker, order = self._arguments
        try:
            worker.train(order, self.uid, self._put, self.control)
        except RunEndedElsewhere as end:
            self.ended = end.change
            self._writer.put(end.change)

    def _put(self, event):
        self._writer.put(event)
        with self.heard:
            self.events.append(event)
            self.heard.notify_all()

    def until(self, count):
        """Wait until so many epochs were told."""
        with self.heard:
            told = self.heard.wait_for(lambda: len(self.epochs) >= count, SECONDS)
        assert told, self.ended

    @property
    def epochs(self):
        return [event for event in self.events if isinstance(event, EpochEnded)]

    def join(self):
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()
        assert self._writer.flush(SECONDS)


def logs(store, uid):
    return [(row.epoch, {name: repr(value) for name, value in row.logs.items()}) for row in store.epochs(uid)]


@pytest.mark.skipif(not hasattr(os, "getpriority"), reason="processes have no niceness here")
def test_a_worker_lets_the_pages_go_first(warm, writer):
    Away(warm, writer, EXPERIMENT, "nice").join()

    assert os.getpriority(os.PRIO_PROCESS, warm.pid) == os.getpriority(os.PRIO_PROCESS, 0) + BEHIND
    group = Path(f"/proc/{warm.pid}/autogroup")
    assert not group.exists() or group.read_text().endswith(f"nice {BEHIND}\n")


@pytest.mark.parametrize("experiment", [EXPERIMENT, DIVERGES], ids=["digits", "a loss that is no number"])
def test_a_worker_gives_the_numbers_that_the_thread_gives(warm, store, writer, runner, experiment, request):
    here = runner.submit(make_job(experiment), experiment=experiment.to_dict())
    away = Away(warm, writer, experiment, f"same-{request.node.callspec.id}")
    assert here.join(SECONDS)
    away.join()

    assert away.ended is None
    assert len(logs(store, here.uid)) == experiment.fit.epochs
    assert logs(store, away.uid) == logs(store, here.uid)
    told = [[row.data for row in store.events(uid, "told", "printed")] for uid in (away.uid, here.uid)]
    assert [without_seconds(line) for line in told[0]] == [without_seconds(line) for line in told[1]] != []
    assert store.run(away.uid).params == store.run(here.uid).params
    one, other = (checkpoints_of(run_checkpoint_folder(uid)) for uid in (away.uid, here.uid))
    assert (one[0].epoch, one[-2].epoch, one[-1].is_end) == (other[0].epoch, other[-2].epoch, other[-1].is_end)
    ends = [kept[-1].content()["weights"] for kept in (one, other)]
    assert all(
        torch.equal(
            ends[0][name],
            ends[1][name],
        )
        or ends[1][name].isnan().any()
        for name in ends[1]
    )


def test_a_worker_keeps_what_its_model_answered_as_the_thread_does(warm, home, writer, runner):
    here = runner.submit(make_job(EXPERIMENT), experiment=EXPERIMENT.to_dict())
    away = Away(warm, writer, EXPERIMENT, "looked-at")
    assert here.join(SECONDS)
    away.join()

    one, other = (
        prediction_files.read(prediction_files.predictions_folder(home, uid), 5) for uid in (away.uid, here.uid)
    )
    assert one.rows.tolist() == other.rows.tolist()
    assert (one.answers == other.answers).all()
    assert (one.sureness == other.sureness).all()


def test_training_values_measured_after_an_epoch_come_from_a_worker(warm, writer, store):
    control = Control()
    control.fair = True

    run = Away(warm, writer, EXPERIMENT, "measured", control=control)
    run.join()

    assert run.ended is None
    measured = [row.data for row in store.events("measured", "measured")]
    assert [row["epoch"] for row in measured] == list(range(EXPERIMENT.fit.epochs))
    assert all(row["logs"].keys() >= {"loss", "accuracy"} for row in measured)


def without_seconds(line):
    """A line of progress without how long it took."""
    return line if isinstance(line, dict) else [word for word in line.split() if not word.endswith(("s", "step"))]


def test_a_run_in_a_worker_is_steered(warm, writer, store):
    run = Away(warm, writer, LONG, "steered")
    stands = threading.Event()
    run.control.listen(lambda is_standing: stands.set() if is_standing else stands.clear())
    run.until(2)

    run.control.pause()
    assert stands.wait(SECONDS)
    before = len(run.epochs)
    run.control.step(epochs=2)
    run.until(before + 2)
    assert stands.wait(SECONDS)
    assert len(run.epochs) in (before + 1, before + 2)
    run.control.change(learning_rate=0.25)
    run.control.resume()
    run.until(before + 10)
    run.control.stop()
    run.join()

    assert run.ended is None
    (changed,) = [row.data for row in store.events("steered", "told") if row.data["kind"] == "setting"]
    assert (changed["setting"], changed["new"]) == ("learning_rate", 0.25)
    assert store.events("steered", "told")[-1].data["kind"] == "stop_run"
    assert checkpoints_of(run_checkpoint_folder("steered"))[-1].is_end


def test_what_was_wished_before_it_began_holds_there(warm, writer, store):
    run_control = Control()
    run_control.step(batches=3)
    stands = threading.Event()
    run_control.listen(lambda is_standing: stands.set() if is_standing else None)
    thread = threading.Thread(target=warm.train, args=[make_job_spec(LONG), "wished", writer.put, run_control])
    thread.start()

    assert stands.wait(SECONDS)
    run_control.stop()
    thread.join(SECONDS)

    assert not thread.is_alive()


def test_what_a_run_raises_there_is_told_with_its_traceback(warm, writer):
    run = Away(warm, writer, EXPERIMENT, "raises", make_job_spec(EXPERIMENT, origin="nobody"))
    run.join()

    assert run.ended.state == "failed"
    assert "The run to go on from must be one whose weights are kept, got 'nobody'" in run.ended.error
    assert load_warm_start.__name__ in run.ended.traceback
    assert warm.is_alive


def test_a_run_that_was_stopped_goes_on_in_a_worker_to_the_same_numbers(warm, store, writer, runner):
    expected = runner.submit(make_job(EXPERIMENT), experiment=EXPERIMENT.to_dict())
    run = Away(warm, writer, EXPERIMENT, "goes-on")
    run.until(2)
    run.control.stop()
    run.join()

    again = Away(warm, writer, EXPERIMENT, "goes-on", make_resume_spec("goes-on"))
    again.join()
    assert expected.join(SECONDS)
    writer.flush(SECONDS)

    assert again.ended is None
    assert logs(store, "goes-on") == logs(store, expected.uid)


def test_a_worker_that_is_killed_leaves_its_run_interrupted_to_go_on(home, store, writer, runner):
    short = replace(EXPERIMENT, fit=replace(EXPERIMENT.fit, epochs=400, verbose=0))
    worker = Worker()
    run = Away(worker, writer, short, "killed")
    run.until(30)

    os.kill(worker.pid, signal.SIGKILL)
    run.join()

    record = store.run("killed")
    assert record.state == "interrupted"
    assert record.error == (
        "The process that trained this run must live until it is over, got its end (SIGKILL). Resume the run."
    )
    assert not worker.is_alive
    expected = runner.submit(make_job(short), experiment=short.to_dict())
    assert expected.join(SECONDS)
    again = resume_run(runner, "killed")
    assert again.join(SECONDS)
    writer.flush(SECONDS)
    assert logs(store, "killed") == logs(store, expected.uid)


def test_a_worker_that_is_told_to_end_interrupts_its_run_and_keeps_where_it_was(home, writer):
    worker = Worker()
    run = Away(worker, writer, LONG, "ended")
    run.until(3)

    os.kill(worker.pid, signal.SIGTERM)
    run.join()
    worker.close()

    assert run.ended.state == "interrupted"
    assert run.ended.error == "The process that trained this run was told to end. Resume the run."
    kept = checkpoints_of(run_checkpoint_folder("ended"))
    assert kept[-1].is_end
    assert kept[-1].epoch == len(run.epochs)
    assert 0 < kept[-2].epoch <= len(run.epochs)  # a copy a second, and of the best


def test_workers_train_at_once_as_many_as_may(home, store, writer):
    workers = WorkerPool(2, free=lambda: None)
    first, second = (Away(workers, writer, replace(LONG, seed=seed), f"both-{seed}") for seed in (1, 2))
    first.until(2)
    second.until(2)
    assert not workers.has_room
    third = Away(workers, writer, replace(EXPERIMENT, seed=1), "third")
    fourth = Away(workers, writer, EXPERIMENT, "fourth")
    fourth.control.stop()
    fourth.join()
    assert fourth.events == []

    first.control.stop()
    first.join()
    third.join()
    second.control.stop()
    second.join()

    assert logs(store, "third")[0] == logs(store, "both-1")[0] != logs(store, "both-2")[0]
    assert workers.has_room
    workers.close()
    assert not workers.has_room
    late = Control()
    with pytest.raises(StoreError, match="The workers must be open to train"):
        workers.train(make_job_spec(EXPERIMENT), "late", writer.put, late)


def test_another_process_is_started_only_where_memory_is_free(home, writer):
    free = [None]
    workers = WorkerPool(2, free=lambda: free[0])
    run = Away(workers, writer, LONG, "first-of-all")
    run.until(1)
    free[0] = 300_000_000
    assert not workers.has_room
    free[0] = 3_000_000_000
    assert workers.has_room
    run.control.stop()
    run.join()
    workers.close()
