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

from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

_clear = ForwardMsgQueue.clear
_begin = AppSession._create_scriptrunner


def patch_streamlit() -> None:
    """Replaces two methods of Streamlit, so that neither a fragment nor a new script thread drops queued messages.

    Calling it again changes nothing.
    """
    ForwardMsgQueue.clear = _clear_less  # type: ignore[method-assign, assignment]
    AppSession._create_scriptrunner = _begin_behind  # type: ignore[method-assign, assignment]


def _clear_less(
    queue: ForwardMsgQueue, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None
) -> None:
    if fragment_ids_this_run is None:
        _clear(queue, retain_lifecycle_msgs)
    # A new message stays behind the end of the previous script run, rather than replacing one of its messages.
    queue._delta_index_map = {}


def _begin_behind(session: AppSession, asked: Any) -> None:
    """Starts a script thread after the last messages of the one that ended, queued before that one refused a rerun."""
    ended = session._scriptrunner
    if ended is None or not _is_on(session._event_loop):
        _begin(session, asked)
        return

    def begin() -> None:
        now = session._scriptrunner
        if session._state == AppSessionState.SHUTDOWN_REQUESTED:
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
