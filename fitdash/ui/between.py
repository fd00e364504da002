"""What a page is told of its run between two drawings: how far it is, its charts and their cursor."""

import time
import zlib
from contextlib import suppress
from functools import partial
from typing import Any

from fitdash.errors import FitdashError
from fitdash.ui import understanding
from fitdash.ui.live_chart import told
from fitdash.ui.progress import told_progress
from fitdash.ui.resources import Desk
from fitdash.ui.scene import Scene, cursor, drawn, key_of, picture, scene_of
from fitdash.ui.snapshot import Snapshot
from fitdash.ui.state import state
from fitdash.ui.steer import standing
from fitdash.ui.visitor import may_see

LEAST_SECONDS = 0.4
LEARNED_SECONDS = 0.9
FULL_SECONDS = 0.5
"""At full speed it shows many epochs at once, and each time costs training that of some."""
WATCHED_EPOCHS = 75
"""Of longer runs the watchable pace lets more than five a second pass."""
News = dict[str, Any]


def seconds(desk: Desk, run: Snapshot) -> float:
    """Between two moments that a page shows: where epochs wait to be watched, none brings more than three new ones."""
    return desk.viewers.every(FULL_SECONDS if is_fast(desk, run) else LEAST_SECONDS)


def is_fast(desk: Desk, run: Snapshot) -> bool:
    """Whether more epochs pass than can be watched one by one."""
    trains, (first, last) = desk.runner.find(run.uid), run.planned
    pace = "full" if trains is None else trains.control.pace
    return pace == "full" or (pace == "watchable" and last - first >= WATCHED_EPOCHS)


def offered(desk: Desk, scene: Scene) -> str | None:
    """Where the page asks for the news of what it shows; None where nothing comes, or it has to be drawn for that."""
    if not scene.run.is_active:
        desk.feeds.withdraw(state().secret)
        return None
    return desk.feeds.offer(state().secret, partial(news, desk, scene))


def news(desk: Desk, scene: Scene) -> News:
    """The scene as it is by now, and "due" where more has changed than this can tell: then the page is to be drawn."""
    watch = state().watch
    run = watch.read(desk.store) if watch is not None and watch.uid == scene.run.uid else None
    if run is None or not may_see(desk, run):
        return {"due": "gone"}
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
    """A mark of how the run stands, where the buttons that are on the page stand otherwise."""
    before, now = state().drawn, standing(desk, run)
    return None if before is None or before == now else f"{zlib.crc32(repr(now).encode()):x}"
