"""What waits to be sent to a browser: drawing a fragment again takes nothing away from it.

Streamlit drops what a fragment has waiting when that fragment is drawn again. On a busy server that loses more than
time: where the whole page was drawn just before, its end is sent all the same, and the browser takes the rest of the
fragment for gone, forgets its fields, and tells their defaults with the next click as if somebody had typed them; with
ten visitors this set the epochs of a run that was on from 400 to 10. And a value that a button gave to a field is told
once: dropped, the browser goes on telling the old one.

Nor does a thread that has just ended lose what it sent last. Streamlit passes over whatever comes from any thread but
the newest, and starts a new one for a fragment that is due while the end of a whole page still waits to be handled: the
browser, which stops all clocks when a page begins, then never hears that the live view is to be drawn again, and the
run stands still on that page for good (Streamlit issue 9921; one of ten busy pages showed "queued" for two minutes).
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
    """From now on, let no fragment and no new thread take anything from what was sent; more than once is fine."""
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
    # What comes now stays behind how the drawing before ended, rather than taking the place of what is in it.
    queue._delta_index_map = {}


def _begin_behind(session: Any, asked: Any) -> None:
    """Begin a thread behind what the one that ended by itself has sent: that was queued before it refused to go on."""
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
