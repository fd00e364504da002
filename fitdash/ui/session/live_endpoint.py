"""An HTTP endpoint that an open page polls for curves and text between two reruns, at a URL that only this page knows.

Every rerun makes Streamlit send, and the browser compare, the whole page, whatever has changed in it: with a run at
full speed beside it on two cores that takes 28 ms of the server and 0.2 s of the browser. A poll of this endpoint takes
5 ms and 0.05 s. If the server has no such endpoint, as under a test, the page reruns as often as the run changes.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from fitdash.ui.session.streamlit_private import run_for, script_run_context, web_application

PLACE = "_fitdash/live"
KEPT_SECONDS = 180.0
"""Time after the last poll at which a page is dropped; a browser lets a hidden tab poll once a minute."""
Give = Callable[[], Any]


@dataclass
class LiveEndpoint:
    """The pages of one server that may poll for live updates.

    Attributes:
        offered: By secret: the function that gives the updates, the script context of its session, and the time of
            the last offer or poll.
    """

    offered: dict[str, tuple[Give, Any, float]] = field(default_factory=dict)

    @property
    def is_served(self) -> bool:
        """True if the server of this session answers polls."""
        return _served(self) is not None

    def offer(self, secret: str, give: Give) -> str | None:
        """URL that the page can poll from now on; None if this server has no such endpoint.

        Args:
            secret: Unguessable: it is the only protection of the endpoint.
            give: Called in a thread of the server's pool, in the session that is current now; gives what JSON can hold.
        """
        now = time.monotonic()
        self.offered = {key: one for key, one in list(self.offered.items()) if now - one[-1] < KEPT_SECONDS}
        where = _served(self)
        if where is not None:
            self.offered[secret] = (give, script_run_context(), now)
        return None if where is None else f"{where}/{secret}"

    def told(self, secret: str) -> bytes | None:
        """The updates as JSON; None if this secret is unknown."""
        found = self.offered.get(secret)
        if found is None:
            return None
        give, session, _ = found
        self.offered[secret] = (give, session, time.monotonic())
        run_for(threading.current_thread(), session)
        return json.dumps(give()).encode()


def _served(feeds: LiveEndpoint) -> str | None:
    """URL of the endpoint, added to the server's routes on the first call; None if Starlette serves no page."""
    app = _application()
    if app is None:
        return None
    base = (st.get_option("server.baseUrlPath") or "").strip("/")
    where = f"{'/' + base if base else ''}/{PLACE}"
    if getattr(app.state, "fitdash_feeds", None) is None:
        from starlette.routing import Route

        app.router.routes.insert(0, Route(f"{where}/{{secret}}", _answer))  # before the route that matches every path
    app.state.fitdash_feeds = feeds
    return where


def _application() -> Any:
    """The Starlette application that serves this session; Streamlit has no public access to it outside of `st.App`."""
    from starlette.applications import Starlette

    app = web_application()
    return app if isinstance(app, Starlette) else None


def _answer(request: Any) -> Any:
    """Answers a poll; not a coroutine, so Starlette runs it in its thread pool and the event loop goes on."""
    from starlette.responses import Response

    told = request.app.state.fitdash_feeds.told(request.path_params["secret"])
    if told is None:
        return Response(status_code=404)
    # With an encoding named, the server spends no time on compression.
    headers = {"Content-Encoding": "identity", "Cache-Control": "no-store"}
    return Response(told, media_type="application/json", headers=headers)
