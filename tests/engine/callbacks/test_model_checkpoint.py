import re

import pytest
import torch

from fitdash.engine.callbacks.model_checkpoint import ModelCheckpoint


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def weight(path):
    content = torch.load(path, weights_only=True)
    return float(content.get("state_dict", content)["weight"])


def test_16_15_the_template_has_epoch_from_1_and_every_log(drive, losses, tmp_path):
    drive(ModelCheckpoint(tmp_path / "deep" / "{epoch:02d}-{val_loss:.2f}.pt"), losses(0.5, 0.25), initial_epoch=1)

    assert files(tmp_path) == ["deep/02-0.50.pt", "deep/03-0.25.pt"]


def test_16_15_an_unknown_field_is_a_key_error_naming_it(drive, losses, tmp_path):
    message = "has the field 'val_acc', which is not available. Available: loss, val_loss, epoch."

    with pytest.raises(KeyError, match=re.escape(message)):
        drive(ModelCheckpoint(tmp_path / "{val_acc}.pt"), losses(0.5))


def test_16_15_batch_is_no_field_of_an_epoch(drive, losses, tmp_path):
    with pytest.raises(KeyError, match="'batch'"):
        drive(ModelCheckpoint(tmp_path / "{batch}.pt"), losses(0.5))


def test_16_15_a_directory_is_refused_before_training(drive, tmp_path):
    with pytest.raises(OSError, match="ModelCheckpoint filepath must be a file, got the directory"):
        drive(ModelCheckpoint(tmp_path), [])


def test_16_15_a_template_that_becomes_a_directory_is_refused(drive, losses, tmp_path):
    (tmp_path / "1").mkdir()

    with pytest.raises(OSError, match="is a directory"):
        drive(ModelCheckpoint(tmp_path / "{epoch}"), losses(0.5))


def test_16_16_batches_are_counted_across_epochs(drive, losses, tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}-{batch}-{loss:.1f}.pt", save_freq=3, save_weights_only=True)

    drive(checkpoint, losses(*[1.0] * 4), steps=4, batch_loss=lambda epoch, step: epoch + step / 10)

    assert files(tmp_path) == ["1-3-0.2.pt", "2-2-1.1.pt", "3-1-2.0.pt", "3-4-2.3.pt", "4-3-3.2.pt"]
    assert weight(tmp_path / "2-2-1.1.pt") == 1.5


def test_16_16_it_names_the_step_it_must_see(drive, losses, tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "a.pt", save_freq=5)
    assert checkpoint.steps_until_due() == 5

    drive(checkpoint, losses(1.0), steps=3)

    assert checkpoint.steps_until_due() == 2
    assert ModelCheckpoint("a.pt").steps_until_due() is None


@pytest.mark.parametrize("freq", ["batch", "epochs", 0, -1, 1.5, None, True])
def test_16_16_other_frequencies_are_refused(freq):
    message = f'ModelCheckpoint save_freq must be "epoch" or a number of batches from 1, got {freq!r}.'

    with pytest.raises(ValueError, match=re.escape(message)):
        ModelCheckpoint("a.pt", save_freq=freq)


def test_16_17_only_improvements_are_saved(drive, losses, tmp_path):
    drive(ModelCheckpoint(tmp_path / "{epoch}.pt", save_best_only=True), losses(0.5, 0.6, 0.5, 0.4))

    assert files(tmp_path) == ["1.pt", "4.pt"]


def test_16_17_and_16_5_nan_is_no_improvement(drive, losses, tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}.pt", save_best_only=True)

    drive(checkpoint, losses(float("nan"), 0.6))

    assert files(tmp_path) == ["2.pt"]
    assert checkpoint.best == 0.6


def test_16_17_the_first_value_has_to_beat_the_threshold(drive, losses, tmp_path):
    best = ModelCheckpoint(tmp_path / "{epoch}.pt", save_best_only=True, initial_value_threshold=0.5)

    drive(best, losses(0.6, 0.5, 0.4))

    assert files(tmp_path) == ["3.pt"]


def test_16_17_best_outlives_a_fit(drive, losses, tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}.pt", save_best_only=True, mode="max")
    drive(checkpoint, losses(0.5))

    drive(checkpoint, losses(0.4, 0.7), initial_epoch=5)

    assert files(tmp_path) == ["1.pt", "7.pt"]


def test_16_17_a_missing_monitor_warns_and_saves(drive, tmp_path):
    with pytest.warns(UserWarning, match="ModelCheckpoint watches 'val_loss', which is not available. Available: loss"):
        drive(ModelCheckpoint(tmp_path / "{epoch}.pt", save_best_only=True), [{"loss": 1.0}])

    assert files(tmp_path) == ["1.pt"]


