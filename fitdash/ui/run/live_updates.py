"""What a page is told of its run between two drawings: how far it is, its charts and their cursor, its words."""

import time
import zlib
from contextlib import suppress
from functools import partial
from typing import Any

import streamlit as st

from fitdash.errors import FitdashError, StoreError
from fitdash.ui.components.live_components import Words, told
from fitdash.ui.learned import panel as learned
from fitdash.ui.run.chart_state import Scene, cursor, drawn, key_of, picture, scene_of
from fitdash.ui.run.queue import KEY as QUEUE
from fitdash.ui.run.run_controls import places, places_told, standing
from fitdash.ui.run.run_messages import Said, log_words, said
from fitdash.ui.session.identity import may_see
from fitdash.ui.session.server_resources import Desk
from fitdash.ui.session.state import begun_elsewhere, draw_again, shown_run, state
from fitdash.ui.view_models.run_progress import seconds_per_epoch, told_progress, whole_seconds
from fitdash.ui.view_models.run_view import Snapshot

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


def seconds(desk: Desk, run: Snapshot) -> float:
    """Between two moments that a page shows."""
    if not run.is_active:
        return desk.viewers.every(IDLE_SECONDS)
    if run.state == "queued":
        return desk.viewers.every(WAITING_SECONDS)
    if not is_fast(desk, run):
        return desk.viewers.every(WATCHED_SECONDS if _waits(run) else LEAST_SECONDS)
    return desk.viewers.every(LONG_SECONDS if whole_seconds(run) >= LONG_RUN_SECONDS else FULL_SECONDS)


def is_fast(desk: Desk, run: Snapshot) -> bool:
    """Whether more epochs pass than can be watched one by one."""
    trains, (first, last) = desk.runner.find(run.uid), run.planned
    pace = "full" if trains is None else trains.control.pace
    return pace == "full" or (pace == "watchable" and last - first >= WATCHED_EPOCHS)


def _waits(run: Snapshot) -> bool:
    """Whether its epochs mostly wait, and follow so soon on one another that some would be shown together otherwise."""
    every = seconds_per_epoch(run)
    if run.state != "running" or every is None or every > LEAST_SECONDS:
        return False
    return run.rows[-1].seconds < WATCHED_SECONDS / 2


def offered(desk: Desk, scene: Scene) -> str | None:
    """Where the page asks for the news of what it shows; None where it has to be drawn for that."""
    give = partial(news, desk, scene) if scene.run.is_active else partial(elsewhere, desk)
    return desk.feeds.offer(state().secret, give)


def elsewhere(desk: Desk) -> News:
    """For a page whose run is over: "due" where something began in another tab or process, and nothing else."""
    revision = desk.store.revision()  # told in microseconds
    if revision == state().revision:
        return {}
    due = _due(desk, shown_run(desk))
    if due is None:
        state().revision = revision
    return {"due": due}


def news(desk: Desk, scene: Scene) -> News:
    """The scene as it is by now, and "due" where more has changed than this can tell: then the page is to be drawn."""
    watch = state().watch
    run = watch.read(desk.store) if watch is not None and watch.uid == scene.run.uid else None
    if run is None or not may_see(desk, run):
        return {"due": "gone"}
    if run.state != "queued":
        desk.viewers.here(time.monotonic())
    reaped(desk, run)
    now = scene_of(run, scene.view, _ghost(desk, scene), scene.held)
    learned = _learned(desk, run)
    charts = {key_of(panel): told(picture(now, panel)) for panel in drawn(now)}
    words = {"log-lines": log_words(run), **_said(desk, run)}
    return {
        "due": _due(desk, run),
        "seconds": seconds(desk, run),
        "progress": told_progress(run),
        "charts": charts | learned.get("charts", {}),
        "words": {key: told(one) for key, one in words.items()} | learned.get("words", {}),
        "cursor": cursor(now),
    }


def reaped(desk: Desk, run: Snapshot) -> bool:
    """Look now and then whether the process that trains a run is gone; whether that was done."""
    if not run.is_active or desk.runner.find(run.uid) is not None or not desk.due("reap", REAP_SECONDS):
        return False
    # Later is soon enough where the store is locked.
    with suppress(StoreError):
        desk.store.reap()
    return True


def note_said(now: Said) -> None:
    """What the page says from now on."""
    page = state()
    page.said, page.said_at, page.lacks = now, time.monotonic(), None


def follow(desk: Desk) -> None:
    """What the page does when it was told that something is due, as a callback: only what has changed is drawn.

    Where nothing of this is, the fragment that asked is.
    """
    now, shown = _now(desk, shown_run(desk)), _shown()
    if now[:2] != shown[:2]:
        draw_again()
    if now != shown:
        st.rerun([QUEUE, "live"] if state().lacks else [QUEUE])


def check(desk: Desk, run: Snapshot) -> None:
    """Draw the whole page again where it says of something what is no longer so."""
    if _now(desk, run) != _shown():
        draw_again()


def _ghost(desk: Desk, scene: Scene) -> Snapshot | None:
    """The run before, which may be on as well."""
    if scene.ghost is None:
        return None
    shown, watch = scene.ghost[0], state().ghost
    if not shown.is_active or watch is None or watch.uid != shown.uid:
        return shown
    return watch.read(desk.store) or shown


def _learned(desk: Desk, run: Snapshot) -> News:
    """What the network has learned, less often."""
    page, now = state(), time.monotonic()
    rests = LEARNED_AFTER * max(LEAST_SECONDS, seconds(desk, run))
    if now < page.learned_at + rests or not learned.is_there(desk, run):
        return {}
    page.learned_at = now
    # What keeps it from being shown is said by the drawing.
    with suppress(FitdashError):
        return learned.news(desk, run)
    return {}


def _said(desk: Desk, run: Snapshot) -> dict[str, Words]:
    """What else is to be said, less often too; where there is no place for it, the page is due to be drawn."""
    page, at = state(), time.monotonic()
    if (shown := page.said) is None:
        return {}
    is_calm = is_fast(desk, run) and not shown.is_early
    if at < page.said_at + (SAID_FAST_SECONDS if is_calm else SAID_SECONDS):
        return {}
    now = said(desk, run)
    if page.said is shown:  # else it was drawn meanwhile
        page.said_at, page.lacks = at, None if now.shape == shown.shape else _mark(now.shape)
    return dict(now.words)


def _due(desk: Desk, run: Snapshot) -> str | None:
    """A mark of how things stand, where the page says otherwise: its buttons, which other run is on, the queue, what
    the curves show.
    """
    page, now = state(), _now(desk, run)
    if page.drawn is None or (_shown() == now and page.lacks is None):
        return None
    return _mark((now, page.lacks))


def _mark(of: Any) -> str:
    return f"{zlib.crc32(repr(of).encode()):x}"


def _now(desk: Desk, run: Snapshot) -> tuple[Any, ...]:
    """How things stand."""
    return standing(desk, run), begun_elsewhere(desk, run), places_told(places(desk))


def _shown() -> tuple[Any, ...]:
    """How they stand on the page."""
    page = state()
    return page.drawn, page.other, page.queue
