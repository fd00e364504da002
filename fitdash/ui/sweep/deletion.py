"""Deletes a sweep that has ended, with or without the runs of its trials, and restores it."""

import streamlit as st

from fitdash.errors import StoreError
from fitdash.runs.record import sweeps
from fitdash.runs.record.sweeps import SweepRecord
from fitdash.ui.session.action_errors import run_action, show_action_errors
from fitdash.ui.session.identity import is_own
from fitdash.ui.session.server_resources import ServerResources

PLACE = "sweep"
"""Where the page shows errors of these actions."""


def draw_delete_button(server: ServerResources, record: SweepRecord) -> None:
    """Draws the popover that deletes the sweep; its button says how many runs are deleted with it."""
    on = record.is_active
    why = "Stop it first." if on else None if server.is_shared else "Undo brings back what was deleted."
    place = f"delete-{record.uid}"
    with st.popover("Delete", icon=":material/delete:", disabled=on, help=why):
        count = sweeps.run_counts(server.store).get(record.uid, 0)
        runs = f"{count:,} run{'' if count == 1 else 's'}"
        with_runs = st.toggle(f"its {runs} too", value=True, key=f"delete_runs.{record.uid}", disabled=not count)
        label = "Delete the sweep"
        if count:
            label += f" and {runs}" if with_runs else f", keep {runs}"
        st.button(
            label,
            key="delete_sweep",
            type="primary",
            disabled=on,
            on_click=run_action,
            args=[place, "The sweep could not be deleted", _delete, server, record.uid, with_runs],
        )
        show_action_errors(place)  # here: the open popover would hide it on the page


def offer_undo(server: ServerResources) -> None:
    """Draws a button that restores the sweep deleted last, if there is one; never on a shared server."""
    if not server.is_shared and sweeps.all_sweeps(server.store, deleted=True):
        st.button(
            "Undo delete",
            key="undelete_sweep",
            icon=":material/undo:",
            on_click=run_action,
            args=[PLACE, "The sweep could not be brought back", server.store.undelete, "sweeps"],
        )


def _delete(server: ServerResources, uid: str, with_runs: bool) -> None:
    # A browser can press a button of another visitor's page.
    if not is_own(server, sweeps.find_sweep(server.store, uid).owner):
        raise StoreError("A sweep must be your own for that, got another visitor's.")
    sweeps.delete_sweeps(server.store, [uid], with_runs=with_runs)
