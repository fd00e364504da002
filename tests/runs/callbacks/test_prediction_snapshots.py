"""The callback that asks a model what it would answer."""

import numpy as np
import pytest
import torch

from fitdash.engine.callbacks.base import Callback
from fitdash.jobs.build import build, make_job
from fitdash.model.model import Model
from fitdash.runs.callbacks.prediction_snapshots import LEAST_SECONDS, PredictionSnapshots, decode_outputs
from fitdash.runs.callbacks.recorder import Recorder
from fitdash.runs.checkpoints import prediction_files
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.events import EpochEnded, PredictionsTaken
from fitdash.settings.callbacks import EarlyStoppingArgs
from fitdash.settings.compile import CompileArgs
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.network import NetworkArgs
from fitdash.settings.validation_data import HoldOut

ROWS = np.random.default_rng(0).standard_normal((64, 3)).astype("float32")
HELD = HoldOut(kind="stratified", share=0.2)


class Clock(Callback):
    """Goes on by `step` seconds every epoch, and by `cost` whenever it is read."""

    def __init__(self, step, cost=0.0):
        super().__init__()
        self.now, self.step, self.cost = 0.0, step, cost

    def on_epoch_begin(self, epoch, logs=None):
        self.now += self.step

    def __call__(self):
        self.now += self.cost
        return self.now


