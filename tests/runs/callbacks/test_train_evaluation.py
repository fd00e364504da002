"""The callback that measures the training rows as validation rows are."""

import numpy as np
import pytest
import torch

from fitdash.data.tables.prepared import prepare_data
from fitdash.jobs.build import make_job
from fitdash.model.model import Model
from fitdash.runs.callbacks.recorder import Recorder
from fitdash.runs.callbacks.train_evaluation import TrainEvaluation
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.events import Created, EpochEnded, TrainEvaluated
from fitdash.runs.record.store import Store
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.validation_data import HoldOut
from fitdash.ui.view_models.run_view import RunReader

ROWS = np.random.default_rng(0).standard_normal((64, 3)).astype("float32")
TARGETS = ROWS.sum(1)


def small(*, eagerly=False):
    torch.manual_seed(3)
    layers = [torch.nn.Linear(3, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1)]
    return Model(torch.nn.Sequential(*layers)).compile("adam", loss="mse", metrics=["mae"], run_eagerly=eagerly)


def measured(model, control, **fit):
    """What was put while this model was fitted."""
    put = []
    model.watchers = [TrainEvaluation("r", put.append, control, lambda: (ROWS, TARGETS))]
    model.fit(ROWS, TARGETS, batch_size=16, verbose=0, **fit)
    return put


def wished():
    control = Control()
    control.fair = True
    return control


def test_it_holds_what_evaluate_gives_for_the_training_rows():
    model = small()

    *_, last = measured(model, wished(), epochs=3)

    assert last.epoch == 2
    assert last.logs == pytest.approx(model.evaluate(ROWS, TARGETS, verbose=0, return_dict=True))
    assert last.seconds > 0


def test_nothing_is_measured_while_nobody_wishes_it():
    assert measured(small(), Control(), epochs=2) == []


@pytest.mark.parametrize("eagerly", [True, False], ids=["eager", "recorded"])
def test_no_number_of_the_run_changes(eagerly):
    def run(control):
        model = small(eagerly=eagerly)
        put = measured(model, control, epochs=40, validation_split=0.25)
        weights = [w.tolist() for w in model.get_weights()]
        return len(put), (model.history.history, weights, torch.rand(1).item(), model.history.params["stepper"])

    (count, with_it), (none, without) = run(wished()), run(Control())

    assert (count, none) == (40, 0)
    assert with_it == without


@pytest.mark.parametrize(
    ("fit", "rows"),
    [
        (FitArgs(epochs=1, validation_split=0.2), 120),
        (FitArgs(epochs=1, validation_data=HoldOut()), 120),
        (FitArgs(epochs=1), 150),
    ],
)
def test_a_run_of_the_page_measures_the_rows_that_it_trains_on(fit, rows, home):
    data = prepare_data(Experiment(data=DatasetArgs(name="iris"), fit=fit))
    told = []

    make_job(Experiment(data=DatasetArgs(name="iris"), fit=fit))(Recorder("r", told.append), wished())

    assert [len(part) for part in data.trained_on()] == [rows, rows]
    (one,) = [event for event in told if isinstance(event, TrainEvaluated)]
    assert set(one.logs) == {"loss", "accuracy"}


def test_what_was_measured_is_kept_beside_the_logs_and_read_by_the_page(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        store.write([Created(uid="r", name="r", experiment={}, writer="w", state="running")])
        store.write([EpochEnded(uid="r", epoch=0, logs={"loss": 1.0}, seconds=1.0)])
        store.write([TrainEvaluated(uid="r", epoch=0, logs={"loss": 0.5}, seconds=0.25)])

        run = RunReader("r").read(store)

        assert run.measured == {0: {"loss": 0.5}}
        assert run.measured_seconds == 0.25
        assert store.epochs("r")[0].logs == {"loss": 1.0}


def test_a_run_in_another_process_hears_of_the_wish():
    here, there = wished(), Control()

    here.relay(there.take)
    assert there.fair
    here.fair = False
    assert not there.fair
