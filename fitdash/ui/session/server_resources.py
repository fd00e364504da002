"""The store, writer and runner of this server, one of each for all sessions."""

import gc
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

import streamlit as st

from fitdash.errors import StoreError
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import DASHBOARD_ROLE, Writer
from fitdash.runs.scheduling import dashboards
from fitdash.runs.scheduling.runner import Runner
from fitdash.runs.scheduling.server_settings import settings_in_force
from fitdash.runs.scheduling.worker_pool import WorkerPool, available_cores
from fitdash.settings.server import ServerArgs
from fitdash.ui.session.live_endpoint import LiveEndpoint
from fitdash.ui.session.streamlit_patches import patch_streamlit
from fitdash.ui.session.streamlit_private import script_run_context

GONE_SECONDS = 15.0
TICKS_PER_SECOND = 10
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass
class Viewers:
    """The sessions with an open page; the more there are, the slower each page refreshes.

    Attributes:
        seen: Time of the last refresh (monotonic seconds), by session.
    """

    seen: dict[str, float] = field(default_factory=dict)

    def here(self, now: float) -> None:
        """Notes a refresh of this session at `now`; forgets the sessions whose last one is over 15 seconds old."""
        context = script_run_context()
        self.seen = {name: at for name, at in self.seen.items() if now - at < GONE_SECONDS}
        self.seen[context.session_id if context else ""] = now

    def every(self, seconds: float) -> float:
        """Seconds between two refreshes of one page: at least these, and so many that all pages make ten a second."""
        return max(seconds, self.count() / TICKS_PER_SECOND)

    def count(self) -> int:
        """Number of sessions that refreshed in the last 15 seconds; at least 1."""
        return max(1, sum(time.monotonic() - at < GONE_SECONDS for at in list(self.seen.values())))


@dataclass(frozen=True)
class ServerResources:
    """What all sessions of this server share.

    Attributes:
        settings: In force on this server.
        is_shared: True if each run belongs to the visitor who started it.
        done: Time at which a task of `due` was last due (monotonic seconds), by its name.
    """

    store: Store
    writer: Writer
    runner: Runner
    settings: ServerArgs = field(default_factory=ServerArgs)
    is_shared: bool = False
    viewers: Viewers = field(default_factory=Viewers)
    feeds: LiveEndpoint = field(default_factory=LiveEndpoint)
    done: dict[str, float] = field(default_factory=dict)

    def due(self, what: str, seconds: float) -> bool:
        """True if no session has done this task within these seconds; it counts as done from now on."""
        now = time.monotonic()
        if now - self.done.get(what, -seconds) < seconds:
            return False
        self.done[what] = now
        return True


# Tiny and stable: Streamlit makes new resources when this code is edited, and would lose the runs that are on.
@st.cache_resource(show_spinner=False)
def server_resources() -> ServerResources:
    """The store, writer and runner of this server; runs that dead processes left running are marked interrupted."""
    patch_streamlit()
    settings = settings_in_force()
    store = Store()
    # While the store is locked they cannot be marked yet; the page of such a run tries again.
    with suppress(StoreError):
        store.reap()
    writer = Writer(store, role=DASHBOARD_ROLE)
    is_shared = st.get_option("server.address") not in LOOPBACK if settings.shared is None else settings.shared
    return ServerResources(store, writer, runner_of(writer, settings, is_shared=is_shared), settings, is_shared)


def runner_of(writer: Writer, settings: ServerArgs, *, is_shared: bool) -> Runner:
    """A runner with its one thread, and with worker processes if several runs may train at once."""
    at_once = settings.runs_at_once or max(1, available_cores() - 1)
    return Runner(
        writer,
        workers=WorkerPool(at_once - 1, note_trouble=writer.note_trouble) if at_once > 1 else None,
        most_waiting=settings.queue_length,
        most_waiting_each=settings.queue_length_per_visitor if is_shared else None,
    )


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Starts a thread that imports what the first Fit needs while the user reads the page."""
    thread = threading.Thread(target=_import_and_freeze, name="fitdash-warm-up", daemon=True)
    thread.start()
    return thread


@st.cache_resource(show_spinner=False)
def announce_server() -> str | None:
    """URL of this server, written where scripts on this machine look for a dashboard; None if the port is not known."""
    port, base = st.get_option("server.port"), (st.get_option("server.baseUrlPath") or "").strip("/")
    if not port:
        return None
    address = st.get_option("server.address")
    host = "127.0.0.1" if address in (None, "", "0.0.0.0", "::", "localhost") else address
    url = f"http://{host}:{port}{'/' + base if base else ''}"
    # If the URL cannot be written, scripts start a dashboard of their own; this page works all the same.
    with suppress(Exception):
        dashboards.announce(url)
    return url


def _import_and_freeze() -> None:
    """Imports what builds a run, then freezes it in the garbage collector, which need not scan it again."""
    # The server may end in the middle of an import; any other error comes again, and is shown, at the first Fit.
    with suppress(Exception):
        import fitdash.jobs.build  # noqa: F401
        import fitdash.jobs.quotas  # noqa: F401

        gc.collect()
        gc.freeze()
