"""Whose runs a session sees: on a server of many, an unguessable key that the browser keeps."""

import hashlib
import re
import secrets
from typing import Any

import streamlit as st

from fitdash.errors import StoreError
from fitdash.runs.record.records import RunRecord
from fitdash.runs.scheduling.runner import Run
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.view_models.run_view import RunView

NAME = "fitdash_visitor"
KEY = re.compile(r"[A-Za-z0-9_-]{43}")
# The cookie arrives with the next connection; where a frame of another site gets none, what is stored is told.
SCRIPT = r"""
export default function ({data, setStateValue}) {
  const name = data.name + '=';
  const cookie = document.cookie.split('; ').find(one => one.startsWith(name))?.slice(name.length);
  let stored = null;
  try { stored = localStorage.getItem(data.name); } catch {}
  const known = [cookie, stored].find(key => key && /^[\w-]{43}$/.test(key)) ?? data.key;
  const safe = location.protocol === 'https:' ? '; Secure' : '';
  document.cookie = name + known + '; Path=' + data.path + '; Max-Age=31536000; SameSite=Strict' + safe;
  try { localStorage.setItem(data.name, known); } catch {}
  if (known !== data.key) setStateValue('key', known);
}
"""
_mount = st.components.v2.component("fitdash_visitor", js=SCRIPT, isolate_styles=False)


def visitor_id(server: ServerResources) -> str | None:
    """Whose runs this session sees, steers and starts; None where everybody's are the same.

    It is a hash of the key: whoever reads the store cannot pass for somebody.
    """
    return hashlib.sha256(_key().encode()).hexdigest()[:32] if server.is_shared else None


def remember_visitor(server: ServerResources) -> None:
    """Let the browser keep the key, or tell the one that it has; belongs on every page, once."""
    if not server.is_shared:
        return
    path = "/" + (st.get_option("server.baseUrlPath") or "").strip("/")
    _mount(key="visitor", data={"key": _key(), "name": NAME, "path": path}, on_key_change=_take)


def may_see(server: ServerResources, run: RunRecord | RunView) -> bool:
    """This session may look at the run, by its link; at one of a script too, which has no owner."""
    return is_own(server, run.owner) or bool(run.shared) or run.owner is None


def is_own(server: ServerResources, owner: str | None) -> bool:
    """This session may steer what belongs to `owner`."""
    return not server.is_shared or owner == visitor_id(server)


def own_run(server: ServerResources, uid: str) -> Run | None:
    """The run of this process that this session may steer; a browser can press what is greyed."""
    run = server.runner.find(uid)
    return run if run is not None and is_own(server, run.owner) else None


def check_own(server: ServerResources, uid: str) -> None:
    """Refuse what only the owner of a run may do.

    Raises:
        StoreError: it is somebody else's.
    """
    run = server.store.run(uid)
    if run is None or not is_own(server, run.owner):
        raise StoreError("A run must be your own for that, got another visitor's.")


def _key() -> str:
    """The key of this session: the browser's, or a new one."""
    state: Any = st.session_state
    if "visitor.key" not in state:
        known = _cookie()
        state["visitor.key"] = known if KEY.fullmatch(known) else secrets.token_urlsafe(32)
    return str(state["visitor.key"])


def _cookie() -> str:
    return str(st.context.cookies.get(NAME, ""))


def _take() -> None:
    """Be who the browser says: another tab was first, or no cookie came."""
    known = st.session_state["visitor"].get("key")
    if isinstance(known, str) and KEY.fullmatch(known):
        st.session_state["visitor.key"] = known
