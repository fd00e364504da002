"""A fit of a script, shown in the dashboard."""

import subprocess
import sys

import numpy as np
import pytest

from fitdash.errors import StoreError
from fitdash.model import view_metrics as viewer
from fitdash.runs.protocol.paths import store_path
from fitdash.runs.record.history import history_of
from fitdash.runs.record.store import Store


@pytest.fixture
def address(monkeypatch):
    """A dashboard that need not be started."""
    monkeypatch.setattr(viewer, "find_or_start", lambda: "http://127.0.0.1:8501")
    yield "http://127.0.0.1:8501"
    if viewer._writer.cache_info().currsize:
        viewer._writer(store_path()).close()
    viewer._writer.cache_clear()


@pytest.fixture
def store(home):
    with Store() as store:
        yield store


def flush(store):
    assert viewer._writer(store.path).flush(10)


def test_18_1_the_address_of_the_run_is_printed_and_the_run_is_in_the_store(address, store, capsys):
    (recorder,) = viewer.record_to_dashboard({"fit": {"epochs": 3, "x": np.zeros((100, 4))}}, name="mine")

    run = store.run(recorder.uid)
    assert capsys.readouterr().out == f"Watch this run at {address}/?run={recorder.uid}\n"
    assert (run.name, run.state) == ("mine", "running")
    assert run.experiment == {"fit": {"epochs": 3, "x": "array of shape (100, 4)"}}
    assert run.started is not None


def test_18_3_the_page_reads_the_numbers_of_the_history(address, store, capsys):
    torch = pytest.importorskip("torch")
    from fitdash.model.model import Model

    model = Model(torch.nn.Linear(2, 1))
    model.compile("sgd", loss="mse")
    (recorder,) = viewer.record_to_dashboard({})
    model.watchers = [recorder]

    history = model.fit(np.ones((8, 2), "float32"), np.ones((8, 1), "float32"), epochs=3, verbose=0)
    flush(store)

    assert store.run(recorder.uid).state == "finished"
    assert history_of(store, recorder.uid).to_csv() == history.to_csv()
    assert history_of(store, recorder.uid).to_json() == history.to_json()


def test_a_fit_that_raises_reads_failed(address, store):
    (recorder,) = viewer.record_to_dashboard({})

    recorder.failed(ValueError("loss is NaN."))
    flush(store)

    run = store.run(recorder.uid)
    assert (run.state, run.error) == ("failed", "ValueError: loss is NaN.")
    assert "ValueError" in run.traceback


def test_a_fit_that_is_interrupted_reads_interrupted(address, store):
    (recorder,) = viewer.record_to_dashboard({})

    recorder.failed(KeyboardInterrupt())
    flush(store)

    assert store.run(recorder.uid).state == "interrupted"


@pytest.mark.parametrize("error", [StoreError("The dashboard must start."), OSError("no room"), ValueError("odd")])
def test_18_4_what_goes_wrong_is_one_warning(monkeypatch, error, capsys):
    def fails():
        raise error

    monkeypatch.setattr(viewer, "find_or_start", fails)

    with pytest.warns(UserWarning, match=f"view_metrics cannot show this fit: {error}") as warned:
        assert viewer.record_to_dashboard({}) == []

    assert len(warned) == 1
    assert capsys.readouterr().out == ""


def test_18_4_a_store_that_cannot_be_opened_is_one_warning(address, home):
    home.mkdir()
    (home / "runs.db").write_text("no store" * 1000)

    with pytest.warns(UserWarning, match=r"runs\.db must be a fitdash store") as warned:
        assert viewer.record_to_dashboard({}) == []

    assert len(warned) == 1


def test_a_script_that_dies_in_its_fit_leaves_an_interrupted_run(store):
    script = (
        "import os, fitdash.model.view_metrics as viewer; viewer.find_or_start = lambda: 'http://here';"
        "viewer.record_to_dashboard({}); os._exit(1)"
    )

    subprocess.run([sys.executable, "-W", "error", "-c", script], check=False, capture_output=True)

    assert len(store.reap()) == 1
    assert [run.state for run in store.runs()] == ["interrupted"]


SHOWN = {"metrics": True, "epochs": 2, "verbose": 1}


@pytest.mark.parametrize(
    ("view_metrics", "runs", "changed", "watched"),
    [
        (True, False, {}, True),
        (True, False, {"metrics": False, "epochs": 1, "verbose": 0}, True),
        (False, True, {}, False),
        ("auto", True, {}, True),
        ("auto", False, {}, False),
        ("auto", True, {"metrics": False}, False),
        ("auto", True, {"epochs": 1}, False),
        ("auto", True, {"verbose": 0}, False),
    ],
)
def test_18_2_auto_shows_a_fit_where_a_dashboard_runs_and_all_conditions_hold(
    monkeypatch, view_metrics, runs, changed, watched
):
    monkeypatch.setattr(viewer, "find", lambda: "http://127.0.0.1:8501" if runs else None)
    monkeypatch.setattr(viewer, "record_to_dashboard", lambda experiment, name: [name])

    found = viewer.make_script_recorders(view_metrics, **{**SHOWN, **changed}, name="mine", experiment={})

    assert found == (["mine"] if watched else [])


def test_18_3_a_fit_with_view_metrics_is_recorded_with_its_arguments_and_its_failure(address, store, capsys):
    torch = pytest.importorskip("torch")
    from fitdash.engine.callbacks.lambda_callback import LambdaCallback
    from fitdash.model.model import Model

    def fail(epoch, logs):
        if epoch == 1:
            raise ZeroDivisionError("mine")

    model = Model(torch.nn.Linear(2, 1)).compile("sgd", loss="mse")
    with pytest.raises(ZeroDivisionError):
        model.fit(
            np.ones((8, 2), "float32"), np.ones((8, 1), "float32"), epochs=3, verbose=0, view_metrics=True,
            callbacks=LambdaCallback(on_epoch_end=fail),
        )  # fmt: skip
    flush(store)

    (run,) = store.runs()
    assert (run.name, run.state) == ("Linear", "failed")
    assert run.experiment["fit"]["epochs"] == 3
    assert run.experiment["compile"]["loss"] == "mse"
    assert len(store.epochs(run.uid)) == 1


def test_18_4_what_cannot_be_asked_for_is_not_there(monkeypatch):
    def fail():
        raise OSError("no folder")

    monkeypatch.setattr(viewer, "find", fail)

    assert viewer.make_script_recorders("auto", **SHOWN, name="mine", experiment={}) == []
