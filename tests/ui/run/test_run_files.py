"""What can be taken away from a run holds what the store holds."""

import hashlib
import io
import json
import re
import zipfile
from dataclasses import replace

import pandas as pd
import pytest
import torch
from safetensors.torch import load

from fitdash.errors import StoreError
from fitdash.export import archive, run_files
from fitdash.jobs.build import make_job
from fitdash.runs.protocol.events import Changed, Created, EpochEnded, Told
from fitdash.runs.record.history import history_of
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import Writer
from fitdash.runs.scheduling.runner import Runner
from fitdash.settings.callbacks import EarlyStoppingArgs
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.network import NetworkArgs
from fitdash.settings.validation_data import HoldOut
from fitdash.ui.run import run_files as menu
from fitdash.ui.run.report import report

SMALL = Experiment(
    data=DatasetArgs(name="iris"),
    network=NetworkArgs(width=4, depth=2),
    fit=FitArgs(epochs=4, validation_split=0.2, verbose=0),
)


@pytest.fixture
def store(home):
    with Store() as opened:
        yield opened


@pytest.fixture
def trained(store):
    """Trains an experiment and gives the uid of its run."""
    writer = Writer(store)
    runner = Runner(writer)

    def run(experiment):
        made = runner.submit(make_job(experiment), experiment=experiment.to_dict(), name=experiment.data.name)
        made.join()
        writer.flush(10)
        return made.uid

    yield run
    runner.shutdown()
    writer.close()


def recorded(store, uid="a" * 16, state="running", epochs=2, **more):
    """A run as another process would have written it."""
    events = [Created(uid=uid, name="mine <b>", experiment=SMALL.to_dict(), writer="w", at=10.0, **more)]
    events += [Changed(uid=uid, state="running", at=11.0)]
    events += [EpochEnded(uid=uid, epoch=e, logs={"loss": 1.5 / (e + 1)}, seconds=0.5) for e in range(epochs)]
    error = {"error": "fitdash.errors.DataError: <no>", "traceback": "Traceback <x>"} if state == "failed" else {}
    events += [Changed(uid=uid, state=state, at=20.0, **error)] if state != "running" else []
    store.write(events)
    return uid


def unpacked(content):
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name) for name in packed.namelist()}


def test_the_history_is_the_same_in_all_its_forms(store, trained):
    uid = trained(SMALL)
    history = history_of(store, uid)

    wide = pd.read_parquet(io.BytesIO(run_files.history_wide(store, uid)))
    long = pd.read_parquet(io.BytesIO(run_files.history_long(store, uid)))

    pd.testing.assert_frame_equal(wide, history.to_frame())
    pd.testing.assert_frame_equal(long, history.as_data_frame())
    assert run_files.history_csv(store, uid) == history.to_csv()
    assert run_files.history_json(store, uid) == history.to_json()


def test_the_zip_holds_everything_and_its_manifest_is_true(store, trained):
    uid = trained(SMALL)

    found = unpacked(menu.run_archive(store, uid))

    manifest = json.loads(found.pop("manifest.json"))
    assert (manifest["run"], manifest["name"], manifest["state"]) == (uid, "iris", "finished")
    assert {file["name"] for file in manifest["files"]} == set(found)
    for file in manifest["files"]:
        content = found[file["name"]]
        assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert file["what"]
    assert manifest["left_out"] == []
    names = {name.removeprefix(f"{uid}-") for name in found}
    assert names == {
        "history.csv",
        "history.json",
        "history-wide.parquet",
        "history-long.parquet",
        "weights-last.safetensors",
        "weights-best.safetensors",
        "experiment.json",
        "script.py",
        "report.html",
    }
    assert found[f"{uid}-history.csv"].decode() == history_of(store, uid).to_csv()
    assert Experiment.from_json(found[f"{uid}-experiment.json"]) == SMALL


def test_what_cannot_be_made_is_left_out_and_the_manifest_says_why(monkeypatch):
    def broken():
        raise StoreError("It is gone.")

    monkeypatch.setattr(archive, "LARGEST_BYTES", 3)
    made = {"a.txt": broken, "b.txt": lambda: b"1234", "c.txt": lambda: b"12"}
    parts = [archive.DownloadFile(name=n, title=n, what="x", mime="text/plain", make=make) for n, make in made.items()]

    found = unpacked(archive.make_zip(parts, {"run": "r"}))

    manifest = json.loads(found["manifest.json"])
    assert [file["name"] for file in manifest["files"]] == ["c.txt"]
    assert manifest["left_out"] == [
        {"name": "a.txt", "why": "It is gone."},
        {"name": "b.txt", "why": "4 bytes are too many for a ZIP: take it by itself."},
    ]


@pytest.mark.parametrize(
    ("data", "network"),
    [
        ("iris", NetworkArgs(width=4, depth=2, dropout=0.2)),
        ("digits", NetworkArgs(kind="cnn", width=2, depth=1)),
        ("regimes", NetworkArgs(kind="gru", width=3, depth=1)),
        ("digits_halves", NetworkArgs(width=3, depth=1, activation="linear")),
        ("linnerud", NetworkArgs(width=3, depth=1)),
        ("linnerud", NetworkArgs(depth=0)),
    ],
)
def test_weights_fit_the_network_that_the_script_makes(store, trained, data, network):
    fit = FitArgs(epochs=1, verbose=0)
    uid = trained(Experiment(data=DatasetArgs(name=data), network=network, fit=fit))
    space = {}
    exec(run_files.script(store, uid), space)

    last = load(run_files.weights(store, uid, run_files.last_checkpoint(uid)))

    assert set(last) == set(space["network"].state_dict())
    assert all(torch.equal(last[name], value) for name, value in space["network"].state_dict().items())


