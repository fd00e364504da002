"""Live updates of a run's page between two reruns: progress, charts, cursor and messages; and how often they come."""

import time
import zlib
from contextlib import suppress
from functools import partial
from typing import Any

import streamlit as st

from fitdash.errors import FitdashError, StoreError
from fitdash.ui.components.live_components import LiveText, to_browser
from fitdash.ui.learned import panel as learned
from fitdash.ui.run.chart_state import ChartState, build_chart, build_panels, chart_key, chart_state_of, cursor_data
from fitdash.ui.run.queue import KEY as QUEUE
from fitdash.ui.run.run_controls import button_state_of, list_waiting_runs, waiting_uids
from fitdash.ui.run.run_messages import RunMessages, collect_messages, log_text
from fitdash.ui.session.identity import may_see
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.state import find_other_active_run, page_state, rerun_page, shown_run
from fitdash.ui.view_models.run_progress import planned_seconds, progress_to_browser, seconds_per_epoch
from fitdash.ui.view_models.run_view import RunView

WATCHED_SECONDS = 0.2
"""At a watchable pace: at five epochs a second each one is shown, and training is not slowed down."""
LEAST_SECONDS = 0.4
IDLE_SECONDS = 2.0
WAITING_SECONDS = 1.0
"""For a run in the queue, which has nothing to show yet."""
FULL_SECONDS = 0.5
"""At full speed: one update shows many epochs, and takes training the time of several."""
LONG_SECONDS, LONG_RUN_SECONDS = 1.0, 60.0
"""The same for a run of at least this many seconds: an update moves its curves by a sixtieth of their width or less."""
LEARNED_AFTER = 1.8
"""Factor for the learned panel, which takes longer to draw than all curves."""
SAID_SECONDS, SAID_FAST_SECONDS = 0.9, 5.0
"""Between two collections of the messages, at a watchable pace and at full speed."""
REAP_SECONDS = 5.0
WATCHED_EPOCHS = 75
"""For runs of more epochs, the watchable pace trains more than five epochs a second."""
News = dict[str, Any]


def update_seconds(server: ServerResources, run: RunView) -> float:
    """Seconds between two live updates of this run."""
    if not run.is_active:
        return server.viewers.every(IDLE_SECONDS)
    if run.state == "queued":
        return server.viewers.every(WAITING_SECONDS)
    if not is_fast(server, run):
        return server.viewers.every(WATCHED_SECONDS if _waits(run) else LEAST_SECONDS)
    return server.viewers.every(LONG_SECONDS if planned_seconds(run) >= LONG_RUN_SECONDS else FULL_SECONDS)


def is_fast(server: ServerResources, run: RunView) -> bool:
    """True if epochs end too fast to be shown one by one."""
    trains, (first, last) = server.runner.find(run.uid), run.planned
    pace = "full" if trains is None else trains.control.pace
    return pace == "full" or (pace == "watchable" and last - first >= WATCHED_EPOCHS)


def _waits(run: RunView) -> bool:
    """True if the epochs mostly wait for the pace, and so close together that slower updates would skip some."""
    every = seconds_per_epoch(run)
    if run.state != "running" or every is None or every > LEAST_SECONDS:
        return False
    return run.rows[-1].seconds < WATCHED_SECONDS / 2


def offer_updates(server: ServerResources, scene: ChartState) -> str | None:
    """URL that the page polls for updates of these charts; None if the page must rerun instead."""
    give = partial(news, server, scene) if scene.run.is_active else partial(check_other_runs, server)
    return server.feeds.offer(page_state().secret, give)


def check_other_runs(server: ServerResources) -> News:
    """Update of a page whose run has ended: only "due", set if a run began in another tab or process."""
    revision = server.store.revision()  # takes microseconds
    if revision == page_state().revision:
        return {}
    due = _due(server, shown_run(server))
    if due is None:
        page_state().revision = revision
    return {"due": due}


