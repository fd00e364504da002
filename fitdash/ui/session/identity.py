"""Which runs a session sees. On a shared server the browser keeps an unguessable key that identifies the visitor."""

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
# The cookie arrives with the next connection; in a frame of another site it never does, so the script sends the key
# that localStorage holds.
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
    """Owner of the runs that this session sees, steers and starts; None on a server where runs have no owners.

    A hash of the key, so that a reader of the store cannot pass for a visitor.
    """
    return hashlib.sha256(_key().encode()).hexdigest()[:32] if server.is_shared else None


def remember_visitor(server: ServerResources) -> None:
    """Lets the browser keep the key of this session, or send back the key that it has; called once on every page."""
    if not server.is_shared:
        return
    path = "/" + (st.get_option("server.baseUrlPath") or "").strip("/")
    _mount(key="visitor", data={"key": _key(), "name": NAME, "path": path}, on_key_change=_take)


def may_see(server: ServerResources, run: RunRecord | RunView) -> bool:
    """True if this session may view the run by its link: its own, a shared one, or a script's, which has no owner."""
    return is_own(server, run.owner) or bool(run.shared) or run.owner is None


def is_own(server: ServerResources, owner: str | None) -> bool:
    """True if this session may steer the runs and sweeps of `owner`."""
    return not server.is_shared or owner == visitor_id(server)


def own_run(server: ServerResources, uid: str) -> Run | None:
    """The run of this process if this session may steer it; checked here, as a browser can press a greyed button."""
    run = server.runner.find(uid)
    return run if run is not None and is_own(server, run.owner) else None


def check_own(server: ServerResources, uid: str) -> None:
    """Refuses an action that only the owner of the run may take.

    Raises:
        StoreError: the run belongs to another visitor, or is not in the store.
    """
    run = server.store.run(uid)
    if run is None or not is_own(server, run.owner):
        raise StoreError("A run must be your own for that, got another visitor's.")


def _key() -> str:
    """The key of this session: the one in the browser's cookie, or a new one."""
    state: Any = st.session_state
    if "visitor.key" not in state:
        known = _cookie()
        state["visitor.key"] = known if KEY.fullmatch(known) else secrets.token_urlsafe(32)
    return str(state["visitor.key"])


def _cookie() -> str:
    return str(st.context.cookies.get(NAME, ""))


def _take() -> None:
    """Takes the key that the browser already has: another tab set it first, or the cookie did not arrive."""
    known = st.session_state["visitor"].get("key")
    if isinstance(known, str) and KEY.fullmatch(known):
        st.session_state["visitor.key"] = known
