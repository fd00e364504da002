"""What a session keeps of a run while it grows."""

from dataclasses import replace

import numpy as np

from fitdash.charts.axis import Axis
from fitdash.runs.protocol.events import BatchEnded, Created, EpochEnded, Told
from fitdash.runs.record.store import Store
from fitdash.settings.experiment import Experiment
from fitdash.ui.run.annotations import list_annotations
from fitdash.ui.run.axes import run_axis
from fitdash.ui.run.chart_state import ChartState, build_panels
from fitdash.ui.session.chart_options import ChartOptions
from fitdash.ui.view_models.run_view import RunReader, RunView


def created(store):
    store.write([Created(uid="r", name="r", experiment={}, writer="w", state="running")])


def epoch(index, **logs):
    return EpochEnded(uid="r", epoch=index, logs=logs, seconds=0.5)


def batch(index, step, loss):
    return BatchEnded(uid="r", epoch=index, step=step, steps=4, logs={"loss": loss})


def test_columns_grow_with_the_run_and_have_gaps_where_a_log_began_later(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        created(store)
        watch = RunReader("r")
        store.write([epoch(0, loss=1.0)])
        first = watch.read(store)
        store.write([epoch(1, loss=0.5, val_loss=2.0)])

        second = watch.read(store)

    assert first.columns["loss"].tolist() == [1.0]
    assert second.columns["loss"].tolist() == [1.0, 0.5]
    assert np.isnan(second.columns["val_loss"]).tolist() == [True, False]


def test_the_recipe_is_read_once_while_it_stays_the_same(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        recipe = Experiment(seed=3)
        store.write([Created(uid="r", name="r", experiment=recipe.to_dict(), writer="w", state="running")])
        watch = RunReader("r")
        first = watch.read(store).experiment
        store.write([epoch(0, loss=1.0)])
        same = watch.read(store).experiment
        changed = replace(watch.latest, recipe=Experiment(seed=4).to_dict())
        store.write([epoch(1, loss=0.5)])
        watch.latest = changed

        again = watch.read(store).experiment

    assert first == recipe
    assert same is first
    assert again == recipe
    assert again is not first


def test_an_epoch_trained_again_takes_the_place_of_the_earlier_one(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        created(store)
        watch = RunReader("r")
        store.write([epoch(0, loss=1.0), epoch(1, loss=0.5), batch(1, 3, 0.5)])
        watch.read(store)
        store.write([batch(1, 1, 0.7), epoch(1, loss=0.4)])

        run = watch.read(store)

    assert run.columns["loss"].tolist() == [1.0, 0.4]
    assert run.epochs == [0, 1]
    assert [one.over for one in run.running] == [1.5]


def test_what_is_written_while_a_page_reads_comes_once(tmp_path, monkeypatch):
    with Store(tmp_path / "runs.db") as store:
        created(store)
        watch = RunReader("r")
        record = store.run("r")
        store.write([Told(uid="r", facts={"kind": "data"}), epoch(0, loss=1.0)])
        monkeypatch.setattr(store, "run", lambda uid: record)
        early = watch.read(store)
        monkeypatch.undo()

        late = watch.read(store)

    assert (early.epochs, list(early.told)) == ([], [])
    assert (late.epochs, late.told) == ([0], [{"kind": "data"}])


def test_running_values_break_where_an_epoch_begins(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        created(store)
        store.write([batch(0, 1, 3.0), batch(0, 2, 2.5), batch(0, 3, 2.0), epoch(0, loss=2.0), batch(1, 1, 1.0)])

        run = RunReader("r").read(store)

    within = panel_of(run).within
    assert within.x.tolist() == [0.5, 0.75, 1.0, 1.5, 1.5]
    assert np.isnan(within.values).tolist() == [False, False, False, True, False]


def test_short_epochs_draw_no_running_values(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        created(store)
        store.write([batch(0, 1, 3.0), batch(0, 3, 2.0), epoch(0, loss=2.0), batch(1, 1, 1.0)])

        assert panel_of(RunReader("r").read(store)).within is None


def panel_of(run):
    view = ChartOptions()
    (panel,) = build_panels(ChartState(run=run, view=view, axis=run_axis(run, view.x), marks=()))
    return panel


def run_of(told=(), rows=(), **params):
    return RunView(uid="r", name="", state="finished", experiment=None, params=params, rows=rows, told=told)


def test_updates_and_samples_follow_a_batch_size_that_changed():
    told = [{"kind": "setting", "setting": "batch_size", "old": 25, "new": 50, "epoch": 1, "step": 0}]
    epochs = [EpochEnded(uid="r", epoch=i, logs={}, seconds=1.0 + i) for i in range(3)]
    run = run_of(told, epochs, samples=100, steps=2, batch_size=50, epochs=5)

    assert run_axis(run, "update").places(np.array([1.0, 2.0, 4.0])).tolist() == [4, 6, 10]
    assert run_axis(run, "samples").place(3) == 300
    assert run_axis(run, "seconds").place(3) == 6
    assert isinstance(run_axis(run, "epoch"), Axis)


def test_what_callbacks_did_stands_where_it_took_effect():
    told = [
        {"kind": "learning_rate", "epoch": 1, "was": 0.1, "value": 0.05},
        {"kind": "learning_rate", "epoch": 2, "was": 0.05, "value": 0.01},
        {"kind": "early_stop", "epoch": 2, "monitor": "val_loss"},
        {"kind": "restored_weights", "epoch": 2, "best_epoch": 0},
    ]
    rates = [0.1, 0.1, 0.01]
    epochs = [EpochEnded(uid="r", epoch=i, logs={"learning_rate": rates[i]}, seconds=1.0) for i in range(3)]

    found = [(mark.at, mark.kind, mark.text) for mark in list_annotations(run_of(told, epochs))]

    assert found == [
        (1.0, "restored_weights", "the best epoch: its weights came back at the end"),
        (2, "learning_rate", "learning_rate 0.1 → 0.05 from epoch 3"),
        (2, "learning_rate", "learning_rate 0.05 → 0.01 from epoch 3"),
        (3.0, "early_stop", "EarlyStopping ended it here: val_loss no longer got better"),
    ]


def test_a_schedule_has_one_sign_for_all_its_changes():
    told = [{"kind": "learning_rate", "epoch": i, "was": 1.0 / (i + 1), "value": 1.0 / (i + 2)} for i in range(20)]

    (mark,) = list_annotations(run_of(told))

    assert mark.text == "learning_rate changed 20 times, 1 → 0.047619 so far"
