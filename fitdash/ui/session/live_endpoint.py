"""What open pages ask for between two drawings: curves and words alone, by an address that only the page knows.

Every drawing makes Streamlit send, and the browser look through, the whole page, whatever has changed in it: with a run
at full speed beside it on two cores that takes 28 ms of the server and 0.2 s of the browser. What is asked for here
takes 5 ms and 0.05 s. Where the server has no such place, as under a test, the page is drawn as often as it
changes.
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
"""Of who asks no more; a browser lets a hidden tab ask once a minute."""
Give = Callable[[], Any]


@dataclass
class LiveEndpoint:
    """Of one server.

    Attributes:
        offered: By secret, what gives the news, of which session, and when it was offered or asked for last.
    """

    offered: dict[str, tuple[Give, Any, float]] = field(default_factory=dict)

    @property
    def is_served(self) -> bool:
        """Whether the server of this session answers."""
        return _served(self) is not None

    def offer(self, secret: str, give: Give) -> str | None:
        """Where a page can ask from now on; None where it cannot.

        Args:
            secret: Unguessable: who knows it is told.
            give: Called in a thread of the server's, with the session of now; gives what JSON can hold.
        """
        now = time.monotonic()
        self.offered = {key: one for key, one in list(self.offered.items()) if now - one[-1] < KEPT_SECONDS}
        where = _served(self)
        if where is not None:
            self.offered[secret] = (give, script_run_context(), now)
        return None if where is None else f"{where}/{secret}"

    def told(self, secret: str) -> bytes | None:
        """The news, None where none are offered."""
        found = self.offered.get(secret)
        if found is None:
            return None
        give, session, _ = found
        self.offered[secret] = (give, session, time.monotonic())
        run_for(threading.current_thread(), session)
        return json.dumps(give()).encode()


def _served(feeds: LiveEndpoint) -> str | None:
    """Let the server answer, once; where it does."""
    app = _application()
    if app is None:
        return None
    base = (st.get_option("server.baseUrlPath") or "").strip("/")
    where = f"{'/' + base if base else ''}/{PLACE}"
    if getattr(app.state, "fitdash_feeds", None) is None:
        from starlette.routing import Route

        app.router.routes.insert(0, Route(f"{where}/{{secret}}", _answer))  # before what takes every address
    app.state.fitdash_feeds = feeds
    return where


def _application() -> Any:
    """The application that serves this session, where requests can be routed to the endpoint."""
    from starlette.applications import Starlette

    app = web_application()
    return app if isinstance(app, Starlette) else None


def _answer(request: Any) -> Any:
    """In a thread of the server's pool, so that its loop goes on."""
    from starlette.responses import Response

    told = request.app.state.fitdash_feeds.told(request.path_params["secret"])
    if told is None:
        return Response(status_code=404)
    # Named, so that the server takes no time to compress it.
    headers = {"Content-Encoding": "identity", "Cache-Control": "no-store"}
    return Response(told, media_type="application/json", headers=headers)
