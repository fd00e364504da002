"""The Compare page from top to bottom; drawn again while runs train."""

import time

import streamlit as st

from fitdash.runs.protocol.events import ACTIVE
from fitdash.runs.record import sweeps
from fitdash.ui.compare import actions, charts, repeats, table
from fitdash.ui.session.action_errors import complain
from fitdash.ui.session.identity import visitor
from fitdash.ui.session.server_resources import Desk

EVERY_SECONDS = 1.0


def compare(desk: Desk) -> None:
    """The table and what is made of the chosen runs."""
    whose = visitor(desk)
    is_live = bool(desk.store.lines(owner=whose, states=ACTIVE, limit=1))
    # Of repeats that have just begun no run is there yet.
    is_live = is_live or any(one.is_active for one in sweeps.all_sweeps(desk.store, owner=whose))
    every = desk.viewers.every(EVERY_SECONDS)
    st.fragment(_compare, run_every=every if is_live else None, key="compare")(desk)


def _compare(desk: Desk) -> None:
    if st.session_state.pop(repeats.BEGUN, False):
        st.rerun()  # how often this is drawn is decided with the whole page
    desk.viewers.here(time.monotonic())
    records = desk.store.runs(owner=visitor(desk))
    if not records:
        st.info("There is no run yet. Train one: it is kept, and can be compared with the next.")
        actions.offer_undo(desk)
        complain(actions.PLACE)
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="filter"):
        shown = table.filtered(records)
        metric = table.metric_of(shown)
    chosen = table.table(shown, metric)
    actions.draw(desk, chosen, metric)
    actions.differences(chosen)
    if chosen and metric is not None:
        charts.curves(desk.store, chosen, metric)
        repeats.draw(desk.store, shown, chosen, metric)
        charts.settings_against(chosen, metric)
