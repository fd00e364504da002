"""Resumes sweeps that the end of a server interrupted, when their owner opens the page."""

import math

import streamlit as st

from fitdash.runs.record import sweeps
from fitdash.runs.record.sweeps import SweepRecord
from fitdash.sweeps.coordinator import MOST_ATTEMPTS
from fitdash.ui.session.action_errors import try_action
from fitdash.ui.session.identity import visitor_id
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.sweeper import sweeper
from fitdash.ui.sweep.deletion import PLACE

NOT_ON = "The sweep could not go on"


def resume_cut_off_sweeps(server: ServerResources) -> None:
    """Resumes each interrupted sweep once per server, except those that may have ended the server themselves."""
    for record in sweeps.all_sweeps(server.store, owner=visitor_id(server)):
        if record.was_cut_off and not _is_dangerous(server, record) and server.due(_mark(record), math.inf):
            try_action(PLACE, NOT_ON, sweeper().go_on, record.uid)


def show_resume_note(server: ServerResources, record: SweepRecord) -> None:
    """Draws that an interrupted sweep was resumed, or why it was not."""
    if record.is_active and _mark(record) in server.done:
        st.caption("The server ended meanwhile; the sweep has gone on by itself where it was.")
    elif record.was_cut_off and _is_dangerous(server, record):
        why = f"{MOST_ATTEMPTS} times the server ended while the same trial trained"
        st.caption(f":orange[It does not go on by itself: {why}.]")


def _is_dangerous(server: ServerResources, record: SweepRecord) -> bool:
    return sweeps.most_interrupted_attempts(server.store.runs(sweep=record.uid)) >= MOST_ATTEMPTS


def _mark(record: SweepRecord) -> str:
    return f"take up {record.uid}"
