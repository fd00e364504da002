"""What a page is told of its run between two drawings: how far it is, its charts and their cursor, its words."""

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
"""Where epochs wait to be watched: of five a second each is shown by itself, and training is not held up by it."""
LEAST_SECONDS = 0.4
IDLE_SECONDS = 2.0
WAITING_SECONDS = 1.0
"""Of a run in the queue: nothing is to be seen before its turn has come."""
FULL_SECONDS = 0.5
"""At full speed it shows many epochs at once, and each time costs training that of some."""
LONG_SECONDS, LONG_RUN_SECONDS = 1.0, 60.0
"""The same of a run that takes so long, and how long: its curves go on by a sixtieth of their width, or less."""
LEARNED_AFTER = 1.8
"""Times as long between two looks at what the network has learned, which take longer to draw than all curves."""
SAID_SECONDS, SAID_FAST_SECONDS = 0.9, 5.0
"""Between two looks at what else is to be said, at a watchable pace and at full speed."""
REAP_SECONDS = 5.0
WATCHED_EPOCHS = 75
"""Of longer runs the watchable pace lets more than five a second pass."""
News = dict[str, Any]


def update_seconds(server: ServerResources, run: RunView) -> float:
    """Between two moments that a page shows."""
    if not run.is_active:
        return server.viewers.every(IDLE_SECONDS)
    if run.state == "queued":
        return server.viewers.every(WAITING_SECONDS)
    if not is_fast(server, run):
        return server.viewers.every(WATCHED_SECONDS if _waits(run) else LEAST_SECONDS)
    return server.viewers.every(LONG_SECONDS if planned_seconds(run) >= LONG_RUN_SECONDS else FULL_SECONDS)


def is_fast(server: ServerResources, run: RunView) -> bool:
    """Whether more epochs pass than can be watched one by one."""
    trains, (first, last) = server.runner.find(run.uid), run.planned
    pace = "full" if trains is None else trains.control.pace
    return pace == "full" or (pace == "watchable" and last - first >= WATCHED_EPOCHS)


def _waits(run: RunView) -> bool:
    """Whether its epochs mostly wait, and follow so soon on one another that some would be shown together otherwise."""
    every = seconds_per_epoch(run)
    if run.state != "running" or every is None or every > LEAST_SECONDS:
        return False
    return run.rows[-1].seconds < WATCHED_SECONDS / 2


def offer_updates(server: ServerResources, scene: ChartState) -> str | None:
    """Where the page asks for the news of what it shows; None where it has to be drawn for that."""
    give = partial(news, server, scene) if scene.run.is_active else partial(check_other_runs, server)
    return server.feeds.offer(page_state().secret, give)


def check_other_runs(server: ServerResources) -> News:
    """For a page whose run is over: "due" where something began in another tab or process, and nothing else."""
    revision = server.store.revision()  # told in microseconds
    if revision == page_state().revision:
        return {}
    due = _due(server, shown_run(server))
    if due is None:
        page_state().revision = revision
    return {"due": due}


def news(server: ServerResources, scene: ChartState) -> News:
    """The scene as it is by now, and "due" where more has changed than this can tell: then the page is to be drawn."""
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
    """Look now and then whether the process that trains a run is gone; whether that was done."""
    if not run.is_active or server.runner.find(run.uid) is not None or not server.due("reap", REAP_SECONDS):
        return False
    # Later is soon enough where the store is locked.
    with suppress(StoreError):
        server.store.reap()
    return True


def remember_messages(now: RunMessages) -> None:
    """What the page says from now on."""
    page = page_state()
    page.said, page.said_at, page.lacks = now, time.monotonic(), None


def rerun_what_changed(server: ServerResources) -> None:
    """What the page does when it was told that something is due, as a callback: only what has changed is drawn.

    Where nothing of this is, the fragment that asked is.
    """
    now, shown = _now(server, shown_run(server)), _shown()
    if now[:2] != shown[:2]:
        rerun_page()
    if now != shown:
        st.rerun([QUEUE, "live"] if page_state().lacks else [QUEUE])


def rerun_if_stale(server: ServerResources, run: RunView) -> None:
    """Draw the whole page again where it says of something what is no longer so."""
    if _now(server, run) != _shown():
        rerun_page()


def _ghost(server: ServerResources, scene: ChartState) -> RunView | None:
    """The run before, which may be on as well."""
    if scene.ghost is None:
        return None
    shown, watch = scene.ghost[0], page_state().ghost
    if not shown.is_active or watch is None or watch.uid != shown.uid:
        return shown
    return watch.read(server.store) or shown


def _learned(server: ServerResources, run: RunView) -> News:
    """What the network has learned, less often."""
    page, now = page_state(), time.monotonic()
    rests = LEARNED_AFTER * max(LEAST_SECONDS, update_seconds(server, run))
    if now < page.learned_at + rests or not learned.is_available(server, run):
        return {}
    page.learned_at = now
    # What keeps it from being shown is said by the drawing.
    with suppress(FitdashError):
        return learned.panel_updates(server, run)
    return {}


def _said(server: ServerResources, run: RunView) -> dict[str, LiveText]:
    """What else is to be said, less often too; where there is no place for it, the page is due to be drawn."""
    page, at = page_state(), time.monotonic()
    if (shown := page.said) is None:
        return {}
    is_calm = is_fast(server, run) and not shown.is_early
    if at < page.said_at + (SAID_FAST_SECONDS if is_calm else SAID_SECONDS):
        return {}
    now = collect_messages(server, run)
    if page.said is shown:  # else it was drawn meanwhile
        page.said_at, page.lacks = at, None if now.shape == shown.shape else _mark(now.shape)
    return dict(now.words)


def _due(server: ServerResources, run: RunView) -> str | None:
    """A mark of how things stand, where the page says otherwise: its buttons, which other run is on, the queue, what
    the curves show.
    """
    page, now = page_state(), _now(server, run)
    if page.drawn is None or (_shown() == now and page.lacks is None):
        return None
    return _mark((now, page.lacks))


def _mark(of: Any) -> str:
    return f"{zlib.crc32(repr(of).encode()):x}"


def _now(server: ServerResources, run: RunView) -> tuple[Any, ...]:
    """How things stand."""
    return button_state_of(server, run), find_other_active_run(server, run), waiting_uids(list_waiting_runs(server))


def _shown() -> tuple[Any, ...]:
    """How they stand on the page."""
    page = page_state()
    return page.drawn, page.other, page.queue
