"""The store, the writer and the runner of this server: one of each, for all sessions."""

import gc
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from fitdash.errors import StoreError
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import DASHBOARD_ROLE, Writer
from fitdash.runs.scheduling import dashboards
from fitdash.runs.scheduling.runner import Runner
from fitdash.runs.scheduling.server_settings import settings_in_force
from fitdash.runs.scheduling.workers import WorkerPool, available_cores
from fitdash.settings.server import ServerArgs
from fitdash.ui.session.live_endpoint import LiveEndpoint
from fitdash.ui.session.streamlit_patches import patch_streamlit

GONE_SECONDS = 15.0
TICKS_PER_SECOND = 10
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass
class Viewers:
    """Who is looking: the more there are, the slower each page refreshes."""

    seen: dict[str, float] = field(default_factory=dict)

    def here(self, now: float) -> None:
        """Note that this session looks, and forget those that stopped."""
        context = get_script_run_ctx()
        self.seen = {name: at for name, at in self.seen.items() if now - at < GONE_SECONDS}
        self.seen[context.session_id if context else ""] = now

    def every(self, seconds: float) -> float:
        """Seconds between two refreshes of one page, so many at least: together they ask for about ten a second."""
        return max(seconds, self.count() / TICKS_PER_SECOND)

    def count(self) -> int:
        """Sessions that looked lately, this one at least."""
        return max(1, sum(time.monotonic() - at < GONE_SECONDS for at in list(self.seen.values())))


@dataclass(frozen=True)
class ServerResources:
    """What pages ask for runs.

    Attributes:
        settings: What is in force on this server.
        is_shared: A run belongs to its visitor.
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
        """Whether this was done longer ago, by any session; it then counts as done."""
        now = time.monotonic()
        if now - self.done.get(what, -seconds) < seconds:
            return False
        self.done[what] = now
        return True


# Tiny and stable: editing it while a run is on would leave that run unseen.
@st.cache_resource(show_spinner=False)
def server_resources() -> ServerResources:
    """The store, writer and runner of this server; runs that dead processes left running are marked interrupted."""
    patch_streamlit()
    settings = settings_in_force()
    store = Store()
    # While it is locked they are not told yet; the page of such a run asks again.
    with suppress(StoreError):
        store.reap()
    writer = Writer(store, role=DASHBOARD_ROLE)
    is_shared = st.get_option("server.address") not in LOOPBACK if settings.shared is None else settings.shared
    return ServerResources(store, writer, runner_of(writer, settings, is_shared=is_shared), settings, is_shared)


def runner_of(writer: Writer, settings: ServerArgs, *, is_shared: bool) -> Runner:
    """One thread, and workers where more may train at once."""
    at_once = settings.runs_at_once or max(1, available_cores() - 1)
    return Runner(
        writer,
        workers=WorkerPool(at_once - 1, note_trouble=writer.note_trouble) if at_once > 1 else None,
        most_waiting=settings.queue_length,
        most_waiting_each=settings.queue_length_per_visitor if is_shared else None,
    )


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Import what the first Fit needs while the reader looks at the page that was drawn."""
    thread = threading.Thread(target=_import_and_freeze, name="fitdash-warm-up", daemon=True)
    thread.start()
    return thread


@st.cache_resource(show_spinner=False)
def announce_server() -> str | None:
    """Where scripts of this machine find this server, which they are told; None where its port is not known."""
    port, base = st.get_option("server.port"), (st.get_option("server.baseUrlPath") or "").strip("/")
    if not port:
        return None
    address = st.get_option("server.address")
    host = "127.0.0.1" if address in (None, "", "0.0.0.0", "::", "localhost") else address
    url = f"http://{host}:{port}{'/' + base if base else ''}"
    # Scripts then start a dashboard of their own: no reason to have no page here.
    with suppress(Exception):
        dashboards.announce(url)
    return url


def _import_and_freeze() -> None:
    """What was imported stays, so that no collection looks at it again."""
    # The server may end in the middle of it; whatever else goes wrong is told by the first Fit.
    with suppress(Exception):
        import fitdash.jobs.build  # noqa: F401
        import fitdash.jobs.quotas  # noqa: F401

        gc.collect()
        gc.freeze()
