import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from fitdash.engine.callbacks.remote_monitor import RemoteMonitor


@pytest.fixture
def server(monkeypatch):
    """A server on this machine that keeps what it is sent; its address is `root`, its answer `status`."""
    monkeypatch.setenv("no_proxy", "*")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            http.got.append((self.path, dict(self.headers), body))
            self.send_response(http.status)
            self.end_headers()

        def log_message(self, *args):
            pass

    http = HTTPServer(("127.0.0.1", 0), Handler)
    http.got, http.status, http.root = [], 200, f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield http
    http.shutdown()
    http.server_close()
    thread.join()


def test_16_26_each_epoch_is_posted_as_a_form(drive, server):
    drive(RemoteMonitor(server.root), [{"loss": 0.5}, {"loss": float("nan")}])

    assert [path for path, _, _ in server.got] == ["/publish/epoch/end/"] * 2
    assert server.got[0][1]["Content-Type"] == "application/x-www-form-urlencoded"
    forms = [urllib.parse.parse_qs(body) for _, _, body in server.got]
    assert [json.loads(form["data"][0]) for form in forms] == [{"epoch": 0, "loss": 0.5}, {"epoch": 1, "loss": None}]


def test_16_26_it_can_be_json_with_headers_elsewhere(drive, server):
    monitor = RemoteMonitor(server.root, path="/in", headers={"X-Key": "abc"}, send_as_json=True)

    drive(monitor, [{"loss": 0.5}], initial_epoch=7)

    (path, headers, body), *rest = server.got
    assert (path, headers["Content-Type"], headers["X-Key"], rest) == ("/in", "application/json", "abc", [])
    assert json.loads(body) == {"epoch": 7, "loss": 0.5}


def test_16_26_a_server_that_refuses_is_a_warning(drive, server):
    server.status = 500

    with pytest.warns(UserWarning, match="RemoteMonitor could not reach the server at .*500"):
        model = drive(RemoteMonitor(server.root), [{"loss": 0.5}])

    assert model.history.epoch == [0]


@pytest.mark.parametrize("root", ["http://127.0.0.1:9", "nonsense", "file:///etc", "http://127.0.0.1:99999"])
def test_16_26_an_unreachable_server_is_a_warning(drive, root, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")

    with pytest.warns(UserWarning, match=f"RemoteMonitor could not reach the server at {root}"):
        model = drive(RemoteMonitor(root), [{"loss": 0.5}])

    assert model.history.epoch == [0]
