"""Fits that were killed and resumed by `BackupAndRestore`, beside the same fits without interruption."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import fitdash as fd
from fitdash import callbacks as kit

X = torch.linspace(-1, 1, 24).reshape(12, 2)
Y = X.sum(1, keepdim=True).sin()
EPOCHS = 9


class Killed(kit.Callback):
    """Ends the fit at the end of an epoch, or at a batch of one."""

    def __init__(self, epoch=None, batch=None):
        super().__init__()
        self.at = epoch, batch
        self.now = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_batch_end(self, batch, logs=None):
        if (self.now, batch) == self.at:
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch, logs=None):
        if (epoch, None) == self.at:
            raise KeyboardInterrupt


class Counts(kit.Callback):
    """The user's own callback: counts epochs and keeps the sum of losses in a tensor."""

    def __init__(self):
        super().__init__()
        self.epochs, self.total = 0, torch.zeros(())

    def on_train_begin(self, logs=None):
        self.epochs, self.total = 0, torch.zeros(())

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1
        self.total = self.total + logs["loss"]

    def state_dict(self):
        return {"epochs": self.epochs, "total": self.total}


def callbacks_in(folder):
    return [
        kit.EarlyStopping("val_loss", patience=3, restore_best_weights=True, start_from_epoch=1),
        kit.EarlyStopping("loss", patience=8),
        kit.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.05, cooldown=1),
        kit.LearningRateScheduler(lambda epoch, rate: rate * 0.95),
        kit.ModelCheckpoint(folder / "best.pt", "val_loss", save_best_only=True),
        kit.CSVLogger(folder / "log.csv"),
        Counts(),
    ]


def fit(folder, *, place=0, killed=(None, None), killer=99, save_freq="epoch", rate=0.4):
    """A fit with all callbacks, the backup at a place of the list; what it left."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(2, 6), torch.nn.Tanh(), torch.nn.Dropout(0.2), torch.nn.Linear(6, 1))
    model = fd.Model(module).compile(fd.optimizers.sgd(rate, momentum=0.9), "mse")
    own = callbacks_in(folder)
    used = [*own]
    used.insert(place, kit.BackupAndRestore(folder / "backup", save_freq))
    used.insert(killer, Killed(*killed))
    model.fit(X, Y, 4, EPOCHS, verbose=0, callbacks=used, validation_split=0.25, validation_freq=1)
    best = torch.load(folder / "best.pt", weights_only=True)["state_dict"]
    counts = own[-1]
    return {
        "weights": [value.tolist() for value in module.state_dict().values()],
        "rate": model.optimizer.param_groups[0]["lr"],
        "stops": [(one.best, one.best_epoch, one.wait, one.stopped_epoch) for one in own[:2]],
        "plateau": (own[2].best, own[2].wait, own[2].cooldown_counter),
        "best": [value.tolist() for value in best.values()],
        "rows": (folder / "log.csv").read_text(),
        "counts": (counts.epochs, float(counts.total)),
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return fit(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("epoch", [0, 2, 4])
@pytest.mark.parametrize(("place", "killer"), [(0, 99), (7, 0), (3, 2), (99, 99), (2, 5)])
def test_16_21_a_resumed_fit_equals_one_without_interruption(tmp_path, whole, place, killer, epoch):
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, place=place, killer=killer, killed=(epoch, None))

    assert fit(tmp_path, place=place, killer=killer) == whole


def test_16_21_it_may_be_killed_twice(tmp_path, whole):
    for epoch, batch in [(1, 1), (3, None)]:
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path, killed=(epoch, batch))

    assert fit(tmp_path) == whole


def test_16_21_a_fit_that_early_stopping_had_ended_is_not_trained_on(tmp_path, whole):
    class KilledAtTheEnd(kit.Callback):
        def on_train_end(self, logs=None):
            raise KeyboardInterrupt

    stops = lambda: kit.EarlyStopping("loss", patience=1, min_delta=9.0, restore_best_weights=True)  # noqa: E731
    model = fd.Model(torch.nn.Linear(2, 1)).compile("sgd", "mse")
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, verbose=0, callbacks=[KilledAtTheEnd(), stops(), kit.BackupAndRestore(tmp_path / "b")])

    stopping = stops()
    history = model.fit(X, Y, verbose=0, callbacks=[stopping, kit.BackupAndRestore(tmp_path / "b")])

    assert (history.epoch, stopping.stopped_epoch, stopping.best_epoch) == ([], 1, 0)


def test_16_21_in_mid_epoch_best_and_wait_go_on_and_a_schedule_is_not_applied_twice(tmp_path):
    rates, stopping = [], kit.EarlyStopping("loss", patience=9, min_delta=9.0)

    def tried(**killed):
        model = fd.Model(torch.nn.Linear(2, 1)).compile("sgd", "mse")
        note = kit.LambdaCallback(
            on_train_batch_begin=lambda batch, logs: rates.append(round(model.optimizer.param_groups[0]["lr"], 6))
        )
        schedule = kit.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
        backup = kit.BackupAndRestore(tmp_path / "b", save_freq=1)
        model.fit(X, Y, 6, 4, verbose=0, callbacks=[backup, schedule, note, stopping, Killed(**killed)])

    with pytest.raises(KeyboardInterrupt):
        tried(epoch=2, batch=0)
    tried()

    assert [rate for rate, _ in itertools.groupby(rates)] == [0.005, 0.0025, 0.00125, 0.000625]
    assert (stopping.wait, stopping.best_epoch) == (3, 0)


def test_16_21_a_backup_of_the_version_before_is_resumed(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, killed=(3, None), killer=0)
    path = tmp_path / "backup" / "last.pt"
    known = ("state_dict", "optimizer", "epoch", "passes", "random")
    torch.save({name: torch.load(path, weights_only=True)[name] for name in known}, path)

    assert fit(tmp_path)["counts"][0] <= EPOCHS - 3


def test_16_21_what_cannot_be_stored_is_refused_before_anything_trains(tmp_path):
    class Odd(kit.Callback):
        def state_dict(self):
            return {"open": object()}

    module = torch.nn.Linear(2, 1)
    before = module.weight.clone()

    with pytest.raises(ValueError, match=r"got object from Odd.state_dict\(\)\['open'\]"):
        fd.Model(module).compile("sgd", "mse").fit(X, Y, verbose=0, callbacks=[kit.BackupAndRestore(tmp_path), Odd()])

    assert torch.equal(module.weight, before)


SCRIPT = """
import os, sys
from pathlib import Path
from tests.engine.callbacks import test_resumed_fits as fits

class Dies(fits.Killed):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 3:
            os._exit(9)

fits.Killed = Dies
fits.fit(Path(sys.argv[1]), place=4)
"""


def test_16_21_after_a_killed_process_a_new_one_goes_on(tmp_path, whole):
    root = Path(__file__).parents[3]

    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=root, check=False)

    assert done.returncode == 9
    assert (tmp_path / "backup" / "last.pt").exists()
    assert fit(tmp_path, place=4) == whole