@pytest.mark.parametrize("threshold", [None, 0.5])
def test_16_17_an_epoch_that_measured_nothing_leaves_the_best_file(drive, tmp_path, threshold, recwarn):
    best = ModelCheckpoint(tmp_path / "best.pt", save_best_only=True, initial_value_threshold=threshold)
    unmeasured, measured = {"loss": 1.0}, {"loss": 1.0, "val_loss": 0.4}

    drive(best, [measured, unmeasured, unmeasured])

    assert weight(tmp_path / "best.pt") == 1.0
    assert len(recwarn.list) == 1


def test_16_17_without_any_value_one_file_is_saved(drive, tmp_path, recwarn):
    drive(ModelCheckpoint(tmp_path / "{epoch}.pt", save_best_only=True), [{"loss": 1.0}] * 3)

    assert files(tmp_path) == ["1.pt"]
    assert len(recwarn.list) == 1


def test_16_17_a_threshold_stands_for_a_file_that_must_not_be_lost(drive, tmp_path, recwarn):
    drive(ModelCheckpoint(tmp_path / "a.pt", save_best_only=True, initial_value_threshold=0.1), [{"loss": 1.0}] * 2)

    assert files(tmp_path) == []
    assert len(recwarn.list) == 1


def test_16_17_unmeasured_epochs_need_no_name_for_their_file(drive, tmp_path, recwarn):
    best = ModelCheckpoint(tmp_path / "{val_loss:.1f}.pt", save_best_only=True, initial_value_threshold=1.0)

    drive(best, [{"loss": 1.0}, {"loss": 1.0, "val_loss": 0.5}, {"loss": 1.0}])

    assert files(tmp_path) == ["0.5.pt"]


def test_16_17_every_few_batches_a_missing_value_leaves_the_best_file(drive, tmp_path, recwarn):
    best = ModelCheckpoint(tmp_path / "{epoch}-{batch}.pt", save_best_only=True, save_freq=1)

    drive(best, [{"loss": 1.0}] * 2)

    assert files(tmp_path) == ["1-1.pt"]
    assert len(recwarn.list) == 1


def test_16_17_best_of_batches_compares_their_running_values(drive, losses, tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}-{batch}.pt", monitor="loss", save_best_only=True, save_freq=1)

    drive(checkpoint, losses(1.0, 1.0), batch_loss=lambda epoch, step: [[3.0, 4.0], [2.0, 1.0]][epoch][step])

    assert files(tmp_path) == ["1-1.pt", "2-1.pt", "2-2.pt"]


def test_16_2_an_unknown_direction_is_refused_before_training_if_it_matters(drive, tmp_path):
    with pytest.raises(ValueError, match="'speed'"):
        drive(ModelCheckpoint(tmp_path / "a.pt", "speed", save_best_only=True), [])

    drive(ModelCheckpoint(tmp_path / "a.pt", "speed"), [{"loss": 1.0}])
    assert files(tmp_path) == ["a.pt"]


def test_16_18_weights_alone_are_a_state_dict(drive, losses, tmp_path):
    drive(ModelCheckpoint(tmp_path / "a.anything", save_weights_only=True), losses(1.0, 1.0))

    content = torch.load(tmp_path / "a.anything", weights_only=True)
    assert {name: float(value) for name, value in content.items()} == {"weight": 2.0, "seen": 2.0}


def test_16_18_a_whole_checkpoint_has_optimizer_state_and_epoch(drive, losses, tmp_path, stand_in):
    model = stand_in(rates=(0.25,))

    drive(ModelCheckpoint(tmp_path / "a.pt"), losses(1.0, 1.0), model=model)

    content = torch.load(tmp_path / "a.pt", weights_only=True)
    assert set(content) == {"state_dict", "optimizer", "epoch"}
    assert content["epoch"] == 1
    assert content["optimizer"]["param_groups"][0]["lr"] == 0.25


def test_16_18_a_failed_write_leaves_the_file_that_was_there(drive, losses, tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    path.write_text("whole")

    def broken(content, file):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(OSError, match="disk full"):
        drive(ModelCheckpoint(path), losses(1.0))

    assert path.read_text() == "whole"
    assert files(tmp_path) == ["a.pt"]


def test_16_17_verbose_says_why(drive, losses, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    drive(ModelCheckpoint("b.pt", save_best_only=True, verbose=1), losses(0.5, 0.75))
    drive(ModelCheckpoint("a{epoch}.pt", verbose=1), losses(0.5))

    assert capsys.readouterr().out == (
        "\nEpoch 1: val_loss improved from None to 0.50000, saving model to b.pt\n"
        "\nEpoch 1: finished saving model to b.pt\n"
        "\nEpoch 2: val_loss did not improve from 0.50000\n"
        "\nEpoch 1: saving model to a1.pt\n"
        "\nEpoch 1: finished saving model to a1.pt\n"
    )
