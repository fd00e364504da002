"""Notice that a run was trained together with others in one program, with a button that repeats it alone."""

import streamlit as st

from fitdash.ui.run.run_controls import NOT_AGAIN, train_again
from fitdash.ui.session.action_errors import run_action
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.view_models.run_view import RunView


def draw(server: ServerResources, run: RunView) -> None:
    """Draws the notice; nothing for a run that was trained alone."""
    count = run.params.get("together")
    if not count:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            f"Trained together with {count - 1} others in one program: its numbers are those of a run alone to about "
            "four digits.",
            width="content",
        )
        st.button(
            "Repeat alone",
            key="repeat_alone",
            icon=":material/replay:",
            disabled=run.is_active or run.experiment is None,
            help="Trains the same settings from the same initial weights as a new run, by itself: its exact numbers.",
            on_click=run_action,
            args=["run", NOT_AGAIN, train_again, server, run.uid],
        )
