"""What the dashboard takes from Streamlit beside its public names, each with what happens where it is gone.

Sessions of browser tabs, the web application that serves them, and the switch between two kinds of page navigation.
"""

from threading import Thread
from typing import Any

from streamlit import runtime

from fitdash.private_names import find_private, warn_missing

SCRIPT_RUNNER = "streamlit.runtime.scriptrunner"


def script_run_context() -> Any:
    """The context of the browser tab whose script runs in this thread; None outside of one."""
    get = find_private(SCRIPT_RUNNER, "get_script_run_ctx", "pages are drawn whole, and all tabs count as one viewer")
    return None if get is None else get()


def run_for(thread: Thread, context: Any) -> None:
    """Let Streamlit's calls in a thread count for the browser tab of a context."""
    add = find_private(SCRIPT_RUNNER, "add_script_run_ctx", "pages are drawn whole")
    if add is not None:
        add(thread, context)


def web_application() -> Any:
    """The Starlette application that serves the browser tab of this thread; None where there is none, as in a test."""
    context = script_run_context()
    if context is None or not runtime.exists():
        return None
    try:
        client: Any = runtime.get_instance().get_client(context.session_id)
        return None if client is None else client._websocket.app
    except AttributeError:
        warn_missing("streamlit.runtime client._websocket.app", "pages are drawn whole, as often as a run changes")
        return None


def leave_pages_directory() -> bool:
    """Let navigation come from `app.py` alone, not from the folder `pages/`; True if that is a change."""
    manager = find_private(
        "streamlit.runtime.pages_manager", "PagesManager", "a page opened by its own file has no menu"
    )
    if manager is None or not getattr(manager, "uses_pages_directory", False):
        return False
    manager.uses_pages_directory = False
    return True
