from types import SimpleNamespace

import numpy as np
import pytest

from fitdash.engine.callbacks.csv_logger import CSVLogger

FIRST = {"loss": 0.5, "accuracy": 0.1 + 0.2}


def test_16_19_epoch_comes_first_and_the_names_sorted(drive, tmp_path):
    drive(CSVLogger(tmp_path / "a.csv"), [{"loss": 0.5, "accuracy": 0.25, "val_loss": 1.0}], initial_epoch=2)

    assert (tmp_path / "a.csv").read_bytes() == b"epoch,accuracy,loss,val_loss\r\n2,0.25,0.5,1.0\r\n"


def validated_in(stand_in, *epochs):
    """A model whose fit validates in these epochs."""
    model = stand_in()
    model.training.validation = SimpleNamespace(due=lambda epoch: epoch in epochs)
    return model


def test_16_19_where_a_later_epoch_is_validated_every_name_gets_a_val_column(drive, tmp_path, stand_in):
    logs = [FIRST, {**FIRST, "val_loss": 1.0, "late": 3.0}]

    drive(CSVLogger(tmp_path / "a.csv", separator=";"), logs, model=validated_in(stand_in, 1))

    assert (tmp_path / "a.csv").read_text().splitlines() == [
        "epoch;accuracy;loss;val_accuracy;val_loss",
        "0;0.30000000000000004;0.5;NA;NA",
        "1;0.30000000000000004;0.5;NA;1.0",
    ]


@pytest.mark.parametrize("validated", [(), (0,), (9,)])
def test_16_19_where_nothing_will_be_validated_there_are_no_val_columns(drive, tmp_path, stand_in, validated):
    drive(CSVLogger(tmp_path / "a.csv"), [{"loss": 0.5}, {"loss": 0.25}], model=validated_in(stand_in, *validated))

    assert (tmp_path / "a.csv").read_text().splitlines() == ["epoch,loss", "0,0.5", "1,0.25"]


def test_16_19_append_goes_on_without_a_second_header(drive, tmp_path):
    path = tmp_path / "a.csv"
    drive(CSVLogger(path, append=True), [{"loss": 1.0, "val_loss": 2.0}])

    drive(CSVLogger(path, append=True), [{"loss": 3.0, "val_loss": 4.0}], initial_epoch=1)

    assert path.read_text().splitlines() == ["epoch,loss,val_loss", "0,1.0,2.0", "1,3.0,4.0"]


def test_16_19_append_to_an_empty_file_writes_the_header(drive, tmp_path):
    (tmp_path / "a.csv").touch()

    drive(CSVLogger(tmp_path / "a.csv", append=True), [{"loss": 1.0, "val_loss": 2.0}])

    assert (tmp_path / "a.csv").read_text().startswith("epoch,loss")


def test_16_19_without_append_the_file_is_replaced(drive, tmp_path):
    logger = CSVLogger(tmp_path / "a.csv")
    drive(logger, [{"loss": 1.0, "val_loss": 2.0}])

    drive(logger, [{"mse": 3.0, "val_mse": 4.0}])

    assert (tmp_path / "a.csv").read_text().splitlines() == ["epoch,mse,val_mse", "0,3.0,4.0"]


def test_16_19_each_row_is_in_the_file_when_its_epoch_ends(stand_in, tmp_path):
    logger = CSVLogger(tmp_path / "a.csv")
    logger.on_train_begin({})
    assert (tmp_path / "a.csv").read_text() == ""

    logger.on_epoch_end(0, {"loss": 1.0})

    assert (tmp_path / "a.csv").read_text().splitlines() == ["epoch,loss", "0,1.0"]


def test_16_19_a_missing_folder_is_made(drive, tmp_path):
    drive(CSVLogger(tmp_path / "deep" / "a.csv"), [FIRST])

    assert (tmp_path / "deep" / "a.csv").exists()


@pytest.mark.parity
@pytest.mark.parametrize("separator", [",", "\t"])
@pytest.mark.parametrize("append", [False, True])
def test_16_19_the_bytes_are_as_in_keras(drive, tmp_path, stand_in, append, separator):
    keras = pytest.importorskip("keras")
    runs = [
        [FIRST, {**FIRST, "val_loss": 1e-9}],
        [{"loss": float("nan"), "learning_rate": np.float32(0.5), "name": "a,b", "many": [1, 2]}] * 2,
    ]
    mine = CSVLogger(tmp_path / "mine.csv", separator, append)
    theirs = keras.callbacks.CSVLogger(tmp_path / "theirs.csv", separator, append)

    for logs in runs:
        drive(mine, logs, model=validated_in(stand_in, *range(1, 9)))
        theirs.on_train_begin()
        for epoch, values in enumerate(logs):
            theirs.on_epoch_end(epoch, values)
        theirs.on_train_end()

    assert (tmp_path / "mine.csv").read_bytes() == (tmp_path / "theirs.csv").read_bytes()
