"""A real server on a free port and a real browser; skipped where there is no browser.

FITDASH_BROWSER=required makes a missing browser an error; another value is the path of one.
"""

import os
import re
import shutil
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.forked import Processes

APP = Path(__file__).parents[2] / "app.py"
KNOWN = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SECONDS = 180  # to wait: nothing is wrong with a slow machine
MILLISECONDS = 1000 * SECONDS
LOUD = re.compile(r"traceback|error|exception|warning", re.IGNORECASE)


class Server:
    """A dashboard with a store of its own, and what it printed; what is given goes to its environment."""

    def __init__(self, folder, **environment):
        self.environment = environment
        self.home = folder / "home"
        self.log = folder / "server.log"
        self.folder = folder
        self.start()

    def start(self, port=0):
        """Serve on a free port, or again on the same one."""
        self.log.write_text("")
        command = [sys.executable, "-m", "streamlit", "run", str(APP), f"--server.port={port}"]
        environment = os.environ | {"FITDASH_HOME": str(self.home), "PYTHONUNBUFFERED": "1"} | self.environment
        with self.log.open("w") as log:
            self.process = Processes.Popen(
                command, stdout=log, stderr=Processes.STDOUT, env=environment, cwd=self.folder
            )
        self.url = wait_for(lambda: re.search(r"http://127\.0\.0\.1:\d+", self.log.read_text()), self.process)[0]
        wait_for(lambda: _healthy(self.url), self.process)

    @property
    def port(self):
        return int(self.url.rpartition(":")[2])

    def kill(self):
        """As `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """As Ctrl-C or a shutdown does."""
        self.process.terminate()
        try:
            self.process.wait(SECONDS)
        except Processes.TimeoutExpired:
            self.kill()

    @property
    def complaints(self):
        """Lines of its console that look like trouble."""
        return [line for line in self.log.read_text().splitlines() if LOUD.search(line)]


def wait_for(condition, process=None):
    """What the condition gives as soon as it is true."""
    end = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        assert process is None or process.poll() is None, "the server ended"
        time.sleep(0.05)
    return found


def _healthy(url):
    try:
        return urlopen(f"{url}/_stcore/health", timeout=SECONDS).read() == b"ok"
    except OSError:
        return False


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("server"))
    yield made
    made.stop()
    assert not made.complaints, made.log.read_text()


@pytest.fixture(scope="session")
def browser():
    """Chromium of the system, or the one that playwright brought."""
    wanted = os.environ.get("FITDASH_BROWSER", "")
    required = wanted == "required"
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        _without("install playwright: pip install -e '.[dev]'", required)
    named = wanted if wanted and not required else next(filter(None, map(shutil.which, KNOWN)), None)
    with sync_playwright() as playwright:
        try:
            launched = playwright.chromium.launch(executable_path=named, args=QUIET)
        except Error:
            _without("install one: apt-get install chromium, or playwright install chromium", required)
        yield launched
        launched.close()


def _without(remedy, required):
    """No browser: an error where it is required."""
    words = f"No browser to drive; {remedy}."
    if required:
        pytest.fail(words)
    pytest.skip(words)


@pytest.fixture
def visitors(browser):
    """Makes visitors, whose pages raise nothing and ask nothing of other machines."""
    from playwright.sync_api import expect

    expect.set_options(timeout=MILLISECONDS)
    contexts, troubles = [], []

    def made():
        context = browser.new_context(viewport={"width": 1440, "height": 1000}, accept_downloads=True)
        context.set_default_timeout(MILLISECONDS)
        context.on("weberror", lambda error: troubles.append(str(error.error)))
        context.on("request", lambda request: troubles.append(request.url) if _leaves(request.url) else None)
        contexts.append(context)
        return context

    yield made
    for context in contexts:
        context.close()
    assert not troubles


@pytest.fixture
def context(visitors):
    """One visitor."""
    return visitors()


def _leaves(url):
    return not re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:|about:|chrome", url)
