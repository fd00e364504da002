"""What the link said that no widget has taken up yet: a browser drops it where the page changes."""

from typing import Any

import streamlit as st

WAITING, SAID = "link.waiting", "link.said"
ELSEWHERE = ("run",)
"""Kept by the page itself."""


def keep_query_params() -> None:
    """Before anything is drawn: note what waits in the link, and say it there again where a change of pages dropped it.

    It waits where its control belongs to another page or is not drawn yet, such as on a server that has just started.
    """
    state: Any = st.session_state
    waiting: dict[str, list[str]] = state.setdefault(WAITING, {})
    waiting |= {key: st.query_params.get_all(key) for key in st.query_params if key not in ELSEWHERE}
    forget_used_query_params()
    lost = {key: words for key, words in waiting.items() if key not in st.query_params}
    was_said = state.pop(SAID, False)
    if lost and not was_said:
        state[SAID] = True  # once: a link that is too long is not read back
        st.query_params.update(lost)
        st.rerun()  # controls begin from the link with which a run began


def forget_used_query_params() -> None:
    """After everything was drawn: forget what a widget has taken up, which tells the link itself from now on."""
    waiting = st.session_state.get(WAITING, {})
    for key in [key for key in waiting if key in st.session_state]:
        del waiting[key]


def entry_has_run() -> bool:
    """The entry has been run for this session."""
    return WAITING in st.session_state