def news(server: ServerResources, scene: ChartState) -> News:
    """Update of an active run's page: charts, messages and cursor; "due" is set if the page must rerun instead."""
    watch = page_state().watch
    run = watch.read(server.store) if watch is not None and watch.uid == scene.run.uid else None
    if run is None or not may_see(server, run):
        return {"due": "gone"}
    if run.state != "queued":
        server.viewers.here(time.monotonic())
    reap_dead_runs(server, run)
    now = chart_state_of(run, scene.view, _ghost(server, scene), scene.held)
    learned = _learned(server, run)
    charts = {chart_key(panel): to_browser(build_chart(now, panel)) for panel in build_panels(now)}
    words = {"log-lines": log_text(run), **_said(server, run)}
    return {
        "due": _due(server, run),
        "seconds": update_seconds(server, run),
        "progress": progress_to_browser(run),
        "charts": charts | learned.get("charts", {}),
        "words": {key: to_browser(one) for key, one in words.items()} | learned.get("words", {}),
        "cursor": cursor_data(now),
    }


def reap_dead_runs(server: ServerResources, run: RunView) -> bool:
    """Marks runs of dead processes as interrupted, every few seconds while another process trains this run.

    Returns:
        True if it was done now.
    """
    if not run.is_active or server.runner.find(run.uid) is not None or not server.due("reap", REAP_SECONDS):
        return False
    # If the store is locked, the next attempt does it.
    with suppress(StoreError):
        server.store.reap()
    return True


def remember_messages(now: RunMessages) -> None:
    """Notes the messages that the page has just drawn."""
    page = page_state()
    page.said, page.said_at, page.lacks = now, time.monotonic(), None


def rerun_what_changed(server: ServerResources) -> None:
    """Callback of an update that was "due": reruns only the parts of the page that have changed.

    If none of them has, Streamlit reruns the fragment of the callback by itself.
    """
    now, shown = _now(server, shown_run(server)), _shown()
    if now[:2] != shown[:2]:
        rerun_page()
    if now != shown:
        st.rerun([QUEUE, "live"] if page_state().lacks else [QUEUE])


def rerun_if_stale(server: ServerResources, run: RunView) -> None:
    """Reruns the whole page if its buttons, its other run or its queue are out of date."""
    if _now(server, run) != _shown():
        rerun_page()


def _ghost(server: ServerResources, scene: ChartState) -> RunView | None:
    """The previous run, read again if it is active as well."""
    if scene.ghost is None:
        return None
    shown, watch = scene.ghost[0], page_state().ghost
    if not shown.is_active or watch is None or watch.uid != shown.uid:
        return shown
    return watch.read(server.store) or shown


def _learned(server: ServerResources, run: RunView) -> News:
    """Update of the learned panel; empty if it is too soon for one."""
    page, now = page_state(), time.monotonic()
    rests = LEARNED_AFTER * max(LEAST_SECONDS, update_seconds(server, run))
    if now < page.learned_at + rests or not learned.is_available(server, run):
        return {}
    page.learned_at = now
    # The next rerun of the panel shows the error.
    with suppress(FitdashError):
        return learned.panel_updates(server, run)
    return {}


def _said(server: ServerResources, run: RunView) -> dict[str, LiveText]:
    """The messages; empty if it is too soon. Without a line for one of them the page is marked as due for a rerun."""
    page, at = page_state(), time.monotonic()
    if (shown := page.said) is None:
        return {}
    is_calm = is_fast(server, run) and not shown.is_early
    if at < page.said_at + (SAID_FAST_SECONDS if is_calm else SAID_SECONDS):
        return {}
    now = collect_messages(server, run)
    if page.said is shown:  # else the page was drawn meanwhile
        page.said_at, page.lacks = at, None if now.shape == shown.shape else _mark(now.shape)
    return dict(now.words)


def _due(server: ServerResources, run: RunView) -> str | None:
    """Digest of the current state if the page is out of date: buttons, other active run, queue, kinds of messages."""
    page, now = page_state(), _now(server, run)
    if page.drawn is None or (_shown() == now and page.lacks is None):
        return None
    return _mark((now, page.lacks))


def _mark(of: Any) -> str:
    return f"{zlib.crc32(repr(of).encode()):x}"


def _now(server: ServerResources, run: RunView) -> tuple[Any, ...]:
    """Buttons, other active run and queue as they are now."""
    return button_state_of(server, run), find_other_active_run(server, run), waiting_uids(list_waiting_runs(server))


def _shown() -> tuple[Any, ...]:
    """The same as the page has drawn them."""
    page = page_state()
    return page.drawn, page.other, page.queue
