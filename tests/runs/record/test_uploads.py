"""Uploads that are kept: what uses them, and which go when that is asked for."""

import os
import time

import pytest

from fitdash.data.tables.upload import read_upload, save_upload
from fitdash.runs.protocol.events import Changed, Created, SweepEnded
from fitdash.runs.record import sweeps
from fitdash.runs.record.disk_quota import size_of_visitor
from fitdash.runs.record.uploads import remove_unused_uploads, unused_uploads, uploads_of, uploads_used_by
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.validation_data import HoldOut

DAY = 86_400.0


@pytest.fixture
def kept(home):
    """Keeps a file of its own for each number, last asked for so many days ago; gives its hash."""

    def kept(number, days=2.0):
        content = save_upload(f"a,b\n{number},1\n2,3\n".encode(), home / "uploads")
        at = time.time() - days * DAY
        os.utime(home / "uploads" / content, (at, at))
        return content

    return kept


def made_with(content, validated=None):
    held = None if validated is None else HoldOut(kind="upload", content=validated)
    return Experiment(data=DatasetArgs(name="upload", content=content), fit=FitArgs(validation_data=held)).to_dict()


def add_run(store, uid, recipe, owner=None):
    store.write([Created(uid=uid, name="", experiment=recipe, writer="w", owner=owner)])
    store.write([Changed(uid=uid, state="finished")])


def names(uploads):
    return {upload.content for upload in uploads}


def test_what_a_run_or_a_sweep_is_made_with_stays(home, store, kept):
    data, validation, searched, loose = (kept(number) for number in range(4))
    add_run(store, "a", made_with(data, validation))
    recipe = {"experiment": made_with(searched), "space": {}}
    sweeps.create_sweep(store, "s", name="", recipe=recipe, budget={}, writer="w")

    assert names(remove_unused_uploads(store, days=1)) == {loose}

    assert names(uploads_of(home)) == {data, validation, searched}


def test_what_a_sweep_searched_goes_when_the_sweep_and_its_runs_are_gone_for_good(store, kept):
    data = kept(0)
    recipe = {"experiment": made_with(data), "space": {}}
    sweeps.create_sweep(store, "s", name="", recipe=recipe, budget={}, writer="w")
    created = Created(uid="a", name="", experiment=made_with(data), writer="w", sweep="s", trial=0)
    store.write([created, Changed(uid="a", state="finished")])
    store.write([SweepEnded(uid="s", state="finished", seconds=1.0)])
    sweeps.delete_sweeps(store, ["s"], with_runs=False)
    store.purge()
    assert remove_unused_uploads(store, days=1) == []  # a run of it stays

    store.delete(["a"])
    assert remove_unused_uploads(store, days=1) == []
    store.purge()

    assert names(remove_unused_uploads(store, days=1)) == {data}


def test_a_file_of_weights_stays_with_its_run(home, store, kept):
    weights, loose = kept(0), kept(1)
    experiment = Experiment(fit=FitArgs(sample_weight=f"upload(w.csv, {weights})"))
    add_run(store, "a", experiment.to_dict())

    assert names(remove_unused_uploads(store, days=1)) == {loose}


def test_what_a_deleted_run_is_made_with_stays_until_the_run_is_gone_for_good(store, kept):
    data = kept(0)
    add_run(store, "a", made_with(data))
    store.delete(["a"])
    assert remove_unused_uploads(store, days=1) == []

    store.purge()

    assert names(remove_unused_uploads(store, days=1)) == {data}


def test_what_was_asked_for_lately_stays(store, home, kept):
    old, recent, in_hand = kept(0, days=40), kept(1, days=20), kept(2, days=0)
    assert names(unused_uploads(store, days=30)) == {old}
    assert names(unused_uploads(store, days=0)) == {old, recent}

    read_upload(old, home / "uploads")

    assert names(unused_uploads(store, days=0)) == {recent}
    assert read_upload(in_hand, home / "uploads").frame.shape == (2, 2)


def test_a_file_that_is_asked_for_just_then_is_not_removed(store, home, kept, monkeypatch):
    data = kept(0)
    old = unused_uploads(store, days=1)
    read_upload(data, home / "uploads")
    monkeypatch.setattr("fitdash.runs.record.uploads.unused_uploads", lambda store, days: old)

    assert remove_unused_uploads(store, days=1) == []

    assert names(uploads_of(home)) == {data}


def test_keeping_a_file_again_makes_it_new(store, home, kept):
    kept(0, days=40)
    save_upload(b"a,b\n0,1\n2,3\n", home / "uploads")

    assert unused_uploads(store, days=1) == []


def test_files_of_other_names_are_none_of_ours(store, home, kept):
    kept(0)
    (home / "uploads" / "part-xyz").write_text("half")

    remove_unused_uploads(store, days=1)

    assert [path.name for path in (home / "uploads").iterdir()] == ["part-xyz"]


def test_a_visitor_s_disk_counts_the_uploads_of_its_runs_each_once(store, home, kept):
    data, validation, other, loose = (kept(number) for number in range(4))
    add_run(store, "a", made_with(data, validation), owner="me")
    add_run(store, "b", made_with(data), owner="me")
    add_run(store, "c", made_with(other), owner="you")
    folder = home / "runs" / "a"
    folder.mkdir(parents=True)
    (folder / "log.csv").write_bytes(b"x" * 1000)

    assert names(uploads_used_by(store, "me")) == {data, validation}
    assert size_of_visitor(store, "me") == 1000 + 2 * len("a,b\n0,1\n2,3\n")
    assert size_of_visitor(store, "you") == len("a,b\n2,1\n2,3\n")
    assert loose in names(uploads_of(home))

    store.delete(["a"])
    assert names(uploads_used_by(store, "me")) == {data}
