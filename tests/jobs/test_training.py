"""A real fit, recorded and steered from another thread."""

import threading

import numpy as np
import torch

from fitdash.engine.callbacks.base import Callback
from fitdash.model.model import Model
from fitdash.runs.callbacks.control_callback import ControlCallback
from fitdash.runs.record.history import history_of

ROWS = np.random.default_rng(0).standard_normal((64, 3)).astype("float32")


def trainer(*, epochs, callbacks=None, kept=None, **fit):
    """A job that fits a network of one layer to the sum of three numbers."""

    def job(recorder, control):
        torch.manual_seed(3)
        model = Model(torch.nn.Linear(3, 1))
        model.compile("sgd", loss="mse", metrics=["mae"])
        model.watchers = [recorder, ControlCallback(control)]
        model.console = recorder.console
        history = model.fit(ROWS, ROWS.sum(1), epochs=epochs, batch_size=16, verbose=2, callbacks=callbacks, **fit)
        if kept is not None:
            kept.append(history)

    return job


class Waits(Callback):
    """Stands still before one batch until a test has looked."""

    def __init__(self, batch):
        super().__init__()
        self.batch, self.reached, self.go_on = batch, threading.Event(), threading.Event()

    def on_train_batch_begin(self, batch, logs=None):
        if batch == self.batch and not self.reached.is_set():
            self.reached.set()
            self.go_on.wait(60)


def test_19_6_what_fit_returns_is_what_the_store_gives_back(store, writer, runner):
    kept = []
    run = runner.submit(trainer(epochs=4, kept=kept, validation_split=0.25, validation_freq=2), experiment={})
    assert run.join(60)
    writer.flush(10)

    assert store.run(run.uid).state == "finished", store.run(run.uid).traceback
    assert history_of(store, run.uid).to_csv() == kept[0].to_csv()
    assert history_of(store, run.uid).to_json() == kept[0].to_json()
    assert [line for line in store.texts(run.uid) if line.startswith("Epoch")] == [
        f"Epoch {shown}/4" for shown in (1, 2, 3, 4)
    ]


def test_the_pace_never_changes_a_number(runner):
    kept = []
    runs = [runner.submit(trainer(epochs=5, kept=kept), experiment={}, pace=pace) for pace in ("full", 200)]
    assert all(run.join(60) for run in runs)

    assert kept[0].history == kept[1].history


def test_15_8b_stop_run_ends_after_the_current_batch_and_keeps_a_partial_epoch(store, writer, runner):
    kept, waiting = [], Waits(2)
    run = runner.submit(trainer(epochs=1000, callbacks=waiting, kept=kept, validation_split=0.25), experiment={})
    assert waiting.reached.wait(60)

    run.stop()
    waiting.go_on.set()
    assert run.join(60)
    writer.flush(10)

    assert store.run(run.uid).state == "stopped", store.run(run.uid).traceback
    assert store.epochs(run.uid) == []
    assert kept[0].epoch == []
    assert store.latest(run.uid, "partial").data["epoch"] == 0
    assert [(row.data["kind"], row.data["step"]) for row in store.events(run.uid, "told")] == [("stop_run", 2)]
    assert kept[0].events == [row.data for row in store.events(run.uid, "told")]


def test_stop_ends_a_run_that_waits_for_its_pace(store, writer, runner):
    run = runner.submit(trainer(epochs=1000), experiment={}, pace=0.001)
    while not store.epochs(run.uid):
        writer.flush(10)

    run.stop()
    assert run.join(60)
    writer.flush(10)

    assert store.run(run.uid).state == "stopped"
    assert len(store.epochs(run.uid)) == 1


def test_a_new_pace_lets_a_waiting_run_go_on_at_once(store, writer, runner):
    run = runner.submit(trainer(epochs=3), experiment={}, pace=0.001)
    while not store.epochs(run.uid):
        writer.flush(10)

    run.control.pace = "full"

    assert run.join(60)
    writer.flush(10)
    assert [store.run(run.uid).state, len(store.epochs(run.uid))] == ["finished", 3]