def test_the_best_weights_are_those_of_the_best_epoch(store, trained):
    fit = FitArgs(epochs=6, validation_split=0.2, verbose=0)
    stop = EarlyStoppingArgs(monitor="val_loss", patience=9, restore_best_weights=True)
    uid = trained(replace(SMALL, fit=fit, callbacks=(stop,)))

    best = load(run_files.weights(store, uid, run_files.best_checkpoint(uid)))
    last = load(run_files.weights(store, uid, run_files.last_checkpoint(uid)))

    assert all(torch.equal(best[name], last[name]) for name in best)


def test_the_script_of_a_run_repeats_it_and_says_what_was_changed(store, trained):
    uid = trained(SMALL)
    store.write([Told(uid=uid, facts={"kind": "setting", "setting": "epochs", "new": 2, "epoch": 1, "step": 0})])

    script = run_files.script(store, uid)

    assert "fd.callbacks.ChangeSettings(epoch=1, epochs=2)" in script
    space = {}
    exec(script, space)
    assert space["history"].history["loss"] == history_of(store, uid).history["loss"][:2]


def test_the_script_tells_what_it_cannot_repeat(store):
    uid = recorded(store, state="failed", parent="b" * 16)
    store.write([Told(uid=uid, facts={"kind": "stop_run", "epoch": 4, "step": 1})])

    head = run_files.script(store, uid).partition("import")[0]

    assert f"# The run went on from run {'b' * 16}: without its weights the numbers are others.\n" in head
    assert "# The run was stopped by hand in epoch 5; this trains to the end.\n" in head
    assert "# The run failed: fitdash.errors.DataError: <no>\n" in head


def test_a_run_can_be_taken_away_while_it_is_on_and_after_it_failed(store):
    for uid, state in (("c" * 16, "running"), ("d" * 16, "failed")):
        recorded(store, uid, state)

        found = unpacked(menu.run_archive(store, uid))

        names = {name.removeprefix(f"{uid}-") for name in found}
        assert {"history.csv", "script.py", "report.html", "manifest.json"} <= names
        assert not any("weights" in name for name in names)


def test_a_run_of_a_script_has_no_script_here(store):
    store.write(
        [
            Created(uid="e" * 16, name="Sequential", experiment={"fit": {"x": "array"}, "compile": {}}, writer="w"),
            EpochEnded(uid="e" * 16, epoch=0, logs={"loss": 1.0}, seconds=0.1),
        ]
    )

    titles = [part.title for part in menu.other_parts(store, "e" * 16)]

    assert "Script (Python)" not in titles
    assert "Experiment (JSON)" in titles


def test_charts_are_a_page_of_their_own_that_loads_nothing(store, trained):
    page = run_files.charts_html(store, trained(SMALL))

    assert page.count("plotly.js v") <= 2
    assert not re.findall(r"<script[^>]*\ssrc=|<link[^>]*\shref=", page)
    assert "validation" in page


def test_images_are_offered_where_kaleido_can_draw_them(store, trained, monkeypatch):
    uid = trained(SMALL)
    assert not any("SVG" in part.title for part in menu.other_parts(store, uid)) or run_files.can_draw_images()

    monkeypatch.setattr(run_files, "can_draw_images", lambda: True)
    monkeypatch.setattr("plotly.graph_objects.Figure.to_image", lambda self, format, **look: format.encode())
    offered = {part.title: part.make() for part in menu.other_parts(store, uid) if "Charts (" in part.title}

    assert offered["Charts (SVG)"] == b"svg"
    assert offered["Charts (PNG)"] == b"png"


def test_the_report_tells_what_was_set_what_happened_and_what_came_out(store, trained):
    uid = trained(replace(SMALL, fit=FitArgs(epochs=4, validation_data=HoldOut(), verbose=0), seed=7))

    page = report(store, uid)

    assert "finished · 4 epochs" in page
    assert "<td>validation_data</td><td>stratified 0.2</td>" in page
    assert "<td>seed</td><td>7</td>" in page
    assert "learned from 120 training rows" in page
    assert '<td>loss</td><td class="number">' in page
    assert "Plotly.newPlot" in page


def test_a_report_shows_what_people_wrote_as_text(store):
    page = report(store, recorded(store, state="failed"))

    assert "<h1>mine &lt;b&gt;</h1>" in page
    assert "Traceback &lt;x&gt;" in page


def test_a_report_of_a_run_without_an_epoch_has_no_curves(store):
    page = report(store, recorded(store, epochs=0))

    assert "running · 0 epochs" in page
    assert "Plotly" not in page


def test_a_report_says_in_words_what_the_curves_show(store, trained):
    page = report(store, trained(replace(SMALL, fit=FitArgs(epochs=2, verbose=0))))

    assert "What the curves say" in page
    assert "<li>Nothing is held out: These are numbers of rows that the network was trained on" in page