def small(dropout=0.0, seed=3):
    torch.manual_seed(seed)
    layers = [torch.nn.Linear(3, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(dropout), torch.nn.Linear(8, 1)]
    model = Model(torch.nn.Sequential(*layers))
    return model.compile("adam", loss="mse", metrics=["mae"])


def looked(model, *, epochs=4, step=1.0, cost=0.0, **fit):
    """What was put while this model was fitted."""
    put, clock = [], Clock(step, cost)
    looking = PredictionSnapshots("r1", put.append, x=ROWS[:10], rows=np.arange(10), task="regression", clock=clock)
    model.watchers = [clock, looking]
    model.fit(ROWS, ROWS.sum(1), epochs=epochs, batch_size=16, verbose=0, **fit)
    return put


def trained(experiment):
    """Everything that a run of an experiment told; the epochs' values without their times."""
    told = []
    make_job(experiment)(Recorder("r1", told.append), Control())
    return told


def values(told):
    return [(one.epoch, dict(one.logs)) for one in told if isinstance(one, EpochEnded)]


def answers(told):
    return [one for one in told if isinstance(one, PredictionsTaken)]


def test_it_holds_what_the_model_predicts_after_the_epoch():
    model = small()
    (*_, last) = looked(model)

    assert last.epoch == 3
    assert last.answers == pytest.approx(model.predict(ROWS[:10]))
    assert last.answers.dtype == np.float32
    state = model.module.state_dict()
    assert set(last.weights) == set(state)
    assert last.weights["0.weight"] == pytest.approx(state["0.weight"].numpy())


@pytest.mark.parametrize("eagerly", [True, False], ids=["eager", "recorded"])
def test_no_number_of_the_run_changes(eagerly):
    histories = []
    for looks_on in (True, False):
        model = small(dropout=0.3)
        model.compile("adam", loss="mse", metrics=["mae"], run_eagerly=eagerly)
        if looks_on:
            assert len(looked(model, epochs=5, validation_split=0.25)) == 5
        else:
            model.fit(ROWS, ROWS.sum(1), epochs=5, batch_size=16, verbose=0, validation_split=0.25)
        histories.append((model.history.history, [w.tolist() for w in model.get_weights()], torch.rand(1).item()))

    assert histories[0] == histories[1]


def test_the_modes_of_all_parts_come_back():
    model = small()
    model.module[1].eval()
    modes = []

    class Notes(Callback):
        def on_epoch_end(self, epoch, logs=None):
            modes.append([part.training for part in model.module.modules()])

    before, after = Notes(), Notes()
    put = []
    looking = PredictionSnapshots("r1", put.append, x=ROWS[:10], rows=np.arange(10), task="regression")
    model.watchers = [before, looking, after]
    model.fit(ROWS, ROWS.sum(1), epochs=1, verbose=0)

    assert len(put) == 1
    assert modes[0] == modes[1]


def test_it_looks_after_the_first_epoch_seldom_and_after_the_last():
    put = looked(small(), epochs=400, step=LEAST_SECONDS / 50)

    assert put[0].epoch == 0
    assert put[-1].epoch == 399
    assert {int(gap) for gap in np.diff([one.epoch for one in put])[:-1]} <= {50, 51}


def test_looking_takes_a_fiftieth_of_the_time_at_most():
    put = looked(small(), epochs=300, step=1.0, cost=0.5)

    # An epoch takes 1.5 s with the asking for the time, and a look at least 0.5.
    gaps = np.diff([one.epoch for one in put])
    assert (gaps[:-1] * 1.5 >= 50 * 0.5).all()


def test_a_run_that_is_stopped_after_an_epoch_is_looked_at_once_more():
    class Stops(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 2

    model, put = small(), []
    looking = PredictionSnapshots(
        "r1", put.append, x=ROWS[:10], rows=np.arange(10), task="regression", clock=Clock(1e-6)
    )
    model.watchers = [looking, Stops()]
    model.fit(ROWS, ROWS.sum(1), epochs=50, verbose=0)

    assert [one.epoch for one in put] == [0, 2]


def test_weights_that_came_back_are_not_taken_for_those_of_the_last_epoch():
    early = EarlyStoppingArgs(monitor="loss", patience=1, restore_best_weights=True, min_delta=10.0)
    fit = FitArgs(epochs=30)
    told = trained(Experiment(data=DatasetArgs(name="moons", samples=60), fit=fit, callbacks=(early,)))

    epochs = [one.epoch for one in answers(told)]
    assert epochs[-1] == values(told)[-1][0]  # looked at before they came back


def test_a_module_that_cannot_be_asked_is_told_once_and_trains_on():
    class Picky(torch.nn.Linear):
        def forward(self, x):
            if not self.training:
                raise ValueError("not now")
            return super().forward(x)

    model = Model(Picky(3, 1)).compile("sgd", loss="mse")

    assert looked(model) == []
    assert [(event["kind"], event["reason"]) for event in model.history.events] == [
        ("not_looked", "ValueError: not now")
    ]
    assert len(model.history.epoch) == 4


@pytest.mark.parametrize(
    ("given", "links", "classes", "sureness"),
    [
        ([[0.2, 0.7, 0.1]], [None], [1], [0.7]),
        ([[0.2]], [None], [0], [0.8]),
        ([[0.75]], [None], [1], [0.75]),
        ([[0.0, 2.0]], ["softmax"], [1], [0.8808]),
    ],
    ids=["softmax", "sigmoid below", "sigmoid above", "logits"],
)
def test_classes_come_with_their_probability(given, links, classes, sureness):
    found, sure = decode_outputs(np.array(given, np.float32), "classification", links)

    assert found.tolist() == classes
    assert sure.tolist() == pytest.approx(sureness, abs=1e-3)


def test_each_step_of_a_sequence_has_its_class():
    shares = np.array([[[0.2, 0.8], [0.9, 0.1], [0.5, 0.5]]], np.float32)

    found, sure = decode_outputs(shares, "classification", [None])

    assert found.tolist() == [[1, 0, 0]]
    assert sure == pytest.approx(np.array([[0.8, 0.9, 0.5]]), abs=1e-3)


def test_several_outputs_stand_side_by_side():
    given = {"a": np.array([[1.0], [2.0]]), "b": np.array([[3.0], [4.0]])}

    found, sure = decode_outputs(given, "regression", [None, None])

    assert found.tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert sure is None


def test_a_network_that_is_too_large_is_asked_without_its_weights(monkeypatch):
    monkeypatch.setattr("fitdash.runs.callbacks.prediction_snapshots.MOST_WEIGHT_BYTES", 100)

    (*_, last) = looked(small())

    assert last.weights == {}
    assert len(last.answers) == 10


@pytest.mark.parametrize(
    "fit",
    [FitArgs(epochs=2), FitArgs(epochs=2, validation_split=0.25), FitArgs(epochs=2, validation_data=HELD)],
    ids=["none", "split", "data"],
)
@pytest.mark.parametrize("data", ["iris", "diabetes", "moons"])
def test_a_run_is_asked_about_the_rows_that_are_held_out_else_those_it_learns_from(data, fit):
    experiment = Experiment(data=DatasetArgs(name=data), fit=fit, network=NetworkArgs(width=8))
    built = build(experiment)

    last = answers(trained(experiment))[-1]

    expected = built.data.validation if fit.validates else built.data.train
    assert last.rows.tolist() == expected.tolist()
    x = built.data.columns.encode(built.data.dataset.table.iloc[last.rows])
    model = build(experiment).model
    model.module.load_state_dict({name: torch.from_numpy(array) for name, array in last.weights.items()})
    given = model.predict(x)
    wanted, _ = decode_outputs(given, built.data.facts.task, [None])
    assert last.answers == pytest.approx(wanted)


def test_of_many_rows_so_many_are_asked_about_evenly():
    built = build(Experiment(data=DatasetArgs(name="moons", samples=5000), network=NetworkArgs(width=2)))

    rows, x = built.data.looked_at(2000)

    assert len(rows) == len(x) == 2000
    assert (rows[0], rows[-1]) == (0, 4999)
    assert set(np.diff(rows)) <= {2, 3}


def test_files_of_a_run_in_the_background_are_there_when_it_is_over(store, writer, runner):
    experiment = Experiment(data=DatasetArgs(name="iris"), fit=FitArgs(epochs=3), compile=CompileArgs(optimizer="sgd"))

    run = runner.submit(make_job(experiment), experiment=experiment.to_dict())
    assert run.join(60)
    writer.flush(10)

    folder = prediction_files.predictions_folder(store.path.parent, run.uid)
    assert store.run(run.uid).state == "finished", store.run(run.uid).traceback
    assert prediction_files.saved_epochs(folder)[-1] == 2
    assert prediction_files.read(folder, 2).answers.shape == (150,)
