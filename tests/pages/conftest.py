"""The page in a test: `AppTest` with server resources of its own."""

import functools
import json
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from fitdash.engine.callbacks.base import Callback
from fitdash.nn.registry import make_network
from fitdash.runs.protocol.events import ENDED
from fitdash.ui.session.server_resources import server_resources
from tests.pages.seen import Seen

APP = Path(__file__).parents[2] / "app.py"
SECONDS = 60
SCAN = manifest_scanner.scan_component_manifests


@pytest.fixture(autouse=True)
def own_server(home):
    """The server resources of this test alone; its runs end with it."""
    st.cache_resource.clear()
    yield server_resources
    made = server_resources()
    made.runner.shutdown()
    made.writer.close()
    made.store.close()
    st.cache_resource.clear()


@pytest.fixture(autouse=True)
def one_scan(monkeypatch):
    """Streamlit looks through all installed packages for components each time a page is opened: once is enough."""
    monkeypatch.setattr(manifest_scanner, "scan_component_manifests", _components)


@functools.cache
def _components():
    return SCAN()


@pytest.fixture(autouse=True)
def through_the_entry(monkeypatch):
    """As on a server that has run once: AppTest takes the folder of pages for pages that stand alone, at every run."""
    begin = PagesManager.__init__

    def begun(self, *args, **settings):
        begin(self, *args, **settings)
        PagesManager.uses_pages_directory = False

    monkeypatch.setattr(PagesManager, "__init__", begun)


@pytest.fixture
def lock(home):
    """Another program's connection to the store: what it begins holds everybody else up."""
    server_resources()  # opens it
    with closing(sqlite3.connect(home / "runs.db", isolation_level=None)) as other:
        yield other


@pytest.fixture
def open_page():
    """Opens the page as a link does; gives it after its first drawing."""

    def opened(**values):
        page = AppTest.from_file(APP, default_timeout=SECONDS)
        for key, value in values.items():
            page.query_params[key.replace("__", ".")] = value
        page.run()
        assert not page.exception
        return page

    return opened


@pytest.fixture
def seen(monkeypatch):
    """What the network of each run sees while it trains and validates."""
    found = Seen()
    monkeypatch.setattr("fitdash.jobs.build.make_network", found.watch(make_network))
    monkeypatch.setattr("fitdash.jobs.build.PredictionSnapshots._look", lambda self, epoch: None)
    return found


@pytest.fixture
def held_run():
    """Starts a run that told two epochs and waits until it is let go."""
    gates = []

    def started(experiment, epochs=2):
        gate = threading.Event()
        gates.append(gate)
        run = server_resources().runner.submit(waiting_job(gate, epochs), experiment=experiment.to_dict(), name="held")
        wait_for(lambda: len(server_resources().store.epochs(run.uid)) == epochs)
        return run, gate

    yield started
    for gate in gates:
        gate.set()


def waiting_job(gate, epochs):
    """A job that tells some epochs at once and ends when it may."""

    def job(recorder, control):
        recorder.set_model(Callback())
        recorder.set_params({"epochs": 10, "samples": 100})
        recorder.on_train_begin()
        for epoch in range(epochs):
            recorder.on_epoch_begin(epoch)
            recorder.on_epoch_end(epoch, {"loss": 1 / (epoch + 1), "val_loss": 2 / (epoch + 1)})
        gate.wait(SECONDS)

    return job


def wait_for(condition):
    """Until it holds."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        threading.Event().wait(0.02)


def until(page, state):
    """Draw the page again until its run is in this state."""

    def shows():
        page.run()
        assert not page.exception
        return state in texts(page)

    wait_for(shows)


def trained(page):
    """Press Fit and wait until the run is over; gives its record and the logs of its epochs."""
    before = {run.uid for run in server_resources().store.runs()}
    page.button(key="fit").click().run()
    assert not page.exception

    def is_over():
        return [run for run in server_resources().store.runs(states=ENDED) if run.uid not in before]

    wait_for(is_over)
    (run,) = is_over()
    assert run.state == "finished", run.error
    return run, [row.logs for row in server_resources().store.epochs(run.uid)]


def texts(page):
    """Everything that the page says, without the escapes of markdown."""
    kinds = ("markdown", "caption", "error", "warning", "code")
    found = [str(element.value) for kind in kinds for element in page.get(kind)]
    found += [f"**{one['bold']}** {one['words']}" for one in sent(page) if "words" in one]
    return "\n".join(found).replace("\\", "")


def adder(page, label):
    """The list to add a card from."""
    return next(widget for widget in page.selectbox if widget.label == label)


def sent(page):
    """What the components of the page were given, in their order."""
    return [json.loads(element.proto.json) for element in page.get("bidi_component")]


def charts(page):
    """The metrics of the charts that are drawn, in their order."""
    names = [one.get("name", "") for one in sent(page)]
    return [name.removeprefix("chart-") for name in names if name.startswith("chart-")]
