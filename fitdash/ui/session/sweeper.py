"""The `Sweeper` that runs the sweeps of this server, one for all browser tabs."""

import streamlit as st

from fitdash.sweeps.background import Sweeper
from fitdash.ui.session.server_resources import server_resources


@st.cache_resource(show_spinner=False)
def sweeper() -> Sweeper:
    """The sweeper of this server."""
    server = server_resources()
    return Sweeper(server.writer, server.settings.runs_at_once, server.settings)
