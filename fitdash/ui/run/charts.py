"""Draws the curves of a run: one chart for the loss and each metric, with one epoch cursor for all."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from fitdash.charts.curves import MetricPanel
from fitdash.ui.components.live_components import (
    CHART_HEIGHT,
    PROJECTOR_HEIGHT,
    draw_epoch_cursor,
    draw_live_chart,
    draw_live_text,
)
from fitdash.ui.run import live_updates
from fitdash.ui.run.chart_state import ChartState, build_chart, build_panels, chart_key, chart_state_of, cursor_data
from fitdash.ui.run.previous_run import describe_comparison, previous_run
from fitdash.ui.run.run_messages import fair_loss_text
from fitdash.ui.session import style
from fitdash.ui.session.chart_options import ChartOptions, draw_chart_options, read_chart_options
from fitdash.ui.session.identity import own_run
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.state import page_state, pinned_epoch
from fitdash.ui.view_models.run_view import RunView

CURSOR = "cursor"


def draw(server: ServerResources, run: RunView, beside: Callable[[], None] | None = None) -> None:
    """Draws options, charts and cursor of one run.

    Args:
        beside: Draws what belongs to the epoch at the cursor, to the right of the charts, which then form one column.
    """
    with st.container(key="charts"):
        view = draw_chart_options(lambda: _wish_fair(server, run.uid))
        if view.fair and page_state().fair_of != run.uid:
            _wish_fair(server, run.uid)
        _draw(server, run, view, beside)


def _wish_fair(server: ServerResources, uid: str) -> None:
    """Passes the option to the run, if it is active and this visitor's."""
    page_state().fair_of = uid
    if run := own_run(server, uid):
        run.control.fair = read_chart_options().fair


def _draw(server: ServerResources, run: RunView, view: ChartOptions, beside: Callable[[], None] | None) -> None:
    if view.projector:
        style.apply_projector()
    previous = previous_run(server, run) if view.previous else None
    scene = chart_state_of(run, view, previous, pinned_epoch(run))
    with st.container(key="said", gap="xxsmall"):  # always there, so that a message remounts nothing below it
        if previous is not None:
            st.caption(describe_comparison(previous, run))
        if view.fair:
            draw_live_text(fair_loss_text(run), key="fair-cost")
    found = build_panels(scene)
    left, right = st.columns(2) if beside else (st.container(), None)
    with left:
        _grid(scene, found, across=1 if beside else 2)
    if beside and right:
        with right:
            beside()
    feed = {"feed": live_updates.offer_updates(server, scene), "seconds": live_updates.update_seconds(server, run)}
    draw_epoch_cursor(
        {**cursor_data(scene), **feed},
        key=CURSOR,
        on_change=partial(_moved, run.uid),
        on_due=partial(live_updates.rerun_what_changed, server),
    )


def _grid(scene: ChartState, found: Sequence[MetricPanel], across: int) -> None:
    """Draws the charts, `across` in a row."""
    if across == 1:  # no columns: each element drawn takes time from the run that trains
        for panel in found:
            with st.container(border=True):
                _chart(scene, panel)
        return
    for first in range(0, len(found), across):
        row = found[first : first + across]
        for place, panel in zip(st.columns(min(across, len(found))), row, strict=False):
            with place, st.container(border=True):
                _chart(scene, panel)


def _chart(scene: ChartState, panel: MetricPanel) -> None:
    height = PROJECTOR_HEIGHT if scene.view.projector else CHART_HEIGHT
    draw_live_chart(
        build_chart(scene, panel), key=chart_key(panel), height=height, metric=panel.metric, bold=scene.view.bold
    )


def _moved(uid: str) -> None:
    over = st.session_state[CURSOR]["epoch"]
    page_state().epoch_at = None if over is None else (uid, int(over) - 1)
