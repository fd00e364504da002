"""Runs an action that the user clicked, such as a deletion; shows the error beside the control if it fails."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from fitdash.errors import FitdashError, UnwritableError
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.state import page_state
from fitdash.ui.view_models.formatting import escape_markdown


def run_action(place: str, undone: str, do: Callable[..., Any], *args: Any) -> None:
    """`try_action` as the `on_click` of a button."""
    try_action(place, undone, do, *args)


def try_action(place: str, undone: str, do: Callable[..., Any], *args: Any) -> bool:
    """Calls `do`; an error of fitdash is kept for its place until the next action there.

    Args:
        place: Where `show_action_errors` shows the error.
        undone: Start of the message if the store cannot be written now, such as "The run could not be deleted".

    Returns:
        True if the action succeeded.
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
    """Warns that events wait in memory because the writer cannot write them to the store, and says why."""
    if server.writer.trouble:
        st.warning(f"Runs cannot be written now, they wait in memory: {escape_markdown(server.writer.trouble)}")


def show_action_errors(place: str) -> None:
    """Shows why the last action at this place failed; nothing if it succeeded."""
    for text in page_state().complaints.get(place, "").splitlines():
        st.error(escape_markdown(text))
