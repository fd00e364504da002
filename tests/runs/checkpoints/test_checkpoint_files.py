"""Which checkpoints are written and kept."""

import threading
from dataclasses import dataclass, replace

import pytest
import torch

from fitdash.engine.callbacks.base import Callback
from fitdash.errors import StoreError
from fitdash.model.model import Model
from fitdash.runs.callbacks.checkpointing import Checkpointing
from fitdash.runs.checkpoints.checkpoint_files import (
    checkpoint_folder,
    checkpoints_of,
    find_best_checkpoint,
    load_newest_checkpoint,
    surplus_checkpoints,
    write_checkpoint,
)
from fitdash.runs.checkpoints.file_queue import drop_surplus
from fitdash.runs.protocol.events import CheckpointTaken
from fitdash.runs.record.writer import Writer


def copy_of(epoch, value=1.0, *, is_end=False, uid="a"):
    content = {"epoch": epoch, "w": torch.full((3,), float(epoch))}
    return CheckpointTaken(uid=uid, epoch=epoch, step=0, value=value, is_end=is_end, content=content)


def test_the_best_the_first_and_the_last_stay_and_the_others_are_thinned_evenly(tmp_path):
    for epoch in range(60):
        write_checkpoint(tmp_path, copy_of(epoch, value=abs(epoch - 17.5)))
    write_checkpoint(tmp_path, copy_of(60, None, is_end=True))

    kept = checkpoints_of(tmp_path)

    epochs = [one.epoch for one in kept if not one.is_end]
    assert len(epochs) == 11
    assert {0, 17, 59} <= set(epochs)
    assert max(later - earlier for earlier, later in zip(epochs, epochs[1:], strict=False)) <= 16
    assert kept[-1].is_end
    assert find_best_checkpoint(kept).epoch == 17


def test_large_files_are_bounded_by_their_bytes(tmp_path):
    for epoch in range(6):
        write_checkpoint(tmp_path, copy_of(epoch, value=-float(epoch)))
    size = checkpoints_of(tmp_path)[0].size_bytes

    gone = surplus_checkpoints(checkpoints_of(tmp_path), most_bytes=2 * size)

    assert len(gone) == 2
    assert {0, 5}.isdisjoint(one.epoch for one in gone)


def test_an_epoch_that_was_trained_again_replaces_its_file(tmp_path):
    write_checkpoint(tmp_path, copy_of(1, value=3.0))
    write_checkpoint(tmp_path, copy_of(1, value=2.0))

    assert [(one.epoch, one.value) for one in checkpoints_of(tmp_path)] == [(1, 2.0)]


def test_an_end_is_forgotten_when_the_run_goes_on_but_not_for_an_earlier_copy(tmp_path):
    earlier, end = copy_of(2), copy_of(3, None, is_end=True)
    write_checkpoint(tmp_path, end)
    write_checkpoint(tmp_path, replace(earlier, at=end.at - 1))
    assert [one.is_end for one in checkpoints_of(tmp_path)] == [False, True]

    write_checkpoint(tmp_path, replace(copy_of(4), at=end.at + 1))

    assert [one.is_end for one in checkpoints_of(tmp_path)] == [False, False]


def test_a_file_is_whole_or_not_there(tmp_path, monkeypatch):
    write_checkpoint(tmp_path, copy_of(1))

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fitdash.runs.checkpoints.checkpoint_files.os.fsync", full)
    with pytest.raises(StoreError, match="cannot be written: .*No space left on device"):
        write_checkpoint(tmp_path, copy_of(2))

    assert [path.name for path in tmp_path.iterdir()] == ["epoch-000001.safetensors"]


def test_strange_files_are_left_out(tmp_path):
    write_checkpoint(tmp_path, copy_of(1))
    (tmp_path / "epoch-000002.safetensors").write_bytes(b"noise")
    (tmp_path / "other.safetensors").write_bytes((tmp_path / "epoch-000001.safetensors").read_bytes())

    assert [one.epoch for one in checkpoints_of(tmp_path)] == [1]
    assert load_newest_checkpoint(checkpoints_of(tmp_path))["epoch"] == 1
    assert load_newest_checkpoint([]) is None


