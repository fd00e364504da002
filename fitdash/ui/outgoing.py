"""What waits to be sent to a browser: drawing a fragment again takes nothing away from it.

Streamlit drops what a fragment has waiting when that fragment is drawn again. On a busy server that loses more than
time: where the whole page was drawn just before, its end is sent all the same, and the browser takes the rest of the
fragment for gone, forgets its fields, and tells their defaults with the next click as if somebody had typed them; with
ten visitors this set the epochs of a run that was on from 400 to 10. And a value that a button gave to a field is told
once: dropped, the browser goes on telling the old one.
"""

from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

_clear = ForwardMsgQueue.clear


def keep_what_waits() -> None:
    """From now on, let no fragment take anything out of a queue; more than once is fine."""
    ForwardMsgQueue.clear = _clear_less  # type: ignore[method-assign, assignment]


def _clear_less(
    queue: ForwardMsgQueue, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None
) -> None:
    if fragment_ids_this_run is None:
        _clear(queue, retain_lifecycle_msgs)
    # What comes now stays behind how the drawing before ended, rather than taking the place of what is in it.
    queue._delta_index_map = {}
