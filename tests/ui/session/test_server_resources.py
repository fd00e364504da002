"""What all sessions of a server share."""

import sys

from fitdash.ui.session import server_resources
from fitdash.ui.session.server_resources import Viewers


def test_a_warm_up_that_fails_is_silent(monkeypatch):
    monkeypatch.setitem(sys.modules, "fitdash.jobs.build", None)

    server_resources._import_and_freeze()


def test_viewers_that_stopped_looking_are_not_counted(monkeypatch):
    viewers = Viewers(seen={"gone": 0.0, "here": 95.0})
    monkeypatch.setattr("time.monotonic", lambda: 100.0)

    viewers.here(100.0)

    assert viewers.count() == 2
    assert "gone" not in viewers.seen