def test_of_copies_that_wait_first_best_last_and_end_are_kept_for_each_run():
    copies = [copy_of(epoch, value) for epoch, value in enumerate([5.0, 2.0, 1.0, 4.0, 3.0])]
    copies += [copy_of(5, None, is_end=True), copy_of(0, uid="b")]

    assert [(copy.uid, copy.epoch) for copy in drop_surplus(copies)] == [
        ("a", 0),
        ("a", 2),
        ("a", 4),
        ("a", 5),
        ("b", 0),
    ]


def test_the_writer_saves_one_a_second_and_the_end_at_once(store):
    now = [100.0]
    writer = Writer(store, clock=lambda: now[0])
    folder = checkpoint_folder(store.path.parent, "a")

    def written():
        return [one.epoch for one in checkpoints_of(folder)]

    def settled(count, seconds=0):
        waits = threading.Event()
        for _ in range(1000):
            if len(written()) >= count:
                break
            now[0] += seconds
            waits.wait(0.01)
        return written()

    writer.put(copy_of(0))
    assert settled(1) == [0]
    writer.put(copy_of(1))
    writer.put(copy_of(2))
    writer.put(copy_of(3, None, is_end=True))
    assert settled(2) == [0, 3]
    assert settled(3, seconds=1)[:2] == [0, 1]
    assert writer.flush(10)
    assert written() == [0, 1, 2, 3]
    writer.close()


def test_a_copy_that_cannot_be_written_waits_and_says_why(store):
    writer = Writer(store)
    folder = checkpoint_folder(store.path.parent, "a")
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    writer.put(copy_of(0))

    assert not writer.flush(0.3)
    assert "checkpoints cannot be written" in writer.trouble

    folder.unlink()
    assert writer.flush(10)
    assert writer.trouble is None
    assert [one.epoch for one in checkpoints_of(folder)] == [0]
    writer.close()


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self):
        return self.now


class Logs(Callback):
    """Gives epochs the losses that a test wants, and lets time pass."""

    def __init__(self, clock, losses, seconds):
        super().__init__()
        self.clock, self.losses, self.seconds = clock, losses, seconds

    def on_epoch_end(self, epoch, logs=None):
        logs["loss"] = self.losses[epoch]
        self.clock.now += self.seconds


def saved(losses, seconds=0.0, callbacks=(), **fit):
    clock, events = Clock(), []
    model = Model(torch.nn.Linear(3, 1)).compile("sgd", loss="mse")
    model.watchers = [Checkpointing("a", events.append, clock=clock)]
    x = torch.randn(8, 3)
    given = [*callbacks, Logs(clock, losses, seconds)]
    model.fit(x, x.sum(1), epochs=len(losses), verbose=0, callbacks=given, **fit)
    return events


def test_a_copy_is_taken_at_the_beginning_of_the_best_and_at_the_end():
    events = saved([3.0, 4.0, 2.0, 5.0, float("nan"), 6.0])

    assert [event.epoch for event in events] == [0, 1, 3, 6, 6]
    assert [event.is_end for event in events] == [False, False, False, False, True]


def test_an_epoch_that_is_not_validated_is_not_the_best_by_its_training_loss():
    events = saved([1e-9, 1e-9, 1e-9, 1e-9], seconds=2.0, validation_split=0.5, validation_freq=2)

    assert [event.value is None for event in events] == [True, True, False, True, False, True]


def test_a_copy_is_taken_every_second():
    events = saved([1.0] + [2.0] * 9, seconds=0.4)

    assert [event.epoch for event in events if not event.is_end] == [0, 1, 4, 7, 10]


def test_a_copy_is_a_copy():
    events = saved([3.0, 2.0, 1.0])

    weights = [event.content["weights"]["weight"] for event in events[:3]]
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[1], weights[2])


def test_what_cannot_be_copied_is_told_once_and_training_goes_on():
    class Bad(Callback):
        def state_dict(self):
            raise RuntimeError("not today")

    bad = Bad()
    events = saved([3.0, 2.0, 1.0], callbacks=[bad])

    assert events == []
    assert bad.model.history.epoch == [0, 1, 2]
    told = [event for event in bad.model.history.events if event["kind"] == "not_saved"]
    assert told == [{"epoch": 0, "kind": "not_saved", "reason": "RuntimeError: not today"}]
