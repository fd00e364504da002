"""A sweep that is over can be deleted, with the runs of its trials or without, and brought back."""

import streamlit as st

from fitdash.errors import StoreError
from fitdash.runs.record import sweeps
from fitdash.runs.record.sweeps import SweepRecord
from fitdash.ui.session.action_errors import run_action, show_action_errors
from fitdash.ui.session.identity import is_own
from fitdash.ui.session.server_resources import ServerResources

PLACE = "sweep"
"""Where the page says what was not done."""


def draw_delete_button(server: ServerResources, record: SweepRecord) -> None:
    """Its way out: what goes with it is chosen, and said on the button."""
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
        show_action_errors(place)  # here: what opens over the page would hide it there


def offer_undo(server: ServerResources) -> None:
    """A button that brings back the sweep that was deleted last, where one was; on a server of many, nobody's."""
    if not server.is_shared and sweeps.all_sweeps(server.store, deleted=True):
        st.button(
            "Undo delete",
            key="undelete_sweep",
            icon=":material/undo:",
            on_click=run_action,
            args=[PLACE, "The sweep could not be brought back", server.store.undelete, "sweeps"],
        )


def _delete(server: ServerResources, uid: str, with_runs: bool) -> None:
    # A browser can press what another visitor's page has.
    if not is_own(server, sweeps.find_sweep(server.store, uid).owner):
        raise StoreError("A sweep must be your own for that, got another visitor's.")
    sweeps.delete_sweeps(server.store, [uid], with_runs=with_runs)
