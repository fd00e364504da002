"""A real dashboard that is killed or told to end while runs train, one in it and others in processes of its own."""

import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from fitdash.jobs.build import make_job
from fitdash.jobs.launch import resume_run
from fitdash.runs.checkpoints.checkpoint_files import checkpoints_of, run_checkpoint_folder
from fitdash.runs.record.writer import Writer
from fitdash.runs.scheduling.runner import Runner
from tests.jobs.test_server_ends import EXPERIMENT, ROOT, SECONDS, end, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Processes are watched as Linux lets it.")

LONG = replace(EXPERIMENT, fit=replace(EXPERIMENT.fit, epochs=100_000))

# Runs in the server before anything else, and starts there what the button Fit starts.
STARTS_RUNS = """
import os, sys, threading, time

def start():
    import streamlit.runtime
    while not streamlit.runtime.exists():
        time.sleep(0.02)
    from dataclasses import replace
    from fitdash.jobs.launch import launch_run
    from fitdash.runs.scheduling import runner
    from fitdash.settings.experiment import Experiment
    from fitdash.ui.session.server_resources import server_resources
    # A busy machine may take longer than a server that ends for its users waits.
    runner.Runner.shutdown.__defaults__, runner.WORKERS_SECONDS = (60.0,), 60.0
    experiment = Experiment.from_json(os.environ["TEST_EXPERIMENT"])
    for seed in range(int(os.environ["FITDASH_RUNS_AT_ONCE"])):
        launch_run(server_resources().runner, replace(experiment, seed=seed), pace=20)

if "streamlit" in sys.orig_argv:
    threading.Thread(target=start, daemon=True).start()
"""


@pytest.fixture
def server(tmp_path, home, request):
    """It trains as many runs as the parameter says."""
    (tmp_path / "sitecustomize.py").write_text(STARTS_RUNS)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
        "TEST_EXPERIMENT": LONG.to_json(),
        "FITDASH_RUNS_AT_ONCE": str(request.param),
    }
    command = [sys.executable, "-m", "fitdash", "--server.port=0"]
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=log, stderr=log)
    process.at_once = request.param
    yield process
    process.kill()
    process.wait()
    log.close()


def workers_of(process):
    """Open files that tell when the processes that it started have ended."""
    tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
    return [os.pidfd_open(int(pid)) for children in tasks for pid in children.read_text().split()]


def join(workers):
    """Wait until all of them have ended."""
    for worker in workers:
        assert select.select([worker], [], [], SECONDS)[0], "it trains for nobody"
        os.close(worker)


@pytest.mark.parametrize(
    ("server", "is_locked"), [(3, False), (2, True)], indirect=["server"], ids=["written", "the store locked"]
)
@pytest.mark.parametrize("seed", range(int(os.environ.get("FITDASH_KILL_ROUNDS", "1"))))
def test_runs_of_a_killed_server_end_with_it_and_go_on_to_the_same_numbers(store, server, is_locked, seed):
    begun = random.Random(seed).randint(3, 30)
    wait_until(lambda: len(store.runs()) == server.at_once, server)
    wait_until(lambda: all(run.summary.get("epochs", 0) >= begun for run in store.runs()), server)
    workers = workers_of(server)
    assert len(workers) == server.at_once - 1
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        if is_locked:
            other.execute("BEGIN IMMEDIATE")
            ahead = [run.uid for run in store.runs()][0]  # the last one trains in a worker, which writes its own files
            wait_until(lambda: _newest(ahead) > len(store.epochs(ahead)), server)
        server.send_signal(signal.SIGKILL)
        server.wait()

    join(workers)
    before = {run.uid: [(row.epoch, row.logs) for row in store.epochs(run.uid)] for run in store.runs()}
    assert sorted(store.reap()) == sorted(before)
    assert {run.state for run in store.runs()} == {"interrupted"}
    writer = Writer(store)
    runner = Runner(writer)
    for uid, rows in before.items():
        expected, again = _both(runner, uid, epochs=len(rows) + 30)
        assert rows == expected[: len(rows)]
        assert len(rows) >= begun
        assert again == expected
    runner.shutdown()
    writer.close()


@pytest.mark.parametrize(
    ("server", "number"), [(3, signal.SIGTERM), (2, signal.SIGINT)], indirect=["server"], ids=["SIGTERM", "Ctrl-C"]
)
def test_a_server_that_is_told_to_end_keeps_the_runs_of_its_workers_too(store, server, number):
    wait_until(lambda: len(store.runs()) == server.at_once, server)
    wait_until(lambda: all(run.summary.get("epochs", 0) >= 3 for run in store.runs()), server)
    workers = workers_of(server)

    end(server, number)

    join(workers)
    for run in store.runs():
        assert (run.state, run.error) == ("interrupted", None)
        assert checkpoints_of(run_checkpoint_folder(run.uid))[-1].is_end
        assert checkpoints_of(run_checkpoint_folder(run.uid))[-1].epoch == len(store.epochs(run.uid))
    assert store.reap() == []


def _newest(uid):
    return max((one.epoch for one in checkpoints_of(run_checkpoint_folder(uid))), default=0)


def _both(runner, uid, *, epochs):
    """The rows of a run that nothing interrupted, and of the one that goes on."""
    store = runner.writer.store
    short = replace(
        EXPERIMENT, fit=replace(EXPERIMENT.fit, epochs=epochs), seed=store.run(uid).experiment.get("seed", 0)
    )
    expected = runner.submit(make_job(short), experiment=short.to_dict())
    again = resume_run(runner, uid)
    again.change(epochs=epochs)
    assert expected.join(SECONDS)
    assert again.join(SECONDS)
    assert runner.writer.flush(SECONDS)
    return [[(row.epoch, row.logs) for row in store.epochs(each)] for each in (expected.uid, uid)]
