"""The sweeps of this server: one Sweeper for all browser tabs."""

import streamlit as st

from fitdash.sweeps.background import Sweeper
from fitdash.ui.session.server_resources import desk


@st.cache_resource(show_spinner=False)
def sweeper() -> Sweeper:
    """One for this server."""
    made = desk()
    return Sweeper(made.writer, made.settings.runs_at_once, made.settings)
