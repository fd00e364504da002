"""What people ask of a page: done, or said why not; one way for all that is written to the record."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from fitdash.errors import FitdashError, UnwritableError
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.state import page_state
from fitdash.ui.view_models.formatting import escape_markdown


def run_action(place: str, undone: str, do: Callable[..., Any], *args: Any) -> None:
    """Do it when it is pressed; see `was_done`."""
    try_action(place, undone, do, *args)


def try_action(place: str, undone: str, do: Callable[..., Any], *args: Any) -> bool:
    """Do it; what cannot be done is said at its place, until something else is asked there.

    Args:
        place: Where `complain` tells it.
        undone: What was not done where the record cannot be written now, such as "The run could not be deleted".

    Returns:
        Whether it was done.
    """
    complaints = page_state().complaints
    complaints.pop(place, None)
    try:
        do(*args)
    except UnwritableError as error:
        complaints[place] = f"{undone} now: {error} Nothing has changed; try again in a moment."
    except FitdashError as error:
        complaints[place] = str(error)
    return place not in complaints


def warn_of_writer_trouble(server: ServerResources) -> None:
    """Why what happens waits in memory rather than in the record; nothing while all is well."""
    if server.writer.trouble:
        st.warning(f"Runs cannot be written now, they wait in memory: {escape_markdown(server.writer.trouble)}")


def show_action_errors(place: str) -> None:
    """Why what was last asked here was not done."""
    for text in page_state().complaints.get(place, "").splitlines():
        st.error(escape_markdown(text))
