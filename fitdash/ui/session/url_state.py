"""Query parameters that no widget has read yet: kept here, because a change of pages drops them from the URL."""

from typing import Any

import streamlit as st

WAITING, SAID = "link.waiting", "link.said"
ELSEWHERE = ("run",)
"""Query parameters that the page itself keeps."""


def keep_query_params() -> None:
    """Notes the query parameters before anything is drawn, and restores those that a change of pages dropped.

    A parameter waits while its widget belongs to another page or is not drawn yet, such as on a server that has just
    started.
    """
    state: Any = st.session_state
    waiting: dict[str, list[str]] = state.setdefault(WAITING, {})
    waiting |= {key: st.query_params.get_all(key) for key in st.query_params if key not in ELSEWHERE}
    forget_used_query_params()
    lost = {key: words for key, words in waiting.items() if key not in st.query_params}
    was_said = state.pop(SAID, False)
    if lost and not was_said:
        state[SAID] = True  # once: a URL that is too long does not come back
        st.query_params.update(lost)
        st.rerun()  # widgets read the query parameters with which a script run began


def forget_used_query_params() -> None:
    """Forgets the parameters that a widget, now drawn, has read: the widget itself keeps the URL from now on."""
    waiting = st.session_state.get(WAITING, {})
    for key in [key for key in waiting if key in st.session_state]:
        del waiting[key]


def entry_has_run() -> bool:
    """True if `app.py` has run in this session."""
    return WAITING in st.session_state
