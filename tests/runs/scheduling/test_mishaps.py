"""What goes wrong while a run trains: told in the record, nothing recorded is lost, the next run works."""

import math
import sqlite3

import numpy as np
import pytest
import torch

from fitdash.engine.callbacks.base import Callback
from fitdash.jobs.build import make_job
from fitdash.jobs.launch import resume_run
from fitdash.model.model import Model
from fitdash.runs.callbacks.checkpointing import Checkpointing
from fitdash.runs.callbacks.control_callback import ControlCallback
from fitdash.runs.checkpoints.checkpoint_files import checkpoints_of, run_checkpoint_folder
from fitdash.runs.protocol.events import BatchEnded, EpochEnded, Printed
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import Writer, drop_surplus_events
from fitdash.runs.scheduling.runner import Runner
from fitdash.settings.compile import CompileArgs
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs

SECONDS = 60
ROWS = np.random.default_rng(0).standard_normal((32, 3)).astype("float32")


def trainer(*, x=ROWS, y=None, epochs=4, callbacks=None, module=None, **fit):
    """A job that fits four batches an epoch."""

    def job(recorder, control):
        torch.manual_seed(3)
        model = Model(module or torch.nn.Linear(3, 1)).compile("sgd", loss="mse")
        model.watchers = [
            recorder,
            Checkpointing(recorder.uid, recorder.put),
            ControlCallback(control, show=recorder.show),
        ]
        given = {} if y is None and not isinstance(x, np.ndarray) else {"y": x.sum(1), "batch_size": 8}
        model.fit(x, epochs=epochs, verbose=0, callbacks=callbacks, **given | fit)

    return job


def over(runner, job):
    run = runner.submit(job, experiment={})
    assert run.join(SECONDS)
    assert runner.writer.flush(SECONDS)
    return runner.writer.store.run(run.uid)


class FailsIn(Callback):
    """Raises in one hook, in the third epoch."""

    def __init__(self, hook):
        super().__init__()
        setattr(self, hook, self.fail)

    def fail(self, *args):
        if self.model.epoch == 2 or self.model.history.epoch == [0, 1, 2, 3]:
            raise RuntimeError("the callback broke")


class FailsInStep(torch.nn.Linear):
    calls = 0

    def forward(self, x):
        self.calls += 1
        if self.calls == 10:
            raise RuntimeError("shapes cannot be multiplied")
        return super().forward(x)


def batches():
    for number in range(10):
        if number == 9:
            raise OSError("the file vanished")
        yield ROWS[:8], ROWS[:8].sum(1)


@pytest.mark.parametrize(
    ("trains", "error", "epochs"),
    [
        (trainer(callbacks=FailsIn("on_epoch_end")), "RuntimeError: the callback broke", [0, 1]),
        (trainer(callbacks=FailsIn("on_epoch_begin")), "RuntimeError: the callback broke", [0, 1]),
        (trainer(callbacks=FailsIn("on_train_batch_end")), "RuntimeError: the callback broke", [0, 1]),
        (trainer(callbacks=FailsIn("on_train_end")), "RuntimeError: the callback broke", [0, 1, 2, 3]),
        (trainer(module=FailsInStep(3, 1)), "RuntimeError: shapes cannot be multiplied", [0, 1]),
        (trainer(x=batches(), steps_per_epoch=4), "OSError: the file vanished", [0, 1]),
        (trainer(x=ROWS, y=ROWS, class_weight={"cat": 1}), "fitdash.errors.SettingError: class_weight must map", []),
    ],
    ids=["epoch end", "epoch begin", "batch end", "train end", "step", "data", "arguments"],
)
def test_a_run_that_raises_keeps_its_epochs_and_says_what_was_raised(store, runner, trains, error, epochs):
    failed = over(runner, trains)

    assert failed.state == "failed"
    assert failed.error.startswith(error)
    assert failed.traceback.startswith("Traceback")
    assert [row.epoch for row in store.epochs(failed.uid)] == epochs
    assert over(runner, trainer()).state == "finished"


