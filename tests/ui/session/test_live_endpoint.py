"""What a server answers to pages that ask for news."""

import json
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette

from fitdash.ui.session import live_endpoint as module
from fitdash.ui.session.live_endpoint import KEPT_SECONDS, LiveEndpoint
from tests.ui.loops import awaited


@pytest.fixture
def app(monkeypatch):
    """A server that answers pages, which are of no session."""
    app = Starlette()
    monkeypatch.setattr(module, "_application", lambda: app)
    monkeypatch.setattr(module, "run_for", lambda thread, session: None)
    return app


def got(app, where):
    """How the server answers: status, headers and what it says, None where that is nothing."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": where, "headers": [], "query_string": b""}
    awaited(app(scope, receive, send))
    start, body = sent[0], b"".join(message.get("body", b"") for message in sent[1:])
    return start["status"], dict(start["headers"]), json.loads(body) if start["status"] == 200 else None


def test_a_page_is_told_by_its_secret_alone_and_always_anew(app):
    feeds, counts = LiveEndpoint(), iter(range(9))

    where = feeds.offer("secret", lambda: {"count": next(counts)})

    assert [got(app, where)[2] for _ in range(2)] == [{"count": 0}, {"count": 1}]
    assert got(app, where)[1][b"cache-control"] == b"no-store"
    assert got(app, where[:-1])[0] == 404


def test_what_is_offered_again_takes_the_place_of_what_was(app):
    feeds = LiveEndpoint()
    feeds.offer("secret", lambda: 1)

    where = feeds.offer("secret", lambda: 2)

    assert got(app, where)[2] == 2
    assert len(app.routes) == 1


def test_a_page_that_asks_no_more_is_forgotten(app, monkeypatch):
    feeds = LiveEndpoint()
    asks, forgotten = (feeds.offer(secret, dict) for secret in ("asks", "forgotten"))
    now = module.time.monotonic()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now + KEPT_SECONDS))
    got(app, asks)

    feeds.offer("another", dict)

    assert [got(app, where)[0] for where in (asks, forgotten)] == [200, 404]


def test_a_server_below_another_address_answers_there(app, monkeypatch):
    monkeypatch.setattr(module.st, "get_option", {"server.baseUrlPath": "/class/"}.get)

    where = LiveEndpoint().offer("secret", dict)

    assert where == "/class/_fitdash/live/secret"
    assert got(app, where)[2] == {}


def test_where_no_server_is_known_nothing_is_offered():
    feeds = LiveEndpoint()

    assert feeds.offer("secret", dict) is None
    assert not feeds.is_served
    assert not feeds.offered
