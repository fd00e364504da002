"""A sweep on a real Ray cluster on this machine; skipped where Ray is not installed."""

import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

import fitdash
from fitdash.sweeps.ray_executor import RayActor

ray = pytest.importorskip("ray", reason="needs the extra: pip install 'fitdash[ray]'")
pytestmark = pytest.mark.filterwarnings("ignore")

EXPERIMENT = {"data": {"name": "digits"}, "network": {"width": 128}, "fit": {"epochs": 10, "validation_split": 0.2}}
SPACE = {"compile.learning_rate": "1e-4..1e-1 log"}


@pytest.fixture
def cluster(monkeypatch):
    """Two workers."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def test_a_worker_that_is_killed_costs_its_trial_a_start_and_nothing_else(cluster):
    killed = []

    def told(trial):
        if trial.epochs == 2 and not killed:
            actors = ["pgrep", "-f", f"ray::{RayActor.__name__}"]
            found = subprocess.run(actors, capture_output=True, text=True, check=True)
            killed.append(int(found.stdout.split()[0]))
            os.kill(killed[0], signal.SIGKILL)

    found = fitdash.sweep(EXPERIMENT, SPACE, trials=5, workers="ray", pruner="none", listener=told, together=False)

    assert killed
    assert [trial.state for trial in found.trials()] == ["finished"] * 5
    assert Counter(run.state for run in found.store.runs()) == {"finished": 5, "interrupted": 1}
    (lost,) = found.store.runs(states=("interrupted",))
    assert "must live until it is over" in lost.error
