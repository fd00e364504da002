"""A store, its writer and a runner, each test its own, closed in order."""

import pytest

from fitdash.runs.runner import Runner
from fitdash.runs.store import Store
from fitdash.runs.writer import Writer


@pytest.fixture
def store(home):
    with Store() as store:
        yield store


@pytest.fixture
def writer(store):
    writer = Writer(store)
    yield writer
    writer.close()


@pytest.fixture
def runner(writer):
    runner = Runner(writer)
    yield runner
    runner.shutdown()
