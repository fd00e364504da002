"""Every test has its own store and the same seeds."""

import os
import random

import numpy as np
import pytest

from tests.forked import Processes

# Networks of tests are too small for several threads, which wait for each other by spinning.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items):
    """Refuse tests that are called otherwise in another process, which could not be spread over several."""
    changing = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if changing:
        raise pytest.UsageError(f"Tests must be called alike in every process: ids=named of tests/names.py; {changing}")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A store of its own for each test."""
    folder = tmp_path / "home"
    monkeypatch.setenv("FITDASH_HOME", str(folder))
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _forked_workers():
    """Workers are forked from a process that has imported torch; `test_worker_pool.py` starts them as for users."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fitdash.runs.scheduling.worker_pool.subprocess", Processes)
        yield


@pytest.fixture(autouse=True)
def _seeded():
    import torch

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture
def store(home):
    """The record, empty, closed at the end."""
    from fitdash.runs.record.store import Store

    with Store() as store:
        yield store


@pytest.fixture
def writer(store):
    from fitdash.runs.record.writer import Writer

    writer = Writer(store)
    yield writer
    writer.close()


@pytest.fixture
def runner(writer):
    from fitdash.runs.scheduling.runner import Runner

    runner = Runner(writer)
    yield runner
    runner.shutdown()
