"""A real dashboard that is told to end while a run trains."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fitdash.jobs.build import make_job
from fitdash.jobs.launch import resume_run
from fitdash.runs.checkpoints.checkpoint_files import checkpoints_of, run_checkpoint_folder
from fitdash.runs.record.writer import Writer
from fitdash.runs.scheduling.runner import Runner
from fitdash.settings.compile import CompileArgs
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.network import NetworkArgs
from fitdash.settings.validation_data import HoldOut

ROOT = Path(__file__).parents[2]
SECONDS = 60
EXPERIMENT = Experiment(
    data=DatasetArgs(name="digits"),
    network=NetworkArgs(width=16, depth=1, dropout=0.2),
    compile=CompileArgs(optimizer="sgd", momentum=0.9),
    fit=FitArgs(epochs=200, verbose=0, validation_data=HoldOut()),
)

# Runs in the server before anything else, and starts there what the button Fit starts.
STARTS_A_RUN = """
import os, sys, threading, time

def start():
    import streamlit.runtime
    while not streamlit.runtime.exists():
        time.sleep(0.02)
    from fitdash.jobs.build import make_job
    from fitdash.runs.scheduling import runner
    from fitdash.settings.experiment import Experiment
    from fitdash.ui.session.server_resources import server_resources
    # A busy machine may take longer than a server that ends for its users waits.
    runner.Runner.shutdown.__defaults__, runner.WORKERS_SECONDS = (60.0,), 60.0
    experiment = Experiment.from_json(os.environ["TEST_EXPERIMENT"])
    run = server_resources().runner.submit(make_job(experiment), experiment=experiment.to_dict(), pace=20)
    if os.environ["TEST_PAUSE"]:
        run.step(batches=100)

if "streamlit" in sys.orig_argv:
    threading.Thread(target=start, daemon=True).start()
"""


@pytest.fixture
def server(tmp_path, home):
    """Starts `python -m fitdash` with a run in it; gives the process."""
    (tmp_path / "sitecustomize.py").write_text(STARTS_A_RUN)
    processes = []

    def started(*, paused=False):
        path = os.pathsep.join([str(tmp_path), str(ROOT)])
        environment = os.environ | {
            "PYTHONPATH": path,
            "TEST_EXPERIMENT": EXPERIMENT.to_json(),
            "TEST_PAUSE": "yes" if paused else "",
        }
        command = [sys.executable, "-m", "fitdash", "--server.port=0"]
        process = subprocess.Popen(
            command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        processes.append(process)
        return process

    yield started
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def wait_for(store, wanted, process):
    """The run, once it is as wanted."""
    return wait_until(lambda: next(filter(wanted, store.runs()), None), process)


def wait_until(condition, process):
    """What the condition gives as soon as it is true."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and process.poll() is None:
        if found := condition():
            return found
        time.sleep(0.02)
    process.kill()
    raise AssertionError(process.communicate()[0])


def end(process, number):
    """Send it this signal and wait until it has ended by itself."""
    process.send_signal(number)
    process.wait(SECONDS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_server_that_is_told_to_end_keeps_its_run_to_go_on(store, server, number):
    process = server()
    run = wait_for(store, lambda run: run.summary.get("epochs", 0) >= 3, process)

    end(process, number)

    record = store.run(run.uid)
    assert (record.state, record.error) == ("interrupted", None)
    assert store.reap() == []
    done = len(store.epochs(run.uid))
    *copies, at_end = checkpoints_of(run_checkpoint_folder(run.uid))
    assert copies
    assert not any(one.is_end for one in copies)
    assert (at_end.is_end, at_end.epoch) == (True, done)

    writer = Writer(store)
    runner = Runner(writer)
    short = replace(EXPERIMENT, fit=replace(EXPERIMENT.fit, epochs=done + 2))
    expected = runner.submit(make_job(short), experiment=short.to_dict())
    assert expected.join(SECONDS)
    again = resume_run(runner, run.uid)
    again.change(epochs=done + 2)
    assert again.join(SECONDS)
    assert writer.flush(SECONDS)
    rows = [[(row.epoch, row.logs) for row in store.epochs(each)] for each in (run.uid, expected.uid)]
    assert rows[0][: done + 2] == rows[1]
    runner.shutdown()
    writer.close()


def test_a_paused_run_does_not_keep_the_server_from_ending(store, server):
    process = server(paused=True)
    run = wait_for(store, lambda run: run.state == "paused", process)

    end(process, signal.SIGTERM)

    assert store.run(run.uid).state == "interrupted"
    assert store.latest(run.uid, "partial") is not None or store.epochs(run.uid)
