"""The Compare page from top to bottom, refreshed while runs train."""

import time

import streamlit as st

from fitdash.runs.protocol.events import ACTIVE
from fitdash.runs.record import sweeps
from fitdash.ui.compare import actions, charts, repeats, table
from fitdash.ui.session.action_errors import show_action_errors
from fitdash.ui.session.identity import visitor_id
from fitdash.ui.session.server_resources import ServerResources

EVERY_SECONDS = 1.0


def compare_view(server: ServerResources) -> None:
    """Draws the table of runs, and actions and charts of the chosen ones."""
    whose = visitor_id(server)
    is_live = bool(server.store.lines(owner=whose, states=ACTIVE, limit=1))
    # Repeats that have just been started have no run yet.
    is_live = is_live or any(one.is_active for one in sweeps.all_sweeps(server.store, owner=whose))
    every = server.viewers.every(EVERY_SECONDS)
    st.fragment(_compare, run_every=every if is_live else None, key="compare")(server)


def _compare(server: ServerResources) -> None:
    if st.session_state.pop(repeats.BEGUN, False):
        st.rerun()  # the refresh interval is set where the whole page runs
    server.viewers.here(time.monotonic())
    records = server.store.runs(owner=visitor_id(server))
    if not records:
        st.info("There is no run yet. Train one: it is kept, and can be compared with the next.")
        actions.offer_undo(server)
        show_action_errors(actions.PLACE)
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="filter"):
        shown = table.filter_runs(records)
        metric = table.choose_metric(shown)
    chosen = table.draw_table(shown, metric)
    actions.draw(server, chosen, metric)
    actions.draw_differences(chosen)
    if chosen and metric is not None:
        charts.draw_curves(server.store, chosen, metric)
        repeats.draw(server.store, shown, chosen, metric)
        charts.draw_settings_charts(chosen, metric)