def test_a_run_that_failed_goes_on_when_the_cause_is_gone(store, runner, monkeypatch):
    experiment = Experiment(data=DatasetArgs(name="iris"), fit=FitArgs(epochs=6, verbose=0))
    expected = runner.submit(make_job(experiment), experiment=experiment.to_dict())
    assert expected.join(SECONDS)

    def fails(recorder, control):
        told = recorder.on_epoch_end

        def full(epoch, logs=None):
            if epoch == 3:
                raise MemoryError("too much")
            told(epoch, logs)

        recorder.on_epoch_end = full
        make_job(experiment)(recorder, control)

    run = runner.submit(fails, experiment=experiment.to_dict())
    assert run.join(SECONDS)
    runner.writer.flush(SECONDS)
    assert store.run(run.uid).state == "failed"

    again = resume_run(runner, run.uid)
    assert again.join(SECONDS)
    runner.writer.flush(SECONDS)

    assert (store.run(run.uid).state, store.run(run.uid).error) == ("finished", None)
    assert [row.logs for row in store.epochs(run.uid)] == [row.logs for row in store.epochs(expected.uid)]


def test_a_loss_that_is_no_number_is_recorded_as_such_and_never_the_best(store, runner):
    compile = CompileArgs(optimizer="sgd", learning_rate=1000.0)
    experiment = Experiment(data=DatasetArgs(name="diabetes"), compile=compile, fit=FitArgs(epochs=8, verbose=0))

    run = runner.submit(make_job(experiment), experiment=experiment.to_dict())
    assert run.join(SECONDS)
    runner.writer.flush(SECONDS)

    losses = [row.logs["loss"] for row in store.epochs(run.uid)]
    assert store.run(run.uid).state == "finished", store.run(run.uid).traceback
    assert math.isnan(losses[-1])
    kept = checkpoints_of(run_checkpoint_folder(run.uid))
    assert kept[-2].epoch == 8
    assert kept[-2].value is None
    assert torch.isnan(kept[-1].content()["weights"]["output.weight"]).any()


@pytest.fixture
def impatient(home):
    """A store that gives up at once when it is locked."""
    with Store(busy_seconds=0.001) as store:
        writer = Writer(store)
        runner = Runner(writer)
        yield runner
        runner.shutdown()
        writer.close()


def test_training_goes_on_while_the_store_is_locked_and_nothing_is_lost(impatient):
    store, writer = impatient.writer.store, impatient.writer
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    run = impatient.submit(trainer(epochs=50), experiment={})
    assert run.join(SECONDS)
    assert run.state == "finished"
    assert not writer.flush(0.2)
    assert "database is locked" in writer.trouble
    assert store.runs() == []

    other.execute("ROLLBACK")
    other.close()
    assert writer.flush(SECONDS)
    assert writer.trouble is None
    assert store.run(run.uid).state == "finished"
    assert [row.epoch for row in store.epochs(run.uid)] == list(range(50))


def test_training_goes_on_while_the_disk_is_full_and_nothing_is_lost(store, writer, runner):
    run = runner.submit(trainer(epochs=1), experiment={})
    assert run.join(SECONDS)
    assert writer.flush(SECONDS)
    (pages,) = store._writes.execute("PRAGMA page_count").fetchone()
    store._writes.execute(f"PRAGMA max_page_count={pages + 2}")

    run = runner.submit(trainer(epochs=400), experiment={})
    assert run.join(SECONDS)
    assert run.state == "finished"
    assert not writer.flush(1.0)
    assert "disk is full" in writer.trouble

    store._writes.execute("PRAGMA max_page_count=1000000")
    assert writer.flush(SECONDS)
    assert writer.trouble is None
    assert [row.epoch for row in store.epochs(run.uid)] == list(range(400))
    assert store.read_rows("PRAGMA integrity_check") == [("ok",)]


def test_what_waits_is_bounded_and_epochs_are_never_let_go():
    running = [BatchEnded(uid="a", epoch=0, step=step, steps=None, logs={}) for step in range(50)]
    printed = [Printed(uid="a", text="x") for _ in range(50)]
    epochs = [EpochEnded(uid="a", epoch=epoch, logs={}, seconds=0.1) for epoch in range(5)]

    assert drop_surplus_events([*running, *printed, *epochs], most=60) == [*printed, *epochs]
    assert drop_surplus_events([*running, *printed, *epochs], most=20) == epochs
