"""A process killed at any moment loses nothing that was committed."""

import random
import subprocess
import sys

import pytest

from fitdash.runs.record.store import Store

TRAINS = """
import sys
from types import SimpleNamespace
from fitdash.runs.scheduling.runner import Runner
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import Writer

writer = Writer(Store())

def job(recorder, control):
    recorder.set_model(SimpleNamespace())
    recorder.set_params({"epochs": 10**9})
    recorder.on_train_begin()
    for epoch in range(10**9):
        recorder.on_epoch_begin(epoch)
        recorder.on_epoch_end(epoch, {"loss": 1 / (epoch + 1), "epoch": float(epoch)})
        if epoch % 50 == 0:
            writer.flush()
            print(epoch, flush=True)

Runner(writer).submit(job, experiment={"seed": 1}).join()
"""


@pytest.mark.parametrize("seed", range(3))
def test_after_kill_9_every_committed_epoch_is_there_and_the_run_reads_interrupted(home, seed):
    lines = random.Random(seed).randint(2, 40)
    with subprocess.Popen([sys.executable, "-c", TRAINS], stdout=subprocess.PIPE) as process:
        committed = [int(process.stdout.readline()) for _ in range(lines)][-1]
        process.kill()
        process.wait()

    with Store() as store:
        (run,) = store.runs()
        assert run.state == "running"
        assert store.reap() == [run.uid]
        assert store.run(run.uid).state == "interrupted"
        epochs = store.epochs(run.uid)
        assert [row.epoch for row in epochs] == list(range(len(epochs)))
        assert len(epochs) > committed
        assert all(row.logs["epoch"] == row.epoch for row in epochs)
        assert store.run(run.uid).summary["epochs"] == len(epochs)
        assert store.read_rows("PRAGMA integrity_check") == [("ok",)]


def test_a_live_process_is_not_taken_for_a_dead_one(home):
    with subprocess.Popen([sys.executable, "-c", TRAINS], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with Store() as store:
            assert store.reap() == []
            process.kill()
            process.wait()
            assert len(store.reap()) == 1
