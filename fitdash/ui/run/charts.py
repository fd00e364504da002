"""The curves of a run: one chart for the loss and each metric, one cursor for all of them."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from fitdash.charts.curves import Panel
from fitdash.ui.components.live_components import HEIGHT, TALL, live_cursor, live_picture, live_words
from fitdash.ui.run import live_updates
from fitdash.ui.run.chart_state import Scene, cursor, drawn, key_of, picture, scene_of
from fitdash.ui.run.previous_run import comparison, previous_run
from fitdash.ui.run.run_messages import fair_words
from fitdash.ui.session import style
from fitdash.ui.session.chart_options import View, options, view
from fitdash.ui.session.identity import own_run
from fitdash.ui.session.server_resources import Desk
from fitdash.ui.session.state import held_epoch, state
from fitdash.ui.view_models.run_view import Snapshot

CURSOR = "cursor"


def draw(desk: Desk, run: Snapshot, beside: Callable[[], None] | None = None) -> None:
    """Options, charts and cursor of one run.

    Args:
        beside: Draws what belongs to the epoch at the cursor, at the right of the charts, which then stand in a column.
    """
    with st.container(key="charts"):
        view = options(lambda: _wish_fair(desk, run.uid))
        if view.fair and state().fair_of != run.uid:
            _wish_fair(desk, run.uid)
        _draw(desk, run, view, beside)


def _wish_fair(desk: Desk, uid: str) -> None:
    """Hand the switch to the run, if it is on and this visitor's."""
    state().fair_of = uid
    if run := own_run(desk, uid):
        run.control.fair = view().fair


def _draw(desk: Desk, run: Snapshot, view: View, beside: Callable[[], None] | None) -> None:
    if view.projector:
        style.projector()
    previous = previous_run(desk, run) if view.previous else None
    scene = scene_of(run, view, previous, held_epoch(run))
    with st.container(key="said", gap="xxsmall"):  # always there, so that nothing below is made anew when it speaks
        if previous is not None:
            st.caption(comparison(previous, run))
        if view.fair:
            live_words(fair_words(run), key="fair-cost")
    found = drawn(scene)
    left, right = st.columns(2) if beside else (st.container(), None)
    with left:
        _grid(scene, found, across=1 if beside else 2)
    if beside and right:
        with right:
            beside()
    feed = {"feed": live_updates.offered(desk, scene), "seconds": live_updates.seconds(desk, run)}
    live_cursor(
        {**cursor(scene), **feed},
        key=CURSOR,
        on_change=partial(_moved, run.uid),
        on_due=partial(live_updates.follow, desk),
    )


def _grid(scene: Scene, found: Sequence[Panel], across: int) -> None:
    """The charts, so many in a row."""
    if across == 1:  # no columns: each thing that is drawn costs the run that is on
        for panel in found:
            with st.container(border=True):
                _chart(scene, panel)
        return
    for first in range(0, len(found), across):
        row = found[first : first + across]
        for place, panel in zip(st.columns(min(across, len(found))), row, strict=False):
            with place, st.container(border=True):
                _chart(scene, panel)


def _chart(scene: Scene, panel: Panel) -> None:
    height = TALL if scene.view.projector else HEIGHT
    live_picture(picture(scene, panel), key=key_of(panel), height=height, metric=panel.metric, bold=scene.view.bold)


def _moved(uid: str) -> None:
    over = st.session_state[CURSOR]["epoch"]
    state().epoch_at = None if over is None else (uid, int(over) - 1)
