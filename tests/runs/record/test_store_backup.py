"""A backup is one whole store, taken while others write."""

import sqlite3
import threading

import pytest

from fitdash.errors import StoreError
from fitdash.runs.protocol.events import Created, EpochEnded
from fitdash.runs.record.store import Store


def write_epochs(store, epochs):
    for epoch in epochs:
        store.write([EpochEnded(uid="a", epoch=epoch, logs={"loss": 1.0}, seconds=0.1)])


@pytest.fixture
def filled(store):
    store.write([Created(uid="a", name="kept", experiment={"seed": 1}, writer="w")])
    write_epochs(store, range(20))
    return store


def test_a_backup_opens_as_a_store_with_everything_in_it(filled, tmp_path):
    filled.backup(tmp_path / "copy.db")

    with Store(tmp_path / "copy.db") as copy:
        assert copy.run("a") == filled.run("a")
        assert copy.epochs("a") == filled.epochs("a")


def test_a_backup_is_one_file_that_needs_no_other(filled, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    filled.backup(folder / "copy.db")

    assert [file.name for file in folder.iterdir()] == ["copy.db"]
    db = sqlite3.connect(f"file:{folder / 'copy.db'}?mode=ro&immutable=1", uri=True)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert db.execute("SELECT count(*) FROM epochs").fetchone() == (20,)
    db.close()


def test_backups_taken_while_a_writer_writes_are_whole_and_delay_nothing(filled, tmp_path):
    problems, last, stop = [], [19], threading.Event()

    def write():
        try:
            while not stop.is_set():
                write_epochs(filled, [last[0] + 1])
                last[0] += 1
        except Exception as error:
            problems.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    spans = []
    for number in range(10):
        before = last[0]
        with Store(filled.path) as mine:
            mine.backup(tmp_path / f"{number}.db")
        spans.append((before, last[0] + 1))
    stop.set()
    thread.join()

    assert problems == []
    for number, (least, most) in enumerate(spans):
        with Store(tmp_path / f"{number}.db") as copy:
            epochs = [row.epoch for row in copy.epochs("a")]
            assert epochs == list(range(len(epochs)))
            assert least <= epochs[-1] <= most
            assert copy.run("a").summary["epochs"] == len(epochs)
            assert copy.read_rows("PRAGMA integrity_check") == [("ok",)]


def test_a_file_is_not_overwritten_unasked(filled, tmp_path):
    (tmp_path / "diary.txt").write_text("dear diary")

    with pytest.raises(StoreError, match=r"must not overwrite a file unasked, got .*diary\.txt\. Name another one"):
        filled.backup(tmp_path / "diary.txt")

    assert (tmp_path / "diary.txt").read_text() == "dear diary"
    filled.backup(tmp_path / "diary.txt", replace=True)
    with Store(tmp_path / "diary.txt") as copy:
        assert copy.run("a").name == "kept"


def test_the_store_is_not_replaced_by_its_backup(filled):
    with pytest.raises(StoreError, match="must be another file than the store"):
        filled.backup(filled.path, replace=True)

    assert filled.run("a").name == "kept"


def test_a_folder_that_is_not_there_is_named_and_nothing_is_left_behind(filled, tmp_path):
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(StoreError, match=r"nowhere.copy\.db must be a file that a backup can be written to, got: "):
        filled.backup(tmp_path / "nowhere" / "copy.db")

    assert sorted(tmp_path.rglob("*")) == before
