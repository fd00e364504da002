"""The store, the writer and the runner of this server: one of each, for all sessions."""

import gc
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from fitdash.runs.runner import Runner
from fitdash.runs.store import Store
from fitdash.runs.writer import Writer

GONE_SECONDS = 15.0


@dataclass
class Viewers:
    """Who is looking: the more there are, the slower each page refreshes."""

    seen: dict[str, float] = field(default_factory=dict)

    def here(self, now: float) -> None:
        """Note that this session looks, and forget those that stopped."""
        context = get_script_run_ctx()
        self.seen = {name: at for name, at in self.seen.items() if now - at < GONE_SECONDS}
        self.seen[context.session_id if context else ""] = now

    def count(self) -> int:
        """Sessions that looked lately, this one at least."""
        return max(1, sum(time.monotonic() - at < GONE_SECONDS for at in list(self.seen.values())))


@dataclass(frozen=True)
class Desk:
    """What pages ask for runs."""

    store: Store
    writer: Writer
    runner: Runner
    viewers: Viewers = field(default_factory=Viewers)


# Tiny and stable: editing it while a run is on would leave that run unseen.
@st.cache_resource(show_spinner=False)
def desk() -> Desk:
    """The desk; what dead processes left running is marked interrupted."""
    store = Store()
    store.reap()
    writer = Writer(store)
    return Desk(store, writer, Runner(writer))


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Import what the first Fit needs while the reader looks at the page that was drawn."""
    thread = threading.Thread(target=_import_and_freeze, name="fitdash-warm-up", daemon=True)
    thread.start()
    return thread


def _import_and_freeze() -> None:
    """What was imported stays, so that no collection looks at it again."""
    # The server may end in the middle of it; whatever else goes wrong is told by the first Fit.
    with suppress(Exception):
        import fitdash.build  # noqa: F401

        gc.collect()
        gc.freeze()
