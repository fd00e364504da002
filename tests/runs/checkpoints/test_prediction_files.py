"""The files of what a model answered."""

import numpy as np
import pytest

from fitdash.errors import StoreError
from fitdash.runs.checkpoints import prediction_files
from fitdash.runs.checkpoints.file_queue import FileQueue
from fitdash.runs.protocol.events import PredictionsTaken


def looked(epoch, *, uid="r1", rows=5, **more):
    given = {
        "rows": np.arange(rows),
        "answers": np.arange(rows, dtype=np.uint16),
        "sureness": np.full(rows, 0.5, np.float16),
        "weights": {"0.weight": np.ones((2, 3), np.float32)},
    }
    return PredictionsTaken(uid=uid, epoch=epoch, **{**given, **more})


def test_what_is_written_is_read_back(tmp_path):
    prediction_files.write(tmp_path, looked(3))

    look = prediction_files.read(tmp_path, 3)

    assert (look.epoch, look.rows.tolist(), look.answers.tolist()) == (3, [0, 1, 2, 3, 4], [0, 1, 2, 3, 4])
    assert look.sureness.tolist() == [0.5] * 5
    assert {name: array.shape for name, array in look.weights.items()} == {"0.weight": (2, 3)}


def test_a_look_can_be_read_without_its_weights(tmp_path):
    prediction_files.write(tmp_path, looked(3))

    look = prediction_files.read(tmp_path, 3, weights=False)

    assert (look.rows.tolist(), look.answers.tolist(), look.weights) == ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4], {})


def test_numbers_have_no_sureness(tmp_path):
    prediction_files.write(tmp_path, looked(0, sureness=None, weights={}))

    assert prediction_files.read(tmp_path, 0).sureness is None
    assert prediction_files.read(tmp_path, 0).weights == {}


def test_of_a_long_run_few_are_kept_evenly_with_the_first_and_the_newest(tmp_path):
    for epoch in range(500):
        prediction_files.write(tmp_path, looked(epoch))
        assert prediction_files.saved_epochs(tmp_path)[-1] == epoch

    kept = prediction_files.saved_epochs(tmp_path)

    assert len(kept) == prediction_files.MOST_KEPT
    assert kept[0] == 0
    assert max(np.diff(kept)) <= 4 * 500 / prediction_files.MOST_KEPT


def test_large_ones_are_fewer(tmp_path, monkeypatch):
    monkeypatch.setattr(prediction_files, "MOST_BYTES", 100_000)
    for epoch in range(12):
        prediction_files.write(tmp_path, looked(epoch, weights={"w": np.zeros(5000, np.float32)}))

    assert len(prediction_files.saved_epochs(tmp_path)) == 4


@pytest.mark.parametrize(("asked", "found"), [(None, 9), (9, 9), (8, 5), (5, 5), (0, 2)])
def test_the_look_at_an_epoch_is_the_last_one_before_it_else_the_first(asked, found):
    assert prediction_files.epoch_at_or_before([2, 5, 9], asked) == found
    assert prediction_files.epoch_at_or_before([], asked) is None


@pytest.mark.parametrize("content", [b"", b"no file of numbers", b"PK\x03\x04 broken"], ids=["empty", "text", "zip"])
def test_a_file_that_is_none_is_no_look(tmp_path, content):
    (tmp_path / "epoch-000001.npz").write_bytes(content)

    assert prediction_files.saved_epochs(tmp_path) == [1]
    assert prediction_files.read(tmp_path, 1) is None
    assert prediction_files.read(tmp_path, 2) is None


def test_other_files_and_a_missing_folder_are_no_looks(tmp_path):
    (tmp_path / "epoch-1.npz.part").write_bytes(b"")

    assert prediction_files.saved_epochs(tmp_path) == prediction_files.saved_epochs(tmp_path / "none") == []


def test_what_cannot_be_written_waits_as_the_newest_of_its_run(tmp_path):
    (tmp_path / "runs").write_text("in the way")
    copies = FileQueue(tmp_path)
    for event in (looked(0), looked(1), looked(0, uid="r2"), looked(2)):
        copies.add(event)

    with pytest.raises(StoreError, match="cannot be written"):
        copies.write()
    assert len(copies) == 2

    (tmp_path / "runs").unlink()
    copies.write()
    assert len(copies) == 0
    assert prediction_files.saved_epochs(prediction_files.predictions_folder(tmp_path, "r1")) == [2]
    assert prediction_files.saved_epochs(prediction_files.predictions_folder(tmp_path, "r2")) == [0]
