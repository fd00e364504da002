"""Sharing on a shared server: other visitors see a run only if its owner shares it by its link."""

import streamlit as st

from fitdash.ui.session.action_errors import show_action_errors, try_action
from fitdash.ui.session.identity import check_own, is_own
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.view_models.run_view import RunView


def draw(server: ServerResources, run: RunView) -> None:
    """Draws the switch for the owner, a notice for other visitors; nothing on a server where runs have no owners."""
    if not server.is_shared or run.is_example:
        return
    if not is_own(server, run.owner):
        st.caption("This run is another visitor's, shared by its link: it can be looked at, not steered.")
        return
    key = f"share-{run.uid}"
    st.toggle(
        "Share by link",
        value=run.shared,
        key=key,
        help="Whoever has the address of this page may then look at the run and download it. Nobody else can steer it.",
        on_change=_switched,
        args=[server, run.uid, key],
    )
    show_action_errors(key)


def _switched(server: ServerResources, uid: str, key: str) -> None:
    """Shares or hides the run as the switch says; sets the switch back if that fails."""
    wanted = bool(st.session_state[key])
    undone = f"The run could not be {'shared' if wanted else 'hidden from others'}"
    if not try_action(key, undone, _share, server, uid, wanted):
        st.session_state[key] = not wanted


def _share(server: ServerResources, uid: str, is_shared: bool) -> None:
    check_own(server, uid)
    server.store.share(uid, is_shared)
