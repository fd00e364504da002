"""What a page is told of its run between two drawings: how far it is, its charts and their cursor."""

import time
import zlib
from contextlib import suppress
from functools import partial
from typing import Any

import streamlit as st

from fitdash.errors import FitdashError
from fitdash.ui import understanding
from fitdash.ui.live_chart import told
from fitdash.ui.progress import told_progress
from fitdash.ui.queue import KEY as QUEUE
from fitdash.ui.resources import Desk
from fitdash.ui.scene import Scene, cursor, drawn, key_of, picture, scene_of
from fitdash.ui.snapshot import Snapshot
from fitdash.ui.state import begun_elsewhere, draw_again, shown_run, state
from fitdash.ui.steer import places, places_told, standing
from fitdash.ui.visitor import may_see

LEAST_SECONDS = 0.4
IDLE_SECONDS = 2.0
WAITING_SECONDS = 1.0
"""Of a run in the queue: nothing is to be seen before its turn has come."""
LEARNED_SECONDS = 0.9
FULL_SECONDS = 0.5
"""At full speed it shows many epochs at once, and each time costs training that of some."""
WATCHED_EPOCHS = 75
"""Of longer runs the watchable pace lets more than five a second pass."""
News = dict[str, Any]


def seconds(desk: Desk, run: Snapshot) -> float:
    """Between two moments that a page shows: where epochs wait to be watched, none brings more than three new ones."""
    if not run.is_active:
        return desk.viewers.every(IDLE_SECONDS)
    if run.state == "queued":
        return desk.viewers.every(WAITING_SECONDS)
    return desk.viewers.every(FULL_SECONDS if is_fast(desk, run) else LEAST_SECONDS)


def is_fast(desk: Desk, run: Snapshot) -> bool:
    """Whether more epochs pass than can be watched one by one."""
    trains, (first, last) = desk.runner.find(run.uid), run.planned
    pace = "full" if trains is None else trains.control.pace
    return pace == "full" or (pace == "watchable" and last - first >= WATCHED_EPOCHS)


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
    ghost = None if scene.ghost is None else scene.ghost[0]
    now = scene_of(run, scene.view, ghost, scene.held)
    learned = _learned(desk, run)
    charts = {key_of(panel): told(picture(now, panel)) for panel in drawn(now)}
    return {
        "due": _due(desk, run),
        "progress": told_progress(run),
        "charts": charts | learned.get("charts", {}),
        "words": learned.get("words", {}),
        "cursor": cursor(now),
    }


def follow(desk: Desk) -> None:
    """What the page does when it was told that something is due, as a callback: only what has changed is drawn.

    Where nothing of this is, the fragment that asked is.
    """
    now, shown = _now(desk, shown_run(desk)), _shown()
    if now[:2] != shown[:2]:
        draw_again()
    if now != shown:
        st.rerun([QUEUE])


def check(desk: Desk, run: Snapshot) -> None:
    """Draw the whole page again where it says of something what is no longer so."""
    if _now(desk, run) != _shown():
        draw_again()


def _learned(desk: Desk, run: Snapshot) -> News:
    """What the network has learned, less often: it takes longer to draw than all curves."""
    page, now = state(), time.monotonic()
    if now < page.learned_at + LEARNED_SECONDS or not understanding.is_there(desk, run):
        return {}
    page.learned_at = now
    # What keeps it from being shown is said by the drawing.
    with suppress(FitdashError):
        return understanding.news(desk, run)
    return {}


def _due(desk: Desk, run: Snapshot) -> str | None:
    """A mark of how things stand, where the page says otherwise: its buttons, which other run is on, the queue."""
    now = _now(desk, run)
    return None if state().drawn is None or _shown() == now else f"{zlib.crc32(repr(now).encode()):x}"


def _now(desk: Desk, run: Snapshot) -> tuple[Any, ...]:
    """How things stand."""
    return standing(desk, run), begun_elsewhere(desk, run), places_told(places(desk))


def _shown() -> tuple[Any, ...]:
    """How they stand on the page."""
    page = state()
    return page.drawn, page.other, page.queue
