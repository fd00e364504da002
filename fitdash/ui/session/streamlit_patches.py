"""Patches of Streamlit that keep messages to the browser from being lost when a fragment reruns.

Streamlit drops the queued messages of a fragment when that fragment reruns. On a busy server that loses more than time:
if the whole page ran just before, the end of that script run is sent all the same, and the browser takes the rest of
the fragment for gone, forgets its widgets, and sends their defaults with the next click as if the visitor had typed
them; with ten visitors this set the epochs of an active run from 400 to 10. And a value that a button gave to a widget
is sent once: if that message is dropped, the browser goes on sending the old value.

A script thread that has just ended keeps its last messages too. Streamlit ignores whatever comes from any script thread
but the newest, and starts a new one for a fragment that is due while the end of a full script run still waits to be
handled: the browser, which stops all timers when a script run begins, then never learns that the live view is to rerun,
and the run stands still on that page for good (Streamlit issue 9921; one of ten busy pages showed "queued" for two
minutes).
"""

import asyncio
from typing import Any

from fitdash.private_names import find_private, warn_missing

INSTEAD = "a page of a busy server may lose what it was about to show until it is loaded again"
_QUEUE = find_private("streamlit.runtime.forward_msg_queue", "ForwardMsgQueue", INSTEAD)
_SESSION = find_private("streamlit.runtime.app_session", "AppSession", INSTEAD)
_STATES = find_private("streamlit.runtime.app_session", "AppSessionState", INSTEAD)
_clear: Any = getattr(_QUEUE, "clear", None)
_begin: Any = getattr(_SESSION, "_create_scriptrunner", None)


def patch_streamlit() -> None:
    """Replaces two methods of Streamlit, so that neither a fragment nor a new script thread drops queued messages.

    Calling it again changes nothing.
    """
    if _clear is not None:
        _QUEUE.clear = _clear_less
    if _begin is not None and _STATES is not None:
        _SESSION._create_scriptrunner = _begin_behind
    elif _SESSION is not None:
        warn_missing("streamlit.runtime.app_session.AppSession._create_scriptrunner", INSTEAD)


def _clear_less(
    queue: Any, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None
) -> None:
    if not hasattr(queue, "_delta_index_map"):
        warn_missing("streamlit.runtime.forward_msg_queue.ForwardMsgQueue._delta_index_map", INSTEAD)
        _clear(queue, retain_lifecycle_msgs, fragment_ids_this_run)
        return
    if fragment_ids_this_run is None:
        _clear(queue, retain_lifecycle_msgs)
    # A new message stays behind the end of the previous script run, rather than replacing one of its messages.
    queue._delta_index_map = {}


def _begin_behind(session: Any, asked: Any) -> None:
    """Starts a script thread after the last messages of the one that ended, queued before that one refused a rerun."""
    if not all(hasattr(session, name) for name in ("_scriptrunner", "_event_loop", "_state")):
        warn_missing("streamlit.runtime.app_session.AppSession._scriptrunner", INSTEAD)
        _begin(session, asked)
        return
    ended = session._scriptrunner
    if ended is None or not _is_on(session._event_loop):
        _begin(session, asked)
        return

    def begin() -> None:
        now = session._scriptrunner
        if session._state == _STATES.SHUTDOWN_REQUESTED:
            return
        if now is None or now is ended:
            _begin(session, asked)
        elif not now.request_rerun(asked):
            _begin_behind(session, asked)

    session._event_loop.call_soon(begin)


def _is_on(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
