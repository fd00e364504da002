import pytest
import torch

from fitdash.engine.callbacks.backup_and_restore import BackupAndRestore
from fitdash.engine.callbacks.base import Callback

LOGS = [{"loss": 1.0}] * 4


class Crash(Callback):
    """Ends the program, as it were, in an epoch or after a step of it."""

    def __init__(self, epoch, step=None):
        super().__init__()
        self.epoch, self.step = epoch, step

    def on_epoch_begin(self, epoch, logs=None):
        if (epoch, None) == (self.epoch, self.step):
            raise KeyboardInterrupt

    def between_steps(self, moment):
        if (moment.epoch, moment.last) == (self.epoch, self.step):
            raise KeyboardInterrupt


def crash(drive, backup, epoch, step=None, **how):
    with pytest.raises(KeyboardInterrupt):
        drive([backup, Crash(epoch, step)], LOGS, **how)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_16_21_training_starts_where_the_backup_was_made(drive, tmp_path, stand_in):
    crash(drive, BackupAndRestore(tmp_path / "b"), 2)
    model = stand_in(rates=(0.5,))
    seen = Callback()
    seen.on_train_begin = lambda logs: started.append(model.weight)
    started = []

    drive([BackupAndRestore(tmp_path / "b"), seen], LOGS, model=model)

    assert started == [2.0]
    assert model.history.epoch == [2, 3]
    assert model.optimizer.param_groups[0]["lr"] == 0.1
    assert {"kind": "resumed", "epoch": 2} in model.told


def test_16_21_every_few_batches_the_epoch_is_repeated(drive, tmp_path, stand_in):
    crash(drive, BackupAndRestore(tmp_path / "b", save_freq=3), 1, 3, steps=4)
    content = torch.load(tmp_path / "b" / "last.pt", weights_only=True)
    assert (content["epoch"], float(content["state_dict"]["weight"])) == (1, 1.5)

    model = drive(BackupAndRestore(tmp_path / "b", save_freq=3), LOGS, steps=4)

    assert model.history.epoch == [1, 2, 3]


def test_16_21_every_few_batches_knows_the_epoch_it_is_in(drive, tmp_path):
    crash(drive, BackupAndRestore(tmp_path / "b", save_freq=1), 2, 1, initial_epoch=2)

    assert torch.load(tmp_path / "b" / "last.pt", weights_only=True)["epoch"] == 2


def test_16_21_it_names_the_step_it_must_see(tmp_path):
    assert BackupAndRestore(tmp_path, save_freq=7).steps_until_due() == 7
    assert BackupAndRestore(tmp_path).steps_until_due() is None


def test_16_21_the_folder_is_removed_when_training_ends(drive, tmp_path):
    drive(BackupAndRestore(tmp_path / "b", double_checkpoint=True), LOGS)

    assert not (tmp_path / "b").exists()


def test_16_21_what_others_keep_in_the_folder_stays(drive, tmp_path):
    (tmp_path / "notes.txt").touch()

    drive(BackupAndRestore(tmp_path), LOGS)

    assert files(tmp_path) == ["notes.txt"]


def test_16_21_the_folder_can_be_kept(drive, tmp_path):
    drive(BackupAndRestore(str(tmp_path / "b"), delete_checkpoint=False), LOGS)

    assert files(tmp_path / "b") == ["last.pt"]
    model = drive(BackupAndRestore(tmp_path / "b"), LOGS)
    assert model.history.epoch == []


def test_16_21_the_backup_before_helps_if_the_last_one_is_broken(drive, tmp_path):
    crash(drive, BackupAndRestore(tmp_path / "b", double_checkpoint=True), 3)
    (tmp_path / "b" / "last.pt").write_bytes(b"torn")

    model = drive(BackupAndRestore(tmp_path / "b", double_checkpoint=True), LOGS)

    assert model.history.epoch == [2, 3]


def test_16_21_a_backup_that_cannot_be_read_is_an_error(drive, tmp_path):
    (tmp_path / "last.pt").write_bytes(b"torn")

    with pytest.raises(OSError, match="The backup .*last.pt' cannot be read. Remove it to start anew."):
        drive(BackupAndRestore(tmp_path), LOGS)


def test_16_21_a_backup_is_read_as_data_only(drive, tmp_path):
    torch.save({"state_dict": Crash(1)}, tmp_path / "last.pt")

    with pytest.raises(OSError, match="cannot be read"):
        drive(BackupAndRestore(tmp_path), LOGS)


@pytest.mark.parametrize("folder", ["", None])
def test_16_21_an_empty_folder_name_is_refused(folder):
    with pytest.raises(ValueError, match="backup_dir must name a folder, got .*, which is empty."):
        BackupAndRestore(folder)


def test_16_21_other_frequencies_are_refused():
    with pytest.raises(ValueError, match="BackupAndRestore save_freq must be"):
        BackupAndRestore("b", save_freq="batch")
