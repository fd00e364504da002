"""Finding and starting dashboards."""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from fitdash.errors import StoreError
from fitdash.runs.record import process_lock
from fitdash.runs.scheduling import dashboards


@pytest.fixture
def server():
    """Something that answers as healthy; gives its address."""

    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/_stcore/health" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _forget_announcements():
    yield
    while dashboards._announced:
        process_lock.release(dashboards._announced.pop())


def test_nobody_is_found_where_nobody_announced(home):
    assert dashboards.find() is None
    assert not home.exists()


def test_a_dashboard_that_announced_is_found(server):
    dashboards.announce(server)
    dashboards.announce(server)

    assert dashboards.find() == server
    assert dashboards.find_or_start() == server
    assert len(dashboards._announced) == 1


def test_a_dashboard_on_another_store_is_not_found(server, monkeypatch, tmp_path):
    dashboards.announce(server)
    monkeypatch.setenv("FITDASH_HOME", str(tmp_path / "elsewhere"))

    assert dashboards.find() is None


def test_what_a_dead_dashboard_left_is_removed_even_if_its_port_answers(server, home):
    dashboards.announce(server)
    process_lock.release(dashboards._announced.pop())

    assert dashboards.find() is None
    assert list((home / "dashboards").iterdir()) == []


def test_a_dashboard_that_does_not_answer_is_passed_over(server):
    dashboards.announce(f"http://127.0.0.1:{dashboards.free_port()}")
    assert dashboards.find() is None

    dashboards.announce(server)
    assert dashboards.find() == server


def test_a_file_that_tells_no_address_is_passed_over(server, home):
    dashboards.announce(server)
    for entry in (home / "dashboards").glob("*.json"):
        entry.write_text("[]")

    assert dashboards.find() is None


def test_a_dashboard_that_cannot_start_says_where_to_read_why(monkeypatch, home):
    monkeypatch.setattr(dashboards.sys, "executable", "/bin/false")

    with pytest.raises(StoreError, match=r"The dashboard must start, got exit status 1\. .*dashboard\.log tells more"):
        dashboards.start()

    assert dashboards.find() is None


def test_a_dashboard_is_started_once_and_lives_until_it_is_ended(home):
    url = dashboards.find_or_start()
    (entry,) = (home / "dashboards").glob("*.json")
    process = json.loads(entry.read_text())["pid"]
    try:
        assert dashboards.is_healthy(url)
        assert dashboards.find_or_start() == url
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)

    assert dashboards.find() is None
